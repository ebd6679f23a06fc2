"""The map that the encoder learns: its arithmetic, what it learns, and when it is not kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from index.adapt import (
    FEWEST,
    Adapted,
    AdaptedEncoder,
    LinearMap,
    Pairs,
    adapt,
    hold_out,
    steps_of,
    without_name,
)
from index.encoders import Encoder, Vectors
from index.threads import one_blas_thread

DIMENSION = 16
PAPERS = 400
ENOUGH = 5.0  # seconds, as a budget says it; here it is a tenth of that


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices as small as these are multiplied sooner by one thread."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch, one_blas_thread():
        patch.setattr("index.adapt.cpu_count", lambda: 1)
        yield
    torch.set_num_threads(threads)


def unit(vectors: npt.NDArray[np.floating]) -> Vectors:
    made: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return made


def make_map(seed: int = 0, size: int = DIMENSION) -> LinearMap:
    random = np.random.default_rng(seed)
    mean, matrix = random.normal(size=size), random.normal(size=(size, size))
    return LinearMap(mean.astype(np.float32), matrix.astype(np.float32))


def some_vectors(count: int, seed: int = 1) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(count, DIMENSION)))


def corpus(seed: int = 0, papers: int = PAPERS, rotate: bool = True) -> Pairs:
    """Papers with two passages each, about a direction of their own.

    With `rotate`, titles have half of their dimensions turned away from where the passages have
    them, so that these say nothing and are only in the way. Every fifth paper is held out.
    """
    random = np.random.default_rng(seed)
    subjects = random.normal(size=(papers, DIMENSION))
    owners = np.repeat(np.arange(papers), 2)
    passages = unit(subjects[owners] + 0.3 * random.normal(size=(len(owners), DIMENSION)))
    named = subjects.copy()
    if rotate:
        half = DIMENSION // 2
        turned, _ = np.linalg.qr(random.normal(size=(half, half)))
        named[:, half:] = named[:, half:] @ turned
    titles = unit(named + 0.3 * random.normal(size=named.shape))
    return Pairs(titles, passages, owners, np.arange(papers) % 5 == 0)


def reciprocal_rank(pairs: Pairs, linear: LinearMap | None) -> float:
    """Of the held-out papers by their titles, paper by paper."""
    titles, passages = pairs.titles, pairs.passages
    if linear is not None:
        titles, passages = linear(titles), linear(passages)
    found = []
    for paper in np.flatnonzero(pairs.held_out):
        own = pairs.owners == paper
        if own.any():
            cosines = passages @ titles[paper]
            better = set(pairs.owners[cosines > cosines[own].max()].tolist())
            found.append(1 / (1 + len(better)))
    return float(np.mean(found))


class TestLinearMap:
    def test_it_moves_turns_and_brings_to_length_one(self) -> None:
        linear = LinearMap(np.array([1, 0], np.float32), np.array([[0, 2], [1, 0]], np.float32))
        # (4, 4) - (1, 0) = (3, 4); (3, 4) @ matrix = (4, 6); over sqrt(52)
        found = linear(np.array([[4, 4]], np.float32))
        assert found[0] == pytest.approx([4 / 52**0.5, 6 / 52**0.5], abs=1e-6)
        assert found.dtype == np.float32

    def test_many_vectors_are_mapped_as_each_alone(self) -> None:
        linear, vectors = make_map(), some_vectors(30)
        together = linear(vectors)
        assert together.shape == vectors.shape
        assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
        for row in (0, 7, 29):
            assert linear(vectors[row : row + 1])[0] == pytest.approx(together[row], abs=1e-5)

    def test_the_mean_itself_is_mapped_to_nothing(self) -> None:
        linear = make_map()
        assert not linear(linear.mean[None]).any()

    def test_no_vectors_are_mapped_to_none(self) -> None:
        assert make_map()(np.empty((0, DIMENSION), np.float32)).shape == (0, DIMENSION)

    def test_a_share_of_the_way_lies_on_the_way(self) -> None:
        linear, identity = make_map(), np.eye(DIMENSION)
        for share in (0.0, 0.25, 0.5, 1.0):
            found = linear.tempered(share)
            wanted = (1 - share) * identity + share * linear.matrix
            assert found.matrix == pytest.approx(wanted, abs=1e-5)
            assert found.matrix.dtype == np.float32
            assert found.mean.tolist() == linear.mean.tolist()
        whole = linear.tempered(1.0)(some_vectors(5))
        assert whole == pytest.approx(linear(some_vectors(5)), abs=1e-5)

    def test_it_comes_back_as_it_was_written(self, tmp_path: Path) -> None:
        linear = make_map()
        linear.write(tmp_path / "map")
        found = LinearMap.open(tmp_path / "map")
        assert found.mean.tobytes() == linear.mean.tobytes()
        assert found.matrix.tobytes() == linear.matrix.tobytes()
        assert found.fingerprint == linear.fingerprint
        assert found(some_vectors(5)).tolist() == linear(some_vectors(5)).tolist()

    def test_the_fingerprint_is_of_every_number(self) -> None:
        linear = make_map()
        assert make_map().fingerprint == linear.fingerprint
        mean, matrix = linear.mean.copy(), linear.matrix.copy()
        mean[3] += np.float32(1e-3)
        matrix[2, 5] += np.float32(1e-3)
        others = {
            LinearMap(mean, linear.matrix).fingerprint,
            LinearMap(linear.mean, matrix).fingerprint,
            linear.tempered(0.5).fingerprint,
            linear.fingerprint,
        }
        assert len(others) == 4

    @pytest.mark.parametrize("seed", range(12))
    def test_a_map_can_be_undone(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        size = (2, 16, 64)[seed % 3]
        vectors = unit(random.normal(size=(50, size)) + random.normal(size=size))
        turn, _ = np.linalg.qr(random.normal(size=(size, size)))
        other, _ = np.linalg.qr(random.normal(size=(size, size)))
        matrix = (turn * random.uniform(0.4, 2.5, size)) @ other
        linear = LinearMap(vectors.mean(0), matrix.astype(np.float32))
        found = linear.undo(linear(vectors))
        assert found.dtype == np.float32
        assert found == pytest.approx(vectors, abs=1e-5)

    def test_a_learned_map_can_be_undone(self, adapted: Adapted) -> None:
        assert adapted.map is not None
        vectors = some_vectors(100)
        assert adapted.map.undo(adapted.map(vectors)) == pytest.approx(vectors, abs=1e-5)

    def test_a_map_that_was_read_can_be_undone_too(self, tmp_path: Path) -> None:
        matrix = np.eye(DIMENSION, dtype=np.float32) * np.linspace(0.5, 2, DIMENSION)
        before = LinearMap(some_vectors(9).mean(0), matrix.astype(np.float32))
        before.write(tmp_path / "map")
        linear, vectors = LinearMap.open(tmp_path / "map"), some_vectors(20)
        assert linear.undo(linear(vectors)) == pytest.approx(vectors, abs=1e-5)
        assert linear.undo(linear(vectors[:0])).shape == (0, DIMENSION)


class Lengths(Encoder):
    """An `Encoder` of random vectors, one for each text; queries are encoded otherwise."""

    dimension = DIMENSION
    fingerprint = "lengths"

    def encode_document(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        for _ in texts:
            if on_batch:
                on_batch(1)
        return self._encode(texts, 1)

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, 2)

    def _encode(self, texts: Sequence[str], kind: int) -> Vectors:
        seeds = [[kind, *text.encode()] for text in texts]
        rows = [np.random.default_rng(seed).normal(size=DIMENSION) for seed in seeds]
        return (
            unit(np.array(rows).reshape(-1, DIMENSION))
            if rows
            else np.empty((0, DIMENSION), np.float32)
        )


class TestAdaptedEncoder:
    def test_passages_and_queries_go_through_the_map(self) -> None:
        inner, linear = Lengths(), make_map()
        encoder: Encoder = AdaptedEncoder(inner, linear)
        texts = ["하나", "둘", "three"]
        passages, queries = encoder.encode_document(texts), encoder.encode_query(texts)
        assert passages == pytest.approx(linear(inner.encode_document(texts)), abs=1e-6)
        assert queries == pytest.approx(linear(inner.encode_query(texts)), abs=1e-6)
        assert not np.allclose(passages, queries)
        for vectors in (passages, queries):
            assert vectors.shape == (3, encoder.dimension)
            assert vectors.dtype == np.float32
            assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)

    def test_a_text_has_the_same_vector_in_any_company(self) -> None:
        encoder = AdaptedEncoder(Lengths(), make_map())
        together = encoder.encode_document(["하나", "둘", "셋"])
        assert encoder.encode_document(["둘"])[0] == pytest.approx(together[1], abs=1e-5)

    def test_no_texts_have_no_vectors(self) -> None:
        encoder = AdaptedEncoder(Lengths(), make_map())
        assert encoder.encode_document([]).shape == (0, DIMENSION)
        assert encoder.encode_query([]).shape == (0, DIMENSION)

    def test_every_text_is_counted_once_as_done(self) -> None:
        done: list[int] = []
        AdaptedEncoder(Lengths(), make_map()).encode_document(["a", "b", "c"], done.append)
        assert sum(done) == 3

    def test_the_fingerprint_is_of_the_encoder_and_the_map(self) -> None:
        encoder = AdaptedEncoder(Lengths(), make_map())
        assert encoder.fingerprint == AdaptedEncoder(Lengths(), make_map()).fingerprint
        other = Lengths()
        other.fingerprint = "others"
        known = {
            encoder.fingerprint,
            encoder.inner.fingerprint,
            AdaptedEncoder(Lengths(), make_map(1)).fingerprint,
            AdaptedEncoder(other, make_map()).fingerprint,
        }
        assert len(known) == 4


class TestHoldOut:
    IDS = tuple(f"24{i // 1000:02}.{i:05}" for i in range(5_000))

    @pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
    def test_about_so_many_are_held_out(self, share: float) -> None:
        found = hold_out(self.IDS, share)
        assert found.shape == (len(self.IDS),)
        assert found.dtype == np.bool_
        # Four standard deviations of a draw with that chance.
        deviation = (share * (1 - share) / len(self.IDS)) ** 0.5
        assert found.mean() == pytest.approx(share, abs=4 * deviation)

    def test_none_and_all_can_be_held_out(self) -> None:
        assert not hold_out(self.IDS, 0.0).any()
        assert hold_out(self.IDS, 1.0).all()
        assert hold_out([], 0.5).shape == (0,)

    def test_a_paper_is_held_out_whatever_else_there_is(self) -> None:
        whole = dict(zip(self.IDS, hold_out(self.IDS, 0.3).tolist(), strict=True))
        for ids in (self.IDS[::7], self.IDS[::-1], ["new", *self.IDS[:50], "newer"]):
            for name, held in zip(ids, hold_out(ids, 0.3).tolist(), strict=True):
                assert whole.get(name, held) == held

    def test_of_a_greater_share_a_smaller_one_is_part(self) -> None:
        few, many = hold_out(self.IDS, 0.1), hold_out(self.IDS, 0.2)
        assert (many | ~few).all()
        assert many.sum() > few.sum()


@pytest.fixture(scope="module")
def adapted() -> Adapted:
    """What is learned of the corpus as it is by default."""
    return adapt(corpus(), ENOUGH)


class TestAdapt:
    def test_what_is_turned_away_is_learned_and_the_map_is_kept(self, adapted: Adapted) -> None:
        pairs, found = corpus(), adapted
        assert found.map is not None
        assert found.before == pytest.approx(reciprocal_rank(pairs, None), abs=1e-6)
        assert found.after == pytest.approx(reciprocal_rank(pairs, found.map), abs=1e-6)
        assert found.after > found.before + 0.05

    def test_it_is_validated_in_parts_as_at_once(
        self, adapted: Adapted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for cosines in (1, 7 * 2 * PAPERS):  # one paper at a time, seven
            monkeypatch.setattr("index.adapt._COSINES", cosines)
            found = adapt(corpus(), ENOUGH)
            assert found.before == pytest.approx(adapted.before, abs=1e-9)
            assert found.after == pytest.approx(adapted.after, abs=1e-9)

    def test_what_was_turned_away_counts_less_after_it(self, adapted: Adapted) -> None:
        assert adapted.map is not None
        kept, turned = np.split(adapted.map.matrix, 2)
        assert np.linalg.norm(kept) > 1.05 * np.linalg.norm(turned)

    def test_the_map_helps_papers_that_it_was_neither_learned_from_nor_chosen_by(self) -> None:
        # The first 400 papers are learned from; the rest only validate anew.
        whole = corpus(papers=600)
        first = whole.owners < 400
        learned = adapt(
            Pairs(
                whole.titles[:400], whole.passages[first], whole.owners[first], whole.held_out[:400]
            ),
            ENOUGH,
        )
        assert learned.map is not None
        unseen = Pairs(whole.titles, whole.passages, whole.owners, np.arange(600) >= 400)
        assert reciprocal_rank(unseen, learned.map) > reciprocal_rank(unseen, None) + 0.05

    def test_where_nothing_is_left_to_learn_there_is_no_map(self) -> None:
        pairs = corpus()
        pairs = Pairs(pairs.passages[::2], pairs.passages, pairs.owners, pairs.held_out)
        found = adapt(pairs, ENOUGH)
        assert found.before == 1.0
        assert found.map is None

    @pytest.mark.parametrize("seed", range(4))
    def test_a_map_that_only_chance_favours_is_not_kept(self, seed: int) -> None:
        # Titles that have nothing to do with their papers.
        pairs = corpus(seed)
        titles = some_vectors(PAPERS, seed + 100)
        pairs = Pairs(titles, pairs.passages, pairs.owners, pairs.held_out)
        found = adapt(pairs, 1.0)
        assert found.map is None
        assert found.after < 0.1

    def test_learning_again_gives_the_same_to_the_bit(self, adapted: Adapted) -> None:
        one, other = adapted, adapt(corpus(), ENOUGH)
        assert one.map is not None
        assert other.map is not None
        assert one.map.matrix.tobytes() == other.map.matrix.tobytes()
        assert one.map.mean.tobytes() == other.map.mean.tobytes()
        assert (one.before, one.after) == (other.before, other.after)

    def test_the_vectors_stay_as_they_were(self) -> None:
        pairs, same = corpus(), corpus()
        adapt(pairs, 1.0)
        assert pairs.titles.tobytes() == same.titles.tobytes()
        assert pairs.passages.tobytes() == same.passages.tobytes()

    def test_every_step_is_told(self) -> None:
        done: list[int] = []
        adapt(corpus(), 1.0, done.append)
        assert sum(done) == steps_of(1.0) > 0

    def test_without_a_budget_nothing_is_learned(self) -> None:
        done: list[int] = []
        assert adapt(corpus(), 0.0, done.append).map is None
        assert done == []

    def test_more_time_is_more_steps_up_to_a_bound(self) -> None:
        assert steps_of(0) == 0
        assert 0 < steps_of(1) < steps_of(5) <= steps_of(1e9)
        assert steps_of(60) == steps_of(1e9)

    @pytest.mark.parametrize(
        ("learners", "validators"), [(0, 100), (FEWEST - 1, 100), (300, 0), (300, 19), (1, 0)]
    )
    def test_from_too_few_papers_nothing_is_learned(self, learners: int, validators: int) -> None:
        pairs = corpus(papers=learners + validators)
        held_out = np.arange(learners + validators) >= learners
        found = adapt(Pairs(pairs.titles, pairs.passages, pairs.owners, held_out), 1.0)
        assert found.map is None
        assert found.before == found.after == 0.0

    def test_just_enough_papers_are_enough(self) -> None:
        pairs = corpus(papers=FEWEST + 20)
        held_out = np.arange(FEWEST + 20) >= FEWEST
        found = adapt(Pairs(pairs.titles, pairs.passages, pairs.owners, held_out), ENOUGH)
        assert found.before > 0

    def test_papers_without_passages_are_passed_over(self) -> None:
        pairs = corpus()
        # The first, the last, some that are held out and some that are not.
        bare = np.isin(np.arange(PAPERS), [0, 1, 7, 10, 15, 100, 101, 102, 398, 399])
        kept = ~bare[pairs.owners]
        less = Pairs(pairs.titles, pairs.passages[kept], pairs.owners[kept], pairs.held_out)
        found = adapt(less, ENOUGH)
        assert found.map is not None
        assert np.isfinite(found.map.matrix).all()
        assert found.before == pytest.approx(reciprocal_rank(less, None), abs=1e-6)
        assert found.after == pytest.approx(reciprocal_rank(less, found.map), abs=1e-6)
        # As if they were not there at all.
        rows = np.cumsum(~bare) - 1
        rest = Pairs(pairs.titles[~bare], less.passages, rows[less.owners], pairs.held_out[~bare])
        assert adapt(rest, ENOUGH).before == pytest.approx(found.before, abs=1e-6)

    def test_papers_without_passages_are_too_few_however_many(self) -> None:
        pairs = corpus()
        none = np.zeros(0, np.int64)
        bare = Pairs(pairs.titles, np.zeros((0, DIMENSION), np.float32), none, pairs.held_out)
        assert adapt(bare, 1.0).map is None

    def test_papers_of_one_passage_are_learned_from(self) -> None:
        pairs = corpus()
        single = Pairs(pairs.titles, pairs.passages[::2], pairs.owners[::2], pairs.held_out)
        found = adapt(single, ENOUGH)
        assert found.map is not None
        assert np.isfinite(found.map.matrix).all()
        assert found.after > found.before


@pytest.mark.parametrize(
    ("title", "without"),
    [
        ("LoRA: Low-Rank Adaptation", "Low-Rank Adaptation"),
        ("Attention Is All You Need", "Attention Is All You Need"),
        ("SWE-bench:  Can Models Resolve Issues?", "Can Models Resolve Issues?"),
        ("DPO: Your Model: a Reward Model", "Your Model: a Reward Model"),
        ("A ratio of 3:1 in all", "A ratio of 3:1 in all"),
        ("Nothing after it: ", "Nothing after it: "),
        (": nothing before it", ": nothing before it"),
        (f"{'so long that it is no name ' * 3}: the rest", None),
        ("", ""),
    ],
)
def test_a_title_is_parted_from_the_name_before_its_colon(title: str, without: str | None) -> None:
    assert without_name(title) == (title if without is None else without)
