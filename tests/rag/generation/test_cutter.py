"""Sentences out of a stream: the same ones however it is cut into pieces."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.generation import Cutter
from rag.generation.cutter import is_ended


def cut(*pieces: str) -> list[str]:
    cutter = Cutter()
    return [*(one for piece in pieces for one in cutter.feed(piece)), *cutter.end()]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("정확도가 높다 [1]. 빠르다 [2].", ["정확도가 높다 [1].", "빠르다 [2]."]),
        ("정확도가 높다. [1] 빠르다.[2][3] 끝", ["정확도가 높다. [1]", "빠르다.[2][3]", "끝"]),
        ("높다.【1】 빠르다. [1, 2], [3]\n끝", ["높다.【1】", "빠르다. [1, 2], [3]", "끝"]),
        ("높다. [1]. 빠르다.", ["높다. [1].", "빠르다."]),
        ("높다. [1-3] 빠르다.", ["높다. [1-3]", "빠르다."]),
        ("높다.빠르다! 정말? 그렇다…", ["높다.", "빠르다!", "정말?", "그렇다…"]),
        ("It is 4.7 points. Then 48,000.", ["It is 4.7 points.", "Then 48,000."]),
        ("Some, e.g. this, by Kim et al. (2024). Next.", None),
        ("See Fig. 3 and J. Doe vs. Roe. Next.", ["See Fig. 3 and J. Doe vs. Roe.", "Next."]),
        ("As in Kim et al. [1] it works. Next.", ["As in Kim et al. [1] it works.", "Next."]),
        ("It was approx. five. Next.", ["It was approx. five.", "Next."]),
        ("Visit example.com now. Next.", ["Visit example.com now.", "Next."]),
        ("これは良い。[1]次も良い！终于？", ["これは良い。[1]", "次も良い！", "终于？"]),
        ("「はい。」と言う。次。", ["「はい。」と言う。", "次。"]),
        ("- one [1]\n- two [2]\n\n1. three. [3]\n2. four", None),
        ("Text without an end\n\n[1][2]\nNext.", ["Text without an end\n\n[1][2]", "Next."]),
        ("A line.\n[2] says the next.", ["A line.", "[2] says the next."]),
        ("A [12 apples] b. [1", ["A [12 apples] b.", "[1"]),
        (
            'He said "yes." [1] Then (no.) [2] Done',
            ['He said "yes." [1]', "Then (no.) [2]", "Done"],
        ),
        ("Made by Team et al.\nNext.", ["Made by Team et al.", "Next."]),
        ("...\n\n!", ["...", "!"]),
        ("  \n ", []),
    ],
)
def test_sentences(text: str, sentences: list[str] | None) -> None:
    if sentences is None:
        known = {"Some": 2, "- one": 4}
        assert len(cut(text)) == next(n for start, n in known.items() if text.startswith(start))
    else:
        assert cut(text) == sentences
    assert cut(*text) == cut(text)


_MARKS = list('.!?。！…[]-^,")」 \n\t\r47aB다と')
_PIECES = st.sampled_from(
    [*_MARKS, "다.", "[1]", "[1", ", 2]", "【3】", "e.g.", "al.", "The", "1.", "* ", "\n\n"]
)


@given(st.lists(_PIECES, max_size=25).map("".join), st.data())
@example("다.\n[1]\n", None)
def test_any_pieces_of_a_text_give_the_same_sentences(
    text: str, data: st.DataObject | None
) -> None:
    whole = cut(text)
    assert cut(*text) == whole
    if data is not None and text:
        place = data.draw(st.integers(0, len(text)))
        assert cut(text[:place], text[place:]) == whole


@given(st.text(max_size=80))
def test_nothing_is_lost_but_white_space(text: str) -> None:
    assert "".join("".join(cut(*text)).split()) == "".join(text.split())


@pytest.mark.parametrize("unit", ["a.", "구름", "[", ". [", " ", "e.g. ", "1,"])
def test_a_long_text_without_an_end_costs_no_time(unit: str) -> None:
    text = unit * (8_000 // len(unit))
    begin = time.process_time()
    cut(*text)
    assert time.process_time() - begin < 5


def test_a_sentence_is_given_as_soon_as_it_is_certain() -> None:
    cutter = Cutter()
    assert cutter.feed("높다. [1]") == []  # [2] may follow
    assert cutter.feed(" 그") == ["높다. [1]"]
    assert cutter.end() == ["그"]


@pytest.mark.parametrize("text", ["Done.", "다. [1]", "Done [1]", "良い。", 'so."', "Done [1]."])
def test_what_is_ended(text: str) -> None:
    assert is_ended(text)


@pytest.mark.parametrize("text", ["It has", "It [1] has", "It has [1", "", "84.2"])
def test_what_breaks_off(text: str) -> None:
    assert not is_ended(text)
