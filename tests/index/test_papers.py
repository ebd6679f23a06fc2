"""Where a span of a text stands in its digest file."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.papers import Passage, Run, Section, Source, arxiv_numbers, locate


class Mapped(NamedTuple):
    runs: tuple[Run, ...]
    whole: Source
    where: list[int | None]  # for each character of the text, its place in the file


@st.composite
def mapped(draw: st.DrawFn) -> Mapped:
    small = st.integers(0, 4)
    text = 0
    start = draw(st.integers(0, 9))
    source = start + draw(small)
    runs: list[Run] = []
    where: list[int | None] = []
    for rewritten, skipped, length in draw(
        st.lists(st.tuples(small, small, st.integers(1, 6)), max_size=6)
    ):
        text += rewritten
        source += skipped
        runs.append(Run(text, source, length))
        where += [None] * rewritten + list(range(source, source + length))
        text += length
        source += length
    where += [None] * draw(st.integers(0 if where else 1, 4))
    return Mapped(tuple(runs), Source("day.md", start, source + draw(small)), where)


def by_hand(mapped: Mapped, start: int, end: int) -> Source:
    """Look at each character: what was rewritten stands between its nearest neighbours."""
    begin, finish = mapped.where[start], mapped.where[end - 1]
    if begin is None:
        before = [place for place in mapped.where[:start] if place is not None]
        begin = before[-1] + 1 if before else mapped.whole.start
    if finish is None:
        after = [place for place in mapped.where[end:] if place is not None]
        finish = (after[0] if after else mapped.whole.end) - 1
    return Source(mapped.whole.file, begin, finish + 1)


@given(mapped())
def test_every_span_is_located_as_its_characters_are(mapped: Mapped) -> None:
    size = len(mapped.where)
    for start in range(size):
        for end in range(start + 1, size + 1):
            found = locate(mapped.runs, mapped.whole, start, end)
            assert found == by_hand(mapped, start, end), (start, end)


FILE = r"- **Goal**: learn \"fast\" and\nwell."
TEXT = 'learn "fast" and\nwell.'
GOAL = Section(
    "Goal",
    TEXT,
    Source("day.md", 12, len(FILE)),
    # `\"` and `\n` were rewritten: what they became is in no run.
    (Run(0, 12, 6), Run(7, 20, 4), Run(12, 26, 4), Run(17, 32, 5)),
)


@pytest.mark.parametrize(
    ("words", "in_file"),
    [
        ("learn", "learn"),
        ("fast", "fast"),
        ('"fast"', r"\"fast\""),
        ("and\nwell", r"and\nwell"),
        ("\n", r"\n"),
        (TEXT, FILE[12:]),
    ],
)
def test_words_of_a_section_are_found_in_its_file(words: str, in_file: str) -> None:
    start = TEXT.index(words)
    source = GOAL.locate(start, start + len(words))
    assert FILE[source.start : source.end] == in_file
    assert source.file == "day.md"


def test_words_of_a_passage_are_found_in_its_file() -> None:
    passage = Passage(
        id="2401.00001#0.0",
        paper="2401.00001",
        section="Goal",
        text="and\nwell.",
        source=Source("day.md", 27, len(FILE)),
        runs=(Run(0, 27, 3), Run(4, 32, 5)),
        sentences=((0, 9),),
    )
    start = passage.text.index("well")
    source = passage.locate(start, start + 4)
    assert FILE[source.start : source.end] == "well"


@pytest.mark.parametrize(
    ("words", "verbatim"),
    [
        ("learn", True),
        ("fast", True),
        ("and", True),
        ("well.", True),
        ('"', False),
        ('"fast"', False),
        ('fast" and', False),  # it begins and ends in runs, but not in one
        ("and\nwell", False),
        (TEXT, False),
    ],
)
def test_words_are_verbatim_where_nothing_in_them_was_rewritten(words: str, verbatim: bool) -> None:
    passage = Passage("2401.00001#0.0", "2401.00001", "Goal", TEXT, GOAL.source, GOAL.runs, ())
    start = TEXT.index(words)
    assert passage.is_verbatim(start, start + len(words)) is verbatim


@given(mapped())
def test_what_is_verbatim_stands_in_the_file_character_by_character(mapped: Mapped) -> None:
    size = len(mapped.where)
    passage = Passage("x#0.0", "x", "Goal", "가" * size, mapped.whole, mapped.runs, ())
    for start in range(size):
        for end in range(start + 1, size + 1):
            if passage.is_verbatim(start, end):
                first = mapped.where[start]
                assert first is not None
                assert mapped.where[start:end] == list(range(first, first + end - start))
                assert passage.locate(start, end) == Source("day.md", first, first + end - start)
            else:
                inside = [run for run in mapped.runs if run.text <= start < run.text + run.length]
                assert not inside or end > inside[0].text + inside[0].length


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2305.18290과 1706.03762, 2305.18290.", ["2305.18290", "1706.03762"]),
        ("arXiv:2412.00001v2", ["2412.00001"]),
        ("0704.0001", ["0704.0001"]),
        ("손실은 9934.5678이 아니라 2413.00001", []),
        ("2412.000012, 12412.00001, 2412.00001.5", []),
    ],
)
def test_numbers_of_arxiv_have_a_month(text: str, numbers: list[str]) -> None:
    assert arxiv_numbers(text) == numbers
