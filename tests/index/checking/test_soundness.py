"""What no checksum tells: every kind of fault is broken into a copy of the sample index."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.checking import soundness
from index.checking.soundness import find_faults
from index.snapshot import Snapshot

Array = npt.NDArray[Any]
Edit = Callable[[Array], Array | None]
Break = Callable[[str, Edit], Snapshot]

LAST = 109  # the row of the last passage
OWNER, SECTION, NUMBER, START, END = range(5)


@pytest.fixture
def broken(snapshot: Snapshot, tmp_path: Path) -> Break:
    """Edits an array of a copy, in place or by giving another, and opens the copy."""
    folder = tmp_path / "copy"
    shutil.copytree(snapshot.folder, folder)

    def change(name: str, edit: Edit) -> Snapshot:
        array = np.load(folder / name)
        edited = edit(array)
        np.save(folder / name, array if edited is None else edited)
        return Snapshot(folder, snapshot.manifest)

    return change


def put(value: object, *place: int) -> Edit:
    def edit(array: Array) -> None:
        array[place if len(place) > 1 else place[0]] = value

    return edit


def add(value: float, *place: int) -> Edit:
    def edit(array: Array) -> None:
        array[place] += value

    return edit


def longer(by: float, row: int) -> Edit:
    def edit(array: Array) -> None:
        array[row] *= by

    return edit


def test_the_sample_index_has_no_fault(snapshot: Snapshot) -> None:
    assert find_faults(snapshot) == []
    assert snapshot.manifest.passages == LAST + 1
    assert snapshot.has_late
    assert snapshot.latent is not None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none(snapshot: Snapshot, broken: Break, value: float) -> None:
    wanted = f"1 of 110 vectors of passages are not finite: {snapshot.passage(3).id}"
    assert find_faults(broken("vectors.npy", put(value, 3, 5))) == [wanted]


@pytest.mark.parametrize("by", [1.01, 0.99, 0.0])
def test_a_vector_of_another_length(snapshot: Snapshot, broken: Break, by: float) -> None:
    wanted = f"1 of 110 vectors of passages are not of length 1: {snapshot.passage(LAST).id}"
    assert find_faults(broken("vectors.npy", longer(by, LAST))) == [wanted]


def test_a_length_that_is_1_but_for_rounding(broken: Break) -> None:
    assert find_faults(broken("vectors.npy", longer(1.0005, 3))) == []


def test_every_block_is_looked_at(
    snapshot: Snapshot, broken: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundness, "_BLOCK", 16)
    wrong = [15, 16, 32, 105]

    def edit(vectors: Array) -> None:
        vectors[wrong] = 0

    named = ", ".join(snapshot.passage(row).id for row in wrong[:3])
    wanted = f"4 of 110 vectors of passages are not of length 1: {named}, ..."
    assert find_faults(broken("vectors.npy", edit)) == [wanted]


def test_vectors_of_another_dimension(broken: Break) -> None:
    found = find_faults(broken("vectors.npy", lambda vectors: vectors[:, :500].copy()))
    assert found == ["the vectors of passages have 500 numbers each, not 512"]


@pytest.mark.parametrize(
    ("edit", "how"), [(put(np.nan, 7, 0), "finite"), (longer(1.1, 7), "of length 1")]
)
def test_vectors_of_titles(snapshot: Snapshot, broken: Break, edit: Edit, how: str) -> None:
    wanted = f"1 of 45 vectors of titles are not {how}: {snapshot.ids[7]}"
    assert find_faults(broken("titles.npy", edit)) == [wanted]


@pytest.mark.parametrize(
    ("edit", "how"), [(put(np.nan, 7, 0), "finite"), (longer(0.5, 7), "of length 1")]
)
def test_latent_vectors(snapshot: Snapshot, broken: Break, edit: Edit, how: str) -> None:
    wanted = f"1 of 45 latent vectors are not {how}: {snapshot.ids[7]}"
    assert find_faults(broken("latent.npy", edit)) == [wanted]


def test_a_paper_may_lie_nowhere_in_the_latent_space(broken: Break) -> None:
    assert find_faults(broken("latent.npy", longer(0, 7))) == []


def test_ids_that_are_of_other_papers(snapshot: Snapshot, broken: Break) -> None:
    folder = broken("votes.npy", lambda votes: None).folder
    ids = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
    ids[0], ids[44] = ids[44], ids[0]
    (folder / "ids.json").write_text(json.dumps(ids), encoding="utf-8")
    wanted = f"2 of 45 papers have another id than their row: {ids[0]}, {ids[44]}"
    assert find_faults(Snapshot(folder, snapshot.manifest)) == [wanted]


class TestPassages:
    @pytest.mark.parametrize(("row", "paper"), [(LAST, 45), (0, -1)])
    def test_of_no_paper(self, broken: Break, row: int, paper: int) -> None:
        def edit(table: Array) -> None:
            table[row, :3] = paper, 0, 0

        found = find_faults(broken("passages.npy", edit))
        assert found[0] == f"1 of 110 passages are of no paper: row {row}"
        assert not any("no section" in fault or "no span" in fault for fault in found)

    def test_of_no_section(self, snapshot: Snapshot, broken: Break) -> None:
        count = len(snapshot.paper(44).sections)

        def edit(table: Array) -> None:
            table[LAST, 1:3] = count, 0

        name = f"{snapshot.ids[44]}#{count}.0"
        wanted = f"1 of 110 passages are of no section of their paper: {name}"
        assert find_faults(broken("passages.npy", edit)) == [wanted]

    def test_of_a_section_below_none(self, snapshot: Snapshot, broken: Break) -> None:
        found = find_faults(broken("passages.npy", put(-1, LAST, SECTION)))
        name = f"{snapshot.ids[44]}#-1.{snapshot.passage_row(LAST).number}"
        assert f"1 of 110 passages are of no section of their paper: {name}" in found

    def test_beyond_their_section(self, snapshot: Snapshot, broken: Break) -> None:
        place = snapshot.passage_row(LAST)
        rest = len(snapshot.paper(44).sections[place.section].text) - place.end
        wanted = f"1 of 110 passages are no span of their section: {snapshot.passage(LAST).id}"
        assert find_faults(broken("passages.npy", add(rest + 1, LAST, END))) == [wanted]

    def test_up_to_the_end_of_their_section(self, snapshot: Snapshot, broken: Break) -> None:
        place = snapshot.passage_row(LAST)
        rest = len(snapshot.paper(44).sections[place.section].text) - place.end
        assert find_faults(broken("passages.npy", add(rest, LAST, END))) == []

    def test_before_their_section(self, snapshot: Snapshot, broken: Break) -> None:
        wanted = f"1 of 110 passages are no span of their section: {snapshot.passage(LAST).id}"
        assert find_faults(broken("passages.npy", put(-1, LAST, START))) == [wanted]

    def test_with_nothing_in_them(self, snapshot: Snapshot, broken: Break) -> None:
        place = snapshot.passage_row(LAST)
        found = find_faults(broken("passages.npy", put(place.start, LAST, END)))
        name = snapshot.passage(LAST).id
        assert f"1 of 110 passages are no span of their section: {name}" in found

    @pytest.mark.parametrize(
        ("row", "place"),
        [
            (LAST, (44, 2, 1)),  # the first of its section is not number 0
            (1, (0, 0, 2)),  # a number is left out
            (1, (0, 0, 0)),  # a number stands twice
            (LAST, (44, 0, 1)),  # after section 1
            (LAST, (43, 1, 1)),  # after paper 44
            (LAST, (43, 2, 0)),
        ],
    )
    def test_out_of_order(
        self, snapshot: Snapshot, broken: Break, row: int, place: tuple[int, int, int]
    ) -> None:
        def edit(table: Array) -> None:
            assert table[[0, 1, LAST - 1, LAST], :3].tolist() == [
                [0, 0, 0],
                [0, 0, 1],
                [44, 1, 0],
                [44, 2, 0],
            ]
            table[row, :3] = place

        paper, section, number = place
        name = f"{snapshot.ids[paper]}#{section}.{number}"
        found = find_faults(broken("passages.npy", edit))
        assert f"1 of 110 passages are out of order: {name}" in found


class TestSentences:
    def _find(self, snapshot: Snapshot, broken: Break, edit: Edit) -> None:
        wanted = f"1 of 110 passages have a sentence outside of them: {snapshot.passage(LAST).id}"
        assert find_faults(broken("sentences.npy", edit)) == [wanted]

    def test_beyond_the_passage(self, snapshot: Snapshot, broken: Break) -> None:
        self._find(snapshot, broken, add(1, -1, 1))

    def test_before_the_passage(self, snapshot: Snapshot, broken: Break) -> None:
        first = snapshot.sentences_of(LAST)
        self._find(snapshot, broken, put(-1, -len(first), 0))

    def test_with_nothing_in_them(self, snapshot: Snapshot, broken: Break) -> None:
        self._find(snapshot, broken, put((3, 3), -1))

    @pytest.mark.parametrize("edit", [put(1, 0), add(1, -1), add(-1, -1), put(10_000, 50)])
    def test_offsets(self, broken: Break, edit: Edit) -> None:
        found = find_faults(broken("sentences.offsets.npy", edit))
        assert found == ["the offsets of the sentences are out of order"]


class TestTokens:
    @pytest.fixture(autouse=True, params=[7, 20_000])
    def texts_at_once(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(soundness, "_TEXTS", request.param)

    def test_without_a_centroid(self, snapshot: Snapshot, broken: Break) -> None:
        assert snapshot.learned.tokens is not None
        count = len(snapshot.learned.tokens.centroids)
        assert find_faults(broken("late/blocks.npy", put(count - 1, 0))) == []
        wanted = f"1 of 155 texts have a token without a centroid: {snapshot.passage(0).id}"
        assert find_faults(broken("late/blocks.npy", put(count, 0))) == [wanted]

    def test_beyond_their_text(self, snapshot: Snapshot, broken: Break) -> None:
        length = len(snapshot.passage(0).text)
        assert find_faults(broken("late/spans.npy", put((0, length), 0))) == []
        wanted = f"1 of 155 texts have a token outside of them: {snapshot.passage(0).id}"
        assert find_faults(broken("late/spans.npy", put((0, length + 1), 0))) == [wanted]
        assert find_faults(broken("late/spans.npy", put((2, 1), 0))) == [wanted]

    def test_beyond_their_title(self, snapshot: Snapshot, broken: Break) -> None:
        length = len(snapshot.paper(44).title)
        assert find_faults(broken("late/spans.npy", put((0, length), -1))) == []
        wanted = f"1 of 155 texts have a token outside of them: title of {snapshot.ids[44]}"
        assert find_faults(broken("late/spans.npy", put((0, length + 1), -1))) == [wanted]

    @pytest.mark.parametrize("edit", [put(1, 0), add(1, -1), add(-1, -1), put(100_000, 50)])
    def test_offsets(self, broken: Break, edit: Edit) -> None:
        with pytest.raises(ValueError, match="offsets"):
            broken("late/spans.offsets.npy", edit)
