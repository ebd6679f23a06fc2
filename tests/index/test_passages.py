"""Cutting sections into passages: nothing lost, whole sentences, places kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.lexical import analyzer
from index.papers import Paper, Run, Section, Source
from index.passages import HARD_MAX_CHARS, MAX_CHARS, Span, cut_section, make_passage, plain


def spans_of(text: str, sentences: Sequence[str]) -> list[Span]:
    """Where sentences stand in a text, in order."""
    spans: list[Span] = []
    for sentence in sentences:
        start = text.index(sentence, spans[-1][1] if spans else 0)
        spans.append((start, start + len(sentence)))
    return spans


def cut(text: str, sentences: Sequence[Span]) -> list[tuple[str, list[str]]]:
    """Passages and their sentences as texts."""
    passages = []
    for (start, end), inside in cut_section(text, sentences):
        passage = text[start:end]
        passages.append((passage, [passage[a:b] for a, b in inside]))
    return passages


def sentence(number: int, length: int) -> str:
    return f"{number}번째 문장은".ljust(length - 3, "가") + "이다."


def test_a_short_section_is_one_passage() -> None:
    text = "모델을 학습한다. 결과가 좋다."
    sentences = ["모델을 학습한다.", "결과가 좋다."]
    assert cut(text, spans_of(text, sentences)) == [(text, sentences)]


def test_a_section_of_exactly_the_greatest_length_is_one_passage() -> None:
    sentences = [sentence(0, 299), sentence(1, MAX_CHARS - 300)]
    text = " ".join(sentences)
    assert len(text) == MAX_CHARS
    assert cut(text, spans_of(text, sentences)) == [(text, sentences)]


def test_one_character_more_makes_two_passages() -> None:
    sentences = [sentence(0, 299), sentence(1, MAX_CHARS - 299)]
    text = " ".join(sentences)
    assert cut(text, spans_of(text, sentences)) == [(one, [one]) for one in sentences]


@pytest.mark.parametrize("text", ["", " ", "\n\n", " \t\n ", "- ", "- \n  • \n"])
def test_nothing_to_say_is_no_passage(text: str) -> None:
    assert cut_section(text, []) == []


def test_a_long_section_is_cut_at_sentence_ends() -> None:
    sentences = [sentence(n, 80 + 7 * n) for n in range(20)]
    text = " ".join(sentences)
    passages = cut(text, spans_of(text, sentences))
    assert len(passages) > 3
    assert [one for _, inside in passages for one in inside] == sentences
    assert [passage for passage, _ in passages] == [" ".join(inside) for _, inside in passages]
    assert all(len(passage) <= MAX_CHARS for passage, _ in passages)


def test_a_long_section_is_cut_at_line_ends() -> None:
    lines = [f"{n}번 줄에는 마침표가 없다".ljust(90, "나") for n in range(20)]
    text = "\n".join(lines)
    passages = cut(text, [(0, len(text))])
    assert [one for _, inside in passages for one in inside] == lines
    assert all(len(passage) <= MAX_CHARS for passage, _ in passages)


def test_a_long_sentence_is_a_passage_by_itself() -> None:
    sentences = [sentence(0, 50), sentence(1, HARD_MAX_CHARS), sentence(2, 50)]
    text = " ".join(sentences)
    assert cut(text, spans_of(text, sentences)) == [(one, [one]) for one in sentences]


def test_an_endless_sentence_is_cut_at_a_space() -> None:
    text = " ".join(f"낱말{n}" for n in range(2_000))
    passages = cut(text, [(0, len(text))])
    assert all(HARD_MAX_CHARS // 2 <= len(one) <= HARD_MAX_CHARS for one, _ in passages[:-1])
    assert len(passages[-1][0]) <= HARD_MAX_CHARS
    assert " ".join(passage for passage, _ in passages) == text
    assert all(inside == [passage] for passage, inside in passages)


def test_a_text_without_a_space_is_cut_all_the_same() -> None:
    text = "".join(chr(0xAC00 + n % 11_172) for n in range(100_000))
    passages = cut(text, [(0, len(text))])
    assert max(len(passage) for passage, _ in passages) == HARD_MAX_CHARS
    assert "".join(passage for passage, _ in passages) == text


def test_spaces_alone_are_no_passage_in_an_endless_sentence() -> None:
    text = "시작" + " " * 3 * HARD_MAX_CHARS + "끝"
    assert [passage.split() for passage, _ in cut(text, [(0, len(text))])] == [["시작"], ["끝"]]


@pytest.mark.parametrize("count", range(25, 120))
def test_passages_are_of_about_equal_length(count: int) -> None:
    sentences = [sentence(n, 24) for n in range(count)]
    text = " ".join(sentences)
    lengths = [len(passage) for passage, _ in cut(text, spans_of(text, sentences))]
    assert len(lengths) in (-(-len(text) // MAX_CHARS), -(-len(text) // MAX_CHARS) + 1)
    assert min(lengths) >= max(lengths) / 2, lengths


BULLETED = "- 첫째 항목이다.\n  * 둘째 항목 - 곧 하위 항목이다.\n\t•  셋째\n+ 넷째\n1. 다섯째"
ITEMS = ["첫째 항목이다.", "둘째 항목 - 곧 하위 항목이다.", "셋째", "넷째", "1. 다섯째"]


@pytest.mark.parametrize(
    "sentences",
    [
        pytest.param([], id="sentences unknown"),
        pytest.param(spans_of(BULLETED, BULLETED.split("\n")), id="from the line's start"),
        pytest.param(
            spans_of(BULLETED, [line.strip() for line in BULLETED.split("\n")]),
            id="from the bullet",
        ),
        pytest.param(spans_of(BULLETED, ITEMS), id="from the first word"),
    ],
)
def test_bullets_are_not_part_of_sentences(sentences: Sequence[Span]) -> None:
    assert [one for _, inside in cut(BULLETED, sentences) for one in inside] == ITEMS


def test_bullets_are_not_part_of_analysed_sentences() -> None:
    sentences = analyzer().analyze(BULLETED).sentences
    assert [one for _, inside in cut(BULLETED, sentences) for one in inside] == ITEMS


def test_a_bullet_that_opens_an_indented_text_is_left_out() -> None:
    text = "  - 모델을 학습한다. 결과가 좋다."
    found = cut(text, analyzer().analyze(text).sentences)
    assert found == [("모델을 학습한다. 결과가 좋다.", ["모델을 학습한다.", "결과가 좋다."])]


def test_a_dash_inside_a_line_is_kept() -> None:
    text = "속도 - 정확도 균형. - 그리고 -5도."
    spans = spans_of(text, ["속도 - 정확도 균형.", "- 그리고 -5도."])
    assert cut(text, spans) == [(text, ["속도 - 정확도 균형.", "- 그리고 -5도."])]


PIECES = ("가", "나다 ", "끝이다. ", "\n", "- ", " * ", "• ", "-", " ", "\t", "𝐋", "\u200b", "a")


class Text(NamedTuple):
    text: str
    sentences: list[Span]


@st.composite
def texts(draw: st.DrawFn) -> Text:
    """Texts up to some thousand characters, with sentences that begin at visible characters."""
    chunks = draw(st.lists(st.tuples(st.sampled_from(PIECES), st.integers(1, 900)), max_size=12))
    free = draw(st.lists(st.text(max_size=20), max_size=4))
    text = "".join(draw(st.permutations([*(piece * count for piece, count in chunks), *free])))
    visible = [n for n, char in enumerate(text) if not char.isspace()]
    bounds = sorted(draw(st.sets(st.sampled_from(visible), max_size=12))) if visible else []
    return Text(text, list(pairwise([*bounds, len(text)])))


def bullets(text: str) -> set[int]:
    """Where a line of the text has a bullet."""
    found, start = set(), 0
    for line in text.split("\n"):
        if match := re.match(r"\s*([-*+•])[ \t]", line):
            found.add(start + match.start(1))
        start += len(line) + 1
    return found


@given(texts())
def test_every_text_is_cut_in_order_and_nothing_is_lost(given_text: Text) -> None:
    text, sentences = given_text
    passages = cut_section(text, sentences)
    covered: list[int] = []
    end_before = 0
    for (start, end), inside in passages:
        assert end_before <= start < end <= len(text)
        end_before = end
        assert inside[0][0] == 0
        assert inside[-1][1] == end - start
        assert end - start <= MAX_CHARS or len(inside) == 1
        for a, b in inside:
            one = text[start + a : start + b]
            assert one == one.strip() != ""
            assert len(one) <= HARD_MAX_CHARS
            covered += range(start + a, start + b)
    assert covered == sorted(set(covered))  # no two sentences overlap
    lost = set(range(len(text))) - set(covered)
    assert {n for n in lost if not text[n].isspace()} == bullets(text)


@given(texts())
def test_sentences_end_where_the_given_ones_and_lines_do(given_text: Text) -> None:
    text, sentences = given_text
    in_words = {n for n in range(1, len(text)) if text[n - 1].isalnum() and text[n].isalnum()}
    starts = {start for start, _ in sentences}
    for (start, _), inside in cut_section(text, sentences):
        for a, b in inside:
            assert "\n" not in text[start + a : start + b]
            assert not (starts - in_words) & set(range(start + a + 1, start + b))
            if len(text) <= HARD_MAX_CHARS:
                assert not in_words & {start + a, start + b}


def test_a_sentence_that_is_said_to_begin_inside_a_word_does_not_part_it() -> None:
    text = "모델을 학습했다 빠르다."
    spans = [(0, 6), (6, len(text))]
    assert text[:6] == "모델을 학습"
    assert cut(text, spans) == [(text, [text])]


@pytest.mark.parametrize(
    ("text", "one_line"),
    [
        ("한 문장이다.", "한 문장이다."),
        ("첫째\n- 둘째\n  • 셋째", "첫째 둘째 셋째"),
        ("첫째 \n\n\n 둘째", "첫째 둘째"),
        ("수식 a - b는\n-1이다", "수식 a - b는 -1이다"),
        ("GPT-4o\n1. 하나\n* 둘", "GPT-4o 1. 하나 둘"),
    ],
)
def test_encoders_read_one_line_without_bullets(text: str, one_line: str) -> None:
    assert plain(text) == one_line


def paper_of(*sections: Section) -> Paper:
    return Paper(
        id="2401.00001",
        title="A title",
        url="",
        date=None,
        dates=(),
        votes=None,
        authors=(),
        more_authors=False,
        thumbnail=None,
        sections=sections,
    )


SECTION = Section(
    "결과",
    "모델이 좋다. 속도도 빠르다.\n끝이다.",
    Source("day.md", 95, 140),
    (Run(2, 100, 6), Run(9, 107, 5), Run(14, 120, 10)),
)


def test_a_passage_knows_its_paper_section_and_number() -> None:
    empty = Section("Summary", "", Source("day.md", 0, 0), ())
    passage = make_passage(paper_of(empty, SECTION), 1, 3, (8, 16), [(0, 7)])
    assert passage.id == "2401.00001#1.3"
    assert (passage.paper, passage.section) == ("2401.00001", "결과")
    assert passage.text == SECTION.text[8:16] == "속도도 빠르다."
    assert passage.sentences == ((0, 7),)


def test_a_passage_is_located_where_its_section_says() -> None:
    size = len(SECTION.text)
    for start in range(size):
        for end in range(start + 1, size + 1):
            passage = make_passage(paper_of(SECTION), 0, 0, (start, end), [])
            assert passage.source == SECTION.locate(start, end)
            for a in range(end - start):
                for b in range(a + 1, end - start + 1):
                    assert passage.locate(a, b) == SECTION.locate(start + a, start + b)


def test_cuts_and_their_places_lead_back_to_the_file() -> None:
    sentences = [sentence(n, 70) for n in range(30)]
    body = "\n- ".join(sentences)
    file = "# 2024-01-01\n- **결과**: " + body + "\n"
    offset = file.index(body)
    section = Section(
        "결과", body, Source("day.md", offset, offset + len(body)), (Run(0, offset, len(body)),)
    )
    found = []
    for number, (span, inside) in enumerate(cut_section(body, [])):
        passage = make_passage(paper_of(section), 0, number, span, inside)
        assert file[passage.source.start : passage.source.end] == passage.text
        for start, end in passage.sentences:
            source = passage.locate(start, end)
            found.append(file[source.start : source.end])
    assert found == sentences
