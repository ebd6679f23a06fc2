"""Late interaction: MaxSim against a computation token by token, and what is learned for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from index.arrays import Ragged
from index.blocks import Blocks
from index.encoders.base import Basis, Tokens
from index.late import MOST_TOKENS, Coded, LateIndex, LateQuery, LateScores, TokenSpace
from index.spans import tuples

Floats = npt.NDArray[np.float32]
Groups = Sequence[Sequence[int]]

DIMENSION = 6
CENTROIDS = 40
STEP = 1 / 127.5  # of a byte, as a cosine
ROUNDING = STEP / 2 + 1e-6


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    made: Floats = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return made


def tokens_of(vectors: Floats, ids: Sequence[int]) -> Tokens:
    count = len(vectors)
    places = np.stack([np.arange(count), np.arange(count) + 1], 1).astype(np.int32)
    return Tokens(vectors, np.array(ids, np.int64), places, np.array([count], np.int64))


class Words:
    """A `MultiVectorEncoder` of words: one vector for each, wherever it stands."""

    token_dimension = 12
    vocabulary = 50
    token_fingerprint = "words"

    def __init__(self, dimension: int = token_dimension) -> None:
        self.token_dimension = dimension
        random = np.random.default_rng(3)
        # Each axis varies by another amount, so that the principal axes are well apart.
        spread = 3.0 / (1 + np.arange(dimension))
        turned, _ = np.linalg.qr(random.normal(size=(dimension, dimension)))
        table = random.normal(size=(self.vocabulary, dimension)) * spread @ turned + 0.7
        self.table = table.astype(np.float32)

    def encode_document_tokens(
        self,
        texts: Sequence[str],
        basis: Basis | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[Sequence[int], Tokens]]:
        for row, text in enumerate(texts):
            yield [row], self.encode_query_tokens(text, basis)

    def encode_query_tokens(self, text: str, basis: Basis | None = None) -> Tokens:
        ids = [int(word) for word in text.split()]
        vectors = self.table[ids]
        return tokens_of(vectors if basis is None else basis.lay_down(vectors), ids)


def some_texts(count: int) -> list[str]:
    random = np.random.default_rng(5)
    return [" ".join(map(str, random.integers(0, 50, 12))) for _ in range(count)]


def write(texts: Sequence[Coded], folder: Path) -> None:
    rows = [np.column_stack([text.codes, text.spans]) for text in texts]
    LateIndex.write(Ragged.of(rows, np.zeros((0, 3), np.uint16)), folder)


class Corpus(NamedTuple):
    """An index, and what it was written from."""

    space: TokenSpace
    late: LateIndex
    texts: list[Coded]


def make_space(rarity: Sequence[float] = (1.0,) * 200) -> TokenSpace:
    random = np.random.default_rng(0)
    return TokenSpace(
        Basis(np.zeros(DIMENSION, np.float32), np.eye(DIMENSION, dtype=np.float32)),
        unit(random.normal(size=(CENTROIDS, DIMENSION))),
        np.array(rarity, np.float32),
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Twenty passages, one of them without tokens, and titles after them."""
    random = np.random.default_rng(1)
    texts = []
    for length in [5, 3, 0, 9, 1, 4, 7, 2, 6, 8] * 2 + [3, 0, 2, 4]:
        starts = np.arange(length) * 3
        codes = random.integers(0, CENTROIDS, length).astype(np.uint16)
        texts.append(Coded(codes, np.stack([starts, starts + 2], 1).astype(np.uint16)))
    folder = tmp_path_factory.mktemp("late")
    write(texts, folder)
    return Corpus(make_space(), LateIndex.open(folder), texts)


def ask(space: TokenSpace, count: int = 7, seed: int = 2) -> tuple[LateQuery, Floats, Floats]:
    """A query, its tokens' vectors and their weights."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, DIMENSION)).astype(np.float32)
    ids = random.permutation(len(space.rarity))[:count].tolist()
    query = space.query(tokens_of(vectors, ids))
    assert query is not None
    weights = space.rarity[ids] / space.rarity[ids].sum()
    return query, unit(vectors), weights.astype(np.float32)


def max_sim(corpus: Corpus, vectors: Floats, weights: Floats, rows: Sequence[int]) -> float:
    """MaxSim of some texts as if they were one, from the cosines as they are."""
    codes = [int(code) for row in rows for code in corpus.texts[row].codes]
    if not codes:
        return -1.0
    cosines = [[float(corpus.space.centroids[code] @ one) for code in codes] for one in vectors]
    return sum(float(w) * max(line) for w, line in zip(weights, cosines, strict=True))


def scores(
    late: LateIndex, query: LateQuery, groups: Groups, titles: Sequence[int] | None = None
) -> LateScores:
    rows = Ragged.of([np.array(group, np.int64) for group in groups], np.zeros(0, np.int64))
    return late.scores(query, rows, None if titles is None else np.array(titles, np.int64))


def matches(late: LateIndex, query: LateQuery, passage: int) -> list[tuple[int, int]]:
    (found,) = tuples(late.matches(query, np.array([passage])))
    return list(found)


class TestScores:
    @pytest.mark.parametrize(
        "groups",
        [
            [[0], [1], [3]],
            [[0, 1], [3, 4, 5], [6]],
            [list(range(20))],
            [[0, 3, 8], [1, 5], [9, 13, 19]],  # not side by side
            [[4, 5], [0, 1], [4, 5]],  # in no order, and one of them twice
            [[2], [1, 2], [2, 3], [2, 12]],  # passages without tokens
        ],
    )
    def test_a_group_is_scored_as_token_by_token(self, corpus: Corpus, groups: Groups) -> None:
        query, vectors, weights = ask(corpus.space)
        found = scores(corpus.late, query, groups)
        whole = [max_sim(corpus, vectors, weights, group) for group in groups]
        best = [max(max_sim(corpus, vectors, weights, [one]) for one in rows) for rows in groups]
        assert found.whole == pytest.approx(whole, abs=ROUNDING)
        assert found.best == pytest.approx(best, abs=ROUNDING)
        assert found.whole.dtype == found.best.dtype == np.float32

    @given(
        st.lists(st.lists(st.integers(0, 19), max_size=5).map(sorted), max_size=6),
        st.integers(0, 5),
    )
    @settings(max_examples=60, deadline=None)
    def test_any_groups_are_scored_as_token_by_token(
        self, corpus: Corpus, groups: Groups, seed: int
    ) -> None:
        query, vectors, weights = ask(corpus.space, seed=seed)
        found = scores(corpus.late, query, groups)
        whole = [max_sim(corpus, vectors, weights, group) for group in groups]
        alone = [[max_sim(corpus, vectors, weights, [one]) for one in group] for group in groups]
        assert found.whole == pytest.approx(whole, abs=ROUNDING)
        assert found.best == pytest.approx([max(s, default=-1.0) for s in alone], abs=ROUNDING)

    def test_a_group_without_passages_is_the_worst(self, corpus: Corpus) -> None:
        query, vectors, weights = ask(corpus.space)
        found = scores(corpus.late, query, [[], [0, 1], [], [3], []])
        expected = [max_sim(corpus, vectors, weights, rows) for rows in ([0, 1], [3])]
        assert found.whole[[0, 2, 4]].tolist() == [-1.0, -1.0, -1.0]
        assert found.best[[0, 2, 4]].tolist() == [-1.0, -1.0, -1.0]
        assert found.whole[[1, 3]] == pytest.approx(expected, abs=ROUNDING)
        none = scores(corpus.late, query, [[], []])
        assert none.whole.tolist() == none.best.tolist() == [-1.0, -1.0]

    def test_no_groups_have_no_scores(self, corpus: Corpus) -> None:
        query, _, _ = ask(corpus.space)
        for found in (scores(corpus.late, query, []), scores(corpus.late, query, [], [])):
            assert found.whole.shape == found.best.shape == (0,)

    def test_a_title_is_part_of_the_whole_alone(self, corpus: Corpus) -> None:
        query, vectors, weights = ask(corpus.space)
        groups, titles = [[0, 1], [4], [6, 9], [2]], [20, 22, 21, 23]  # 21 has no tokens
        with_titles = scores(corpus.late, query, groups, titles)
        without = scores(corpus.late, query, groups)
        whole = [
            max_sim(corpus, vectors, weights, [*group, title])
            for group, title in zip(groups, titles, strict=True)
        ]
        assert with_titles.whole == pytest.approx(whole, abs=ROUNDING)
        assert with_titles.best.tolist() == without.best.tolist()
        assert (with_titles.whole > without.whole).any()
        assert with_titles.whole[2] == without.whole[2]

    def test_a_title_does_not_stand_for_a_paper_whose_passages_are_filtered_out(
        self, corpus: Corpus
    ) -> None:
        query, _, _ = ask(corpus.space)
        found = scores(corpus.late, query, [[], [0]], [20, 22])
        assert found.whole[0] == found.best[0] == -1.0
        assert found.whole[1] > -1.0

    def test_a_group_has_the_same_score_in_any_company(self, corpus: Corpus) -> None:
        query, _, _ = ask(corpus.space)
        groups = [[0, 1], [3], [4, 5, 6], [9, 12], [], [2]]
        together = scores(corpus.late, query, groups)
        for chosen in ([0], [5, 2], [3, 4, 1]):
            found = scores(corpus.late, query, [groups[i] for i in chosen])
            assert found.whole == pytest.approx(together.whole[chosen], abs=1e-6)
            assert found.best == pytest.approx(together.best[chosen], abs=1e-6)

    def test_a_paper_that_says_the_query_itself_has_the_highest_score(self, corpus: Corpus) -> None:
        own = corpus.texts[3].codes
        query = corpus.space.query(tokens_of(corpus.space.centroids[own], range(len(own))))
        assert query is not None
        found = scores(corpus.late, query, [[row] for row in range(20)])
        assert found.whole[3] == found.best[3] == pytest.approx(1, abs=1e-5)
        assert int(found.whole.argmax()) == 3


class TestQuery:
    def test_the_table_is_the_cosines_within_half_a_step(self) -> None:
        space = make_space()
        query, vectors, _ = ask(space, count=50)
        assert query.table.shape == (CENTROIDS, 50)
        cosines = space.centroids.astype(np.float64) @ vectors.T
        assert np.abs(query.table * STEP - 1 - cosines).max() <= ROUNDING

    def test_the_table_reaches_both_ends(self) -> None:
        space = make_space()
        query = space.query(
            tokens_of(np.vstack([space.centroids[:3], -space.centroids[:3]]), [0] * 6)
        )
        assert query is not None
        for i in range(3):
            assert query.table[i, i] == 255
            assert query.table[i, i + 3] == 0

    def test_the_length_of_a_vector_does_not_count(self) -> None:
        space = make_space()
        vectors = np.random.default_rng(4).normal(size=(5, DIMENSION)).astype(np.float32)
        short = space.query(tokens_of(vectors, range(5)))
        long = space.query(tokens_of(vectors * np.float32(40), range(5)))
        assert short is not None
        assert long is not None
        assert np.abs(short.table.astype(int) - long.table).max() <= 1  # at a half, either way

    def test_weights_are_the_rarities_and_sum_to_one(self) -> None:
        space = make_space(np.linspace(0.5, 8, 200).tolist())
        query = space.query(tokens_of(np.ones((3, DIMENSION), np.float32), [0, 150, 0]))
        assert query is not None
        rarity = space.rarity[[0, 150, 0]]
        assert query.weights == pytest.approx(rarity / rarity.sum(), abs=1e-6)
        assert query.weights.sum() == pytest.approx(1, abs=1e-6)

    def test_of_many_tokens_the_rarest_stay_in_their_order(self) -> None:
        random = np.random.default_rng(6)
        space = make_space(random.permutation(np.linspace(1, 9, 200)).tolist())
        ids = random.permutation(200)[: MOST_TOKENS + 40]
        vectors = random.normal(size=(len(ids), DIMENSION)).astype(np.float32)
        query = space.query(tokens_of(vectors, ids.tolist()))
        assert query is not None
        rarity = space.rarity[ids]
        least = np.sort(rarity)[-MOST_TOKENS]
        kept = [i for i in range(len(ids)) if rarity[i] >= least]
        assert len(kept) == MOST_TOKENS == len(query.weights)
        assert query.weights == pytest.approx(rarity[kept] / rarity[kept].sum(), abs=1e-6)
        assert query.weights.sum() == pytest.approx(1, abs=1e-5)
        cosines = space.centroids @ unit(vectors[kept]).T
        assert np.abs(query.table * STEP - 1 - cosines).max() <= ROUNDING

    def test_of_equally_rare_tokens_the_first_stay(self) -> None:
        space = make_space()
        vectors = np.random.default_rng(7).normal(size=(120, DIMENSION)).astype(np.float32)
        all_of_them = space.query(tokens_of(vectors, [0] * 120))
        the_first = space.query(tokens_of(vectors[:MOST_TOKENS], [0] * MOST_TOKENS))
        assert all_of_them is not None
        assert the_first is not None
        assert all_of_them.table.shape == the_first.table.shape
        assert np.abs(all_of_them.table.astype(int) - the_first.table).max() <= 1

    def test_no_tokens_are_no_query(self) -> None:
        assert make_space().query(tokens_of(np.zeros((0, DIMENSION), np.float32), [])) is None

    def test_tokens_that_say_nothing_are_no_query(self) -> None:
        space = make_space([0.0] * 200)
        assert space.query(tokens_of(np.ones((2, DIMENSION), np.float32), [0, 1])) is None

    def test_a_token_without_direction_is_compared_all_the_same(self) -> None:
        query = make_space().query(tokens_of(np.zeros((1, DIMENSION), np.float32), [0]))
        assert query is not None
        assert np.abs(query.table * STEP - 1).max() <= ROUNDING


class TestCode:
    def test_a_code_is_the_centroid_of_the_highest_cosine(self) -> None:
        space = make_space()
        vectors = np.random.default_rng(8).normal(size=(300, DIMENSION)).astype(np.float32)
        cosines = unit(vectors).astype(np.float64) @ space.centroids.T
        codes = space.code(vectors)
        assert codes.dtype == np.uint16
        assert codes.tolist() == cosines.argmax(1).tolist()
        assert space.code(vectors * np.float32(9)).tolist() == codes.tolist()

    def test_a_centroid_is_its_own_code(self) -> None:
        space = make_space()
        assert space.code(space.centroids).tolist() == list(range(CENTROIDS))

    def test_no_vectors_have_no_codes(self) -> None:
        assert make_space().code(np.zeros((0, DIMENSION), np.float32)).shape == (0,)


class TestMatches:
    def test_matches_are_the_best_tokens_of_those_that_count(self, corpus: Corpus) -> None:
        space = make_space(np.linspace(1, 3, 200).tolist())
        for seed in range(10):
            query, vectors, weights = ask(space, count=9, seed=seed)
            for passage in (0, 3, 9):
                codes, spans = corpus.texts[passage]
                cosines = corpus.space.centroids[codes] @ vectors.T
                wanted, unsure = set[tuple[int, int]](), set[tuple[int, int]]()
                for token in range(9):
                    column = np.sort(cosines[:, token])
                    near = abs(column[-1] - 0.6) < STEP
                    tied = len(column) > 1 and column[-1] - column[-2] < 2 * STEP
                    place = spans[int(cosines[:, token].argmax())]
                    if weights[token] >= weights.mean() and column[-1] > 0.6 - STEP:
                        (unsure if near or tied else wanted).add((int(place[0]), int(place[1])))
                found = matches(corpus.late, query, passage)
                assert found == sorted(set(found))
                assert wanted <= set(found) <= wanted | unsure

    def test_a_token_that_is_there_is_marked_where_it_stands(self, corpus: Corpus) -> None:
        codes, spans = corpus.texts[9]
        chosen = [1, 4, 6]
        query = corpus.space.query(tokens_of(corpus.space.centroids[codes[chosen]], [0, 1, 2]))
        assert query is not None
        first = [codes.tolist().index(codes[place]) for place in chosen]
        wanted = sorted({(int(spans[i, 0]), int(spans[i, 1])) for i in first})
        assert matches(corpus.late, query, 9) == wanted

    def test_what_is_not_alike_is_no_match(self, corpus: Corpus) -> None:
        code = corpus.texts[4].codes
        assert len(code) == 1
        query = corpus.space.query(tokens_of(-corpus.space.centroids[code], [0]))
        assert query is not None
        assert matches(corpus.late, query, 4) == []

    def test_a_common_token_marks_nothing_beside_rare_ones(self, corpus: Corpus) -> None:
        space = make_space([0.1, *(5.0,) * 199])
        codes, spans = corpus.texts[3]
        query = space.query(tokens_of(space.centroids[codes[[0, 1, 2]]], [0, 1, 2]))
        assert query is not None
        assert len({int(code) for code in codes[:3]}) == 3
        assert matches(corpus.late, query, 3) == [
            tuple(spans[1].tolist()),
            tuple(spans[2].tolist()),
        ]

    def test_a_passage_without_tokens_has_no_matches(self, corpus: Corpus) -> None:
        query, _, _ = ask(corpus.space)
        assert matches(corpus.late, query, 2) == []

    def test_passages_together_have_the_matches_that_each_has_alone(self, corpus: Corpus) -> None:
        for seed in range(5):
            query, _, _ = ask(corpus.space, seed=seed)
            rows = [3, 2, 9, 9, 0, 12, 19]
            alone = [tuple(matches(corpus.late, query, row)) for row in rows]
            assert tuples(corpus.late.matches(query, np.array(rows))) == alone
            assert sum(map(len, alone)) > 5
        assert tuples(corpus.late.matches(query, np.zeros(0, np.int64))) == []

    def test_of_equally_good_tokens_the_first_is_marked(self, tmp_path: Path) -> None:
        spans = np.array([[0, 2], [3, 5], [6, 8], [9, 11]], np.uint16)
        write([Coded(np.array([5, 7, 5, 7], np.uint16), spans)], tmp_path)
        space = make_space()
        query = space.query(tokens_of(space.centroids[[7, 5]], [0, 1]))
        assert query is not None
        assert matches(LateIndex.open(tmp_path), query, 0) == [(0, 2), (3, 5)]


class TestParts:
    """Parts of a passage, such as sentences, and its tokens one by one."""

    @given(
        st.integers(0, 19),
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=5),
        st.integers(0, 5),
    )
    @settings(max_examples=100, deadline=None)
    def test_a_part_is_scored_as_the_tokens_that_begin_in_it(
        self, corpus: Corpus, passage: int, spans: list[tuple[int, int]], seed: int
    ) -> None:
        query, vectors, weights = ask(corpus.space, seed=seed)
        found = corpus.late.span_scores(query, passage, spans)
        assert found.dtype == np.float32
        assert len(found) == len(spans)
        codes, places = corpus.texts[passage]
        for (start, end), score in zip(spans, found.tolist(), strict=True):
            inside = [
                c for c, (a, _) in zip(codes, places.tolist(), strict=True) if start <= a < end
            ]
            wanted = -1.0
            if inside:
                cosines = corpus.space.centroids[inside] @ vectors.T
                wanted = float(cosines.max(0) @ weights)
            assert score == pytest.approx(wanted, abs=ROUNDING)

    def test_a_token_between_two_parts_belongs_to_the_first(self, corpus: Corpus) -> None:
        query, _, _ = ask(corpus.space)
        # Tokens stand at 0 to 2, 3 to 5, 6 to 8, ...
        first, second, none = corpus.late.span_scores(query, 3, [(0, 4), (4, 8), (4, 6)]).tolist()
        alone = corpus.late.span_scores(query, 3, [(0, 6), (6, 7)]).tolist()
        assert (first, second) == tuple(alone)
        assert none == -1.0

    def test_the_whole_passage_is_a_part(self, corpus: Corpus) -> None:
        query, _, _ = ask(corpus.space)
        for passage in range(20):
            (whole,) = corpus.late.span_scores(query, passage, [(0, 1_000)])
            assert whole == pytest.approx(scores(corpus.late, query, [[passage]]).best[0], abs=1e-6)

    @pytest.mark.parametrize("passage", [0, 2, 3, 4, 9])
    def test_each_token_of_the_query_finds_its_best(self, corpus: Corpus, passage: int) -> None:
        query, vectors, _ = ask(corpus.space)
        found = corpus.late.best(query, passage)
        codes = corpus.texts[passage].codes
        wanted = np.full(len(vectors), -1.0)
        if len(codes):
            wanted = (corpus.space.centroids[codes] @ vectors.T).max(0)
        assert found == pytest.approx(wanted, abs=ROUNDING)
        assert found.dtype == np.float32


class TestIndex:
    def test_texts_come_back_as_they_were_written(self, corpus: Corpus) -> None:
        assert len(corpus.late) == len(corpus.texts)
        for row, (codes, spans) in enumerate(corpus.texts):
            found = corpus.late.coded(row)
            assert found.codes.dtype == found.spans.dtype == np.uint16
            assert found.codes.tolist() == codes.tolist()
            assert found.spans.tolist() == spans.tolist()

    def test_some_texts_are_read_in_any_order(self, corpus: Corpus) -> None:
        rows = np.array([3, 0, 3, len(corpus.texts) - 1])
        found, wanted = corpus.late.take(rows), corpus.late.texts.take(rows)
        assert found.values.tolist() == wanted.values.tolist()
        assert found.offsets.tolist() == wanted.offsets.tolist()

    def test_texts_are_written_a_few_at_a_time_as_all_at_once(
        self, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, count in (("whole", 10**6), ("parts", 3)):
            monkeypatch.setattr("index.late._WRITTEN", count)
            (tmp_path / name).mkdir()
            write(corpus.texts, tmp_path / name)
        for path in (tmp_path / "whole").iterdir():
            assert path.read_bytes() == (tmp_path / "parts" / path.name).read_bytes()
        blocks = Blocks.of(Ragged(corpus.late.texts.values[:, 0], corpus.late.texts.offsets))
        found = np.load(tmp_path / "parts" / "blocks.npy")
        assert found.dtype == np.uint16
        assert found.tolist() == blocks.codes.tolist()

    @pytest.mark.parametrize(
        ("name", "array", "wrong"),
        [
            ("blocks", np.zeros((2, 8), np.uint16), "blocks.npy holds no tokens"),
            ("blocks", np.zeros((2, 16), np.int32), "blocks.npy holds no tokens"),
            ("blocks", np.zeros((3, 16), np.uint16), "offsets should go from 0 to 3"),
            ("spans", np.zeros((20, 3), np.uint16), "spans.npy holds no tokens"),
            ("spans", np.zeros((19, 2), np.uint16), "offsets should go from 0 to 19"),
            ("spans.offsets", np.array([0, 16, 20]), "parts other texts"),
            ("blocks.offsets", np.array([0, 1, 2]), "parts other texts"),
        ],
    )
    def test_files_that_do_not_belong_together_are_refused(
        self, tmp_path: Path, name: str, array: np.ndarray[Any, Any], wrong: str
    ) -> None:
        write([Coded(np.zeros(20, np.uint16), np.zeros((20, 2), np.uint16))], tmp_path)
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(ValueError, match=wrong):
            LateIndex.open(tmp_path)

    def test_an_index_of_nothing_can_be_opened(self, tmp_path: Path) -> None:
        write([], tmp_path)
        assert len(LateIndex.open(tmp_path)) == 0

    def test_an_index_of_empty_texts_can_be_asked(self, tmp_path: Path) -> None:
        empty = Coded(np.zeros(0, np.uint16), np.zeros((0, 2), np.uint16))
        write([empty, empty], tmp_path)
        index = LateIndex.open(tmp_path)
        query, _, _ = ask(make_space())
        found = scores(index, query, [[0], [0, 1]], [1, 1])
        assert found.whole.tolist() == found.best.tolist() == [-1.0, -1.0]
        assert matches(index, query, 0) == []
        assert index.coded(1).codes.shape == (0,)


@pytest.fixture(scope="module")
def space() -> TokenSpace:
    return TokenSpace.learn(Words(), some_texts(300))


class TestLearn:
    def test_the_axes_are_the_principal_components(self, space: TokenSpace) -> None:
        sample = np.vstack([Words().encode_query_tokens(text).vectors for text in some_texts(300)])
        theirs = PCA(Words.token_dimension, svd_solver="full").fit(sample.astype(np.float64))
        variances = theirs.explained_variance_
        assert min(a / b for a, b in pairwise(variances)) > 1.05  # else the axes mean nothing
        assert space.basis.mean == pytest.approx(theirs.mean_, abs=1e-4)
        cosines = (space.basis.axes * theirs.components_.T).sum(0)
        assert np.abs(cosines) == pytest.approx(1, abs=1e-4)

    def test_no_more_axes_than_wanted_are_kept(self) -> None:
        space = TokenSpace.learn(Words(200), some_texts(60))
        assert space.basis.axes.shape == (200, 128)
        assert space.centroids.shape[1] == 128
        gram = space.basis.axes.T @ space.basis.axes
        assert gram == pytest.approx(np.eye(128), abs=1e-4)

    def test_learning_again_gives_the_same_to_the_bit(self, space: TokenSpace) -> None:
        again = TokenSpace.learn(Words(), some_texts(300))
        assert again.basis.mean.tobytes() == space.basis.mean.tobytes()
        assert again.basis.axes.tobytes() == space.basis.axes.tobytes()
        assert again.centroids.tobytes() == space.centroids.tobytes()

    def test_the_sign_of_an_axis_is_that_of_its_largest_part(self, space: TokenSpace) -> None:
        largest = np.abs(space.basis.axes).argmax(0)
        assert (space.basis.axes[largest, np.arange(len(largest))] > 0).all()

    def test_centroids_have_the_length_one(self, space: TokenSpace) -> None:
        assert len(space.centroids) > 40
        assert np.linalg.norm(space.centroids, axis=1) == pytest.approx(1, abs=1e-5)
        assert space.centroids.dtype == np.float32

    def test_every_word_is_near_its_centroid(self, space: TokenSpace) -> None:
        # There are more centroids than words.
        laid = space.basis.lay_down(Words().table)
        nearest = space.centroids[space.code(laid)]
        assert (unit(laid) * nearest).sum(1).min() > 0.99

    def test_all_rarities_are_alike_at_first(self, space: TokenSpace) -> None:
        assert space.rarity.tolist() == [1.0] * Words.vocabulary

    @pytest.mark.parametrize("texts", [["7"], ["7 8"], ["1", "2", "3"], ["7 7 7 7 7 7"]])
    def test_a_few_tokens_are_enough(self, texts: list[str]) -> None:
        encoder = Words()
        space = TokenSpace.learn(encoder, texts)
        for array in (space.basis.mean, space.basis.axes, space.centroids):
            assert np.isfinite(array).all()
        assert len(space.centroids) == 1
        tokens = encoder.encode_query_tokens(texts[0], space.basis)
        assert set(space.code(tokens.vectors).tolist()) == {0}
        query = space.query(tokens)
        assert query is not None
        assert query.weights.sum() == pytest.approx(1, abs=1e-6)

    def test_only_some_of_very_many_texts_are_read(self) -> None:
        read: list[int] = []

        class Counting(Words):
            def encode_query_tokens(self, text: str, basis: Basis | None = None) -> Tokens:
                read.append(1)
                return super().encode_query_tokens(text, basis)

        TokenSpace.learn(Counting(), some_texts(2) * 2_500)
        assert 800 <= len(read) < 1_600

    def test_a_space_comes_back_as_it_was_written(self, space: TokenSpace, tmp_path: Path) -> None:
        space = space.with_rarity(np.arange(50), 60)
        space.write(tmp_path / "tokens")
        found = TokenSpace.open(tmp_path / "tokens")
        for one, other in (
            (found.basis.mean, space.basis.mean),
            (found.basis.axes, space.basis.axes),
            (found.centroids, space.centroids),
            (found.rarity, space.rarity),
        ):
            assert one.dtype == other.dtype == np.float32
            assert one.tolist() == other.tolist()


def test_rarity_is_the_inverse_document_frequency_of_bm25() -> None:
    space = make_space().with_rarity(np.array([0, 1, 3, 10]), 10)
    # ln(1 + (10 - n + 0.5) / (n + 0.5)), by hand: ln 22, ln (22/3), ln (22/7), ln (22/21)
    wanted = [3.091042, 1.992430, 1.145132, 0.046520]
    assert space.rarity == pytest.approx(wanted, abs=1e-5)
    assert space.rarity.dtype == np.float32
    assert make_space().with_rarity(np.array([10]), 10).rarity[0] > 0
