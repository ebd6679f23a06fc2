"""Values that are Python lists and dicts as text: prose, every word kept, every word placed."""

from __future__ import annotations

import re

import pytest

from index.digests.literals import take_escaped, take_literal
from index.digests.mapped import MappedText
from index.digests.markdown import read_markdown
from index.papers import Run, Section, Source

HEAD = "## Daily Papers (2024-07-16)\n\n### [작은 모델](https://arxiv.org/abs/2407.00001)\n\n"


def read(value: str) -> tuple[str, Section]:
    text = f"{HEAD}- **방법**: {value}\n- **결과**: 좋다.\n"
    [paper], remarks = read_markdown(text, "a.md")
    assert remarks == []
    assert [section.name for section in paper.sections] == ["방법", "결과"]
    return text, paper.sections[0]


PROSE = {
    "a list": ("['첫째 문장.', \"둘째's 문장.\"]", "첫째 문장.\n둘째's 문장."),
    "a list of one": ("['하나']", "하나"),
    "a tuple": ("('하나', '둘')", "하나\n둘"),
    "a dict": ("{'모음': '글을 모은다.', '거름': '거른다.'}", "모음: 글을 모은다.\n거름: 거른다."),
    "a list of dicts": (
        "[{'이름': '가', '값': '나'}, {'이름': '다'}]",
        "이름: 가\n값: 나\n이름: 다",
    ),
    "a dict of lists": ("{'모음': ['가', '나'], '거름': ['다']}", "모음: 가\n나\n거름: 다"),
    "keys that stand twice": ("{'값': '가', '값': '나'}", "값: 가\n값: 나"),
    "numbers and names": (
        "{'정확도': 91.5, '층': -3, '공개': True, '없음': None}",
        "정확도: 91.5\n층: -3\n공개: True\n없음: None",
    ),
    "a list in a list": ("[['가', '나'], '다']", "가\n나\n다"),
    "a set": ("[{'가', '나'}]", "가\n나"),
    "brackets in words": ("['[가] 나', '(다) {라}']", "[가] 나\n(다) {라}"),
    "quotes": (r"['그의 \'말\'', 'say \"hi\"']", "그의 '말'\nsay \"hi\""),
    "escapes": (
        r"['한\n줄', '\u00e9t\xe9', '\U0001f600', '탭\t끝', '\x41\102']",
        "한\n줄\nété\n😀\n탭\t끝\nAB",
    ),
    "a surrogate pair": (r"['\ud83d\ude00 웃음']", "😀 웃음"),
    "half a surrogate pair": (r"['\ud83d 웃음']", "\ufffd 웃음"),
    "half a pair in a prefixed string": (r"[u'\ud83d 웃음']", "\ufffd 웃음"),
    "LaTeX": (
        r"['값 $\beta$', '\textit{작다}', '\\alpha', '\sum_i']",
        "값 $\\beta$\n\\textit{작다}\n\\alpha\n\\sum_i",
    ),
    "strings side by side": ("['하나' ' 둘', '셋']", "하나 둘\n셋"),
    "strings with prefixes": (r"[r'\d 하나', u'둘']", "\\d 하나\n둘"),
    "triple quotes": ("['''하나''', '둘']", "하나\n둘"),
    "empty strings": ("['', '하나', '']", "\n하나\n"),
    "white space": ("[ '하나' ,\t'둘' , ]", "하나\n둘"),
}


@pytest.mark.parametrize(("value", "prose"), PROSE.values(), ids=PROSE)
def test_a_literal_becomes_prose(value: str, prose: str) -> None:
    _, section = read(value)
    assert section.text == prose


@pytest.mark.parametrize("value", [value for value, _ in PROSE.values()], ids=PROSE)
def test_the_prose_stands_where_its_source_says(value: str) -> None:
    text, section = read(value)
    start, end = section.source.start, section.source.end
    assert text[start:end] == value
    for run in section.runs:
        taken = section.text[run.text : run.text + run.length]
        assert text[run.source : run.source + run.length] == taken
        assert start <= run.source < run.source + run.length <= end


@pytest.mark.parametrize(
    "name", ["a list", "a dict", "a list of dicts", "numbers and names", "quotes"]
)
def test_every_word_of_the_prose_is_found_in_the_file(name: str) -> None:
    text, section = read(PROSE[name][0])
    for word in re.finditer(r"\w+", section.text):
        place = section.locate(*word.span())
        assert text[place.start : place.end] == word.group()


def test_a_word_with_an_escape_in_it_is_found_as_it_was_written() -> None:
    text, section = read(r"['하나', 'b\u00e9t\u00e9 둘', '셋']")
    start = section.text.index("bété")
    place = section.locate(start, start + len("bété 둘"))
    assert text[place.start : place.end] == r"b\u00e9t\u00e9 둘"
    place = section.locate(start, start + len("bété"))
    assert text[place.start : place.end] == r"b\u00e9t\u00e9"


UNTOUCHED = {
    "no closing": "['하나', '둘'",
    "words after it": "['하나', '둘'] 그리고 셋",
    "a comment after it": "['하나', '둘'] # 그리고 셋",
    "a quote too few": "['하나, '둘']",
    "an apostrophe": "['그's 하나', '둘']",
    "a name": "[하나, 둘]",
    "a call": "[print('하나')]",
    "an f-string": "[f'하나']",
    "a product": "['하나' * 3]",
    "numbers": "[1, 2, 3]",
    "a citation": "[12] 하나",
    "a link": "[하나](https://example.org)",
    "nothing in it": "[]",
    "a string": "('하나')",
    "deep": "[" * 500 + "'하나'" + "]" * 500,
    "over lines": "['하나',\n  '둘']",
    "over lines of an old Mac": "['하나가',\r  '둘']",
    "a broken escape": r"['\x4 하나', '둘']",
}


@pytest.mark.parametrize("value", UNTOUCHED.values(), ids=UNTOUCHED)
def test_what_is_no_literal_stays_word_for_word(value: str) -> None:
    text, section = read(value)
    assert section.text == value
    assert text[section.source.start : section.source.end] == value


def test_nothing_is_appended_where_there_is_no_literal() -> None:
    out = MappedText()
    assert not take_literal(out, "['하나', 둘]", 0)
    assert (out.text, out.runs) == ("", ())


def test_escapes_are_resolved_and_mapped_around() -> None:
    out = MappedText()
    take_escaped(out, r"하나\n둘\\\u00e9", 10)
    assert out.text == "하나\n둘\\é"
    section = Section("방법", out.text, Source("a", 10, 22), out.runs)
    assert section.locate(0, 2) == Source("a", 10, 12)
    assert section.locate(3, 4) == Source("a", 14, 15)
    assert section.locate(4, 6) == Source("a", 15, 22)


def test_pieces_from_two_places_are_two_runs() -> None:
    out = MappedText().take("하나", 10).take(" 둘", 12).take("", 40).take("셋", 30).add(".")
    assert out.text == "하나 둘셋."
    assert out.runs == (Run(0, 10, 4), Run(4, 30, 1))
    assert len(out) == 6
