"""Passages asked for by their own text: what is found, and what each kind of damage hides."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.blocks import BLOCK
from index.build import build
from index.checking import findable
from index.checking.findable import NEAREST, Sampled, ask_own_texts, sample
from index.encoders import Encoder, EncoderSettings
from index.errors import EncoderError
from index.passages import plain
from index.snapshot import Snapshot
from index.store import Store
from index.vectors import FaissIndex, Neighbours

Array = npt.NDArray[Any]
Break = Callable[[str, Callable[[Array], Array]], Snapshot]

OTHER_VECTOR = "have a vector that is not their text's"
FAR = "are not among the 10 nearest to their own text"
DENSER = ["하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "열하나"]
NO_TERMS = "are not found by their own terms"
OTHER_TOKENS = "have tokens that are not their text's"


@pytest.fixture
def broken(snapshot: Snapshot, tmp_path: Path) -> Break:
    """Puts another array into a copy of the sample index, and opens the copy."""
    folder = tmp_path / "copy"
    shutil.copytree(snapshot.folder, folder)

    def change(name: str, edit: Callable[[Array], Array]) -> Snapshot:
        np.save(folder / name, edit(np.load(folder / name)))
        late = snapshot.late
        encoder = snapshot.plain_encoder
        return Snapshot(folder, snapshot.manifest, encoder, late and late.encoder)

    return change


def id_of(snapshot: Snapshot, place: int) -> str:
    """The id of one passage of the sample."""
    return snapshot.passage(sample(snapshot.manifest.passages)[place]).id


def digest(folder: Path, texts: Sequence[str]) -> Path:
    folder.mkdir()
    papers = [
        f"### [Paper {n}](https://arxiv.org/abs/2405.{n:05})\n\n- **What's New**: {text}\n"
        for n, text in enumerate(texts)
    ]
    text = "\n".join(["## Daily Papers (2024-05-01)\n", *papers])
    (folder / "2024-05-01.md").write_text(text, encoding="utf-8")
    return folder


class TestSample:
    @pytest.mark.parametrize("count", [1, 2, 15, 16])
    def test_all_of_few(self, count: int) -> None:
        assert sample(count) == list(range(count))

    @pytest.mark.parametrize("count", [17, 110, 10_795])
    def test_sixteen_of_many_evenly_spread(self, count: int) -> None:
        rows = sample(count)
        assert len(rows) == 16
        assert (rows[0], rows[-1]) == (0, count - 1)
        steps = np.diff(rows)
        assert steps.min() >= 1
        assert steps.max() - steps.min() <= 1


def test_every_passage_of_a_sound_index_is_found(snapshot: Snapshot) -> None:
    assert ask_own_texts(snapshot) == (16, 16, [])
    assert ask_all(snapshot) == (110, 110, [])


def test_a_vector_of_another_text(snapshot: Snapshot, broken: Break) -> None:
    def edit(vectors: Array) -> Array:
        vectors[[0, 109]] = vectors[[109, 0]]
        return vectors

    asked = ask_own_texts(broken("vectors.npy", edit))
    ids = f"{id_of(snapshot, 0)}, {id_of(snapshot, 15)}"
    assert f"2 of 16 passages {OTHER_VECTOR}: {ids}" in asked.failures
    assert asked.found == 14


@pytest.mark.parametrize(("cosine", "same"), [(0.995, True), (0.98, False)])
def test_a_vector_that_is_a_little_off(
    snapshot: Snapshot, broken: Break, cosine: float, same: bool
) -> None:
    def edit(vectors: Array) -> Array:
        away = vectors[50] - (vectors[50] @ vectors[0]) * vectors[0]
        away /= np.linalg.norm(away)
        vectors[0] = cosine * vectors[0] + (1 - cosine**2) ** 0.5 * away
        return vectors

    failure = f"1 of 16 passages {OTHER_VECTOR}: {id_of(snapshot, 0)}"
    assert ask_own_texts(broken("vectors.npy", edit)).failures == ([] if same else [failure])


class _Skips(FaissIndex):
    """Leaves the nearest row out."""

    def search(self, queries: Array, k: int, allowed: Array | None = None) -> Neighbours:
        found = super().search(queries, k + 1, allowed)
        return Neighbours(found.rows[:, 1:], found.scores[:, 1:])


def test_a_search_that_leaves_the_nearest_out(snapshot: Snapshot, broken: Break) -> None:
    copy = broken("votes.npy", np.array)
    copy.vectors = _Skips(snapshot.vectors.vectors)
    asked = ask_own_texts(copy)
    assert (asked.texts, asked.found, len(asked.failures)) == (16, 0, 1)
    assert asked.failures[0].startswith(f"16 of 16 passages {FAR}: {id_of(snapshot, 0)}, ")


def test_terms_that_are_those_of_other_passages(snapshot: Snapshot, broken: Break) -> None:
    last = 109

    def edit(passages: Array) -> Array:
        return np.where(passages == last, last - 1, passages)

    asked = ask_own_texts(broken("lexical/passages/indices.csc.index.npy", edit))
    assert asked.failures == [f"1 of 16 passages {NO_TERMS}: {snapshot.passage(last).id}"]


def test_a_term_that_does_not_find_its_passage(snapshot: Snapshot, broken: Break) -> None:
    last = 109

    def edit(passages: Array) -> Array:
        passages[np.flatnonzero(passages == last)[0]] = 0
        return passages

    asked = ask_own_texts(broken("lexical/passages/indices.csc.index.npy", edit))
    assert asked.failures == [f"1 of 16 passages {NO_TERMS}: {snapshot.passage(last).id}"]


def test_terms_that_count_too_little(snapshot: Snapshot, broken: Break) -> None:
    last = 109
    name = "lexical/passages/indices.csc.index.npy"
    owned = np.load(snapshot.folder / name) == last

    def edit(scores: Array) -> Array:
        return np.where(owned, scores / 50, scores).astype(scores.dtype)

    asked = ask_own_texts(broken("lexical/passages/data.csc.index.npy", edit))
    assert asked.failures == [f"1 of 16 passages {NO_TERMS}: {snapshot.passage(last).id}"]


class TestTokens:
    def _tokens(self, snapshot: Snapshot, place: int) -> tuple[int, int]:
        """Where the tokens of one passage of the sample begin and end, in the blocks."""
        blocks = np.load(snapshot.folder / "late/blocks.offsets.npy")
        offsets = np.load(snapshot.folder / "late/spans.offsets.npy")
        row = sample(snapshot.manifest.passages)[place]
        start = int(blocks[row]) * BLOCK
        return start, start + int(offsets[row + 1] - offsets[row])

    def test_of_other_texts(self, snapshot: Snapshot, broken: Break) -> None:
        places = [self._tokens(snapshot, place) for place in (2, 9)]

        def edit(blocks: Array) -> Array:
            codes = blocks.reshape(-1)
            for start, end in places:
                codes[start:end] = np.roll(codes[start:end], 1)
            return blocks

        asked = ask_own_texts(broken("late/blocks.npy", edit))
        ids = f"{id_of(snapshot, 2)}, {id_of(snapshot, 9)}"
        assert asked.failures == [f"2 of 16 passages {OTHER_TOKENS}: {ids}"]
        assert asked.found == 14

    def test_of_which_one_differs(self, snapshot: Snapshot, broken: Break) -> None:
        start, _ = self._tokens(snapshot, 2)

        def edit(blocks: Array) -> Array:
            codes = blocks.reshape(-1)
            codes[start] = codes[start] + 1 if codes[start] == 0 else codes[start] - 1
            return blocks

        assert ask_own_texts(broken("late/blocks.npy", edit)).failures == []

    def test_of_which_one_is_missing(self, snapshot: Snapshot, broken: Break) -> None:
        row = sample(110)[9]

        def edit(offsets: Array) -> Array:
            offsets[row + 1] -= 1  # the next passage has it
            return offsets

        asked = ask_own_texts(broken("late/spans.offsets.npy", edit))
        assert asked.failures == [f"1 of 16 passages {OTHER_TOKENS}: {id_of(snapshot, 9)}"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Texts that say the same, one that many say more densely, one without any term."""
    folder = tmp_path_factory.mktemp("odd")
    same = ["같은 말을 하는 논문이다. 새로운 방법은 없다."] * 12
    denser = [f"{word} " + ", ".join(["격자 탐색"] * 4) for word in DENSER]
    others = [
        "격자 탐색",
        "!!! ???",
        "로봇 팔이 컵을 잡는 법을 시뮬레이션에서 배우고 실제 부엌에서 시험한다.",
    ]
    texts = [*same, *others, *denser]
    store = Store(folder / "data")
    build([digest(folder / "digests", texts)], store)
    return store.open_live()


def ask_all(snapshot: Snapshot) -> Sampled:
    """Ask for every passage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(findable, "SAMPLE", 1_000)
        return ask_own_texts(snapshot)


def test_all_of_odd_texts_are_found(odd: Snapshot) -> None:
    assert ask_all(odd) == (26, 26, [])


def test_equal_texts_are_found_in_each_others_place(odd: Snapshot) -> None:
    assert len({odd.passage(row).text for row in range(12)}) == 1
    found = odd.vectors.search(odd.vectors.vectors[:12], NEAREST).rows
    assert any(row not in found[row] for row in range(12))


def test_a_short_text_may_stand_more_densely_elsewhere(odd: Snapshot) -> None:
    terms = odd.lexicon.numbers(term.text for term in odd.lexicon.passage_terms(12))
    scores = odd.lexicon.score_passages(terms)
    assert (scores > scores[12]).sum() == len(DENSER) > NEAREST


def test_a_text_may_have_no_terms(odd: Snapshot) -> None:
    assert list(odd.lexicon.passage_terms(13)) == []


def test_passages_are_encoded_as_they_were_by_the_build(snapshot: Snapshot) -> None:
    class Spy(Encoder):
        dimension = 512
        fingerprint = snapshot.plain_encoder.fingerprint

        def __init__(self) -> None:
            self.batches: list[list[str]] = []

        def encode_document(
            self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
        ) -> Array:
            self.batches.append(list(texts))
            return snapshot.plain_encoder.encode_document(texts)

        def encode_query(self, texts: Sequence[str]) -> Array:
            raise AssertionError("a passage is no query")

    spy: Encoder = Spy()
    late = snapshot.late
    copy = Snapshot(snapshot.folder, snapshot.manifest, spy, late and late.encoder)
    assert ask_own_texts(copy).found == 16
    texts = [plain(snapshot.passage(row).text) for row in sample(110)]
    assert isinstance(spy, Spy)
    assert spy.batches == [texts]


def test_an_encoder_that_is_gone_is_an_error(snapshot: Snapshot) -> None:
    gone = replace(snapshot.manifest, encoder=EncoderSettings(model="gone").as_json())
    with pytest.raises(EncoderError, match="gone"):
        ask_own_texts(Snapshot(snapshot.folder, gone))
