"""Queries of any characters and any shape: terms, places and time."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from index.lexical import Analysis, analyzer, latin_terms

QUICK = settings(derandomize=True, deadline=None, max_examples=100)
THOROUGH = settings(derandomize=True, deadline=None, max_examples=4_000)
LIMIT_S = 6.0  # of the process's own time: thrice a slow machine's; what grows faster takes minutes
LENGTH = 20_000  # characters; the service takes fewer

WORDS = st.sampled_from(
    [
        *("모델", "학습을", "최적화하는", "가", "각", "뷁", "GPT-4o", "gpt4o", "Llama 3.1", "RLHF"),
        *(
            "don't",
            "naïve",
            "Ελληνικά",
            "русский",
            "日本語の",
            "模型",
            "ﬁne",
            "ｆｕｌｌ",
            "½",
            "㈜",
            "Ⅷ",
        ),
        *(
            "2407.10058",
            "1,000.5",
            "a/b",
            "x_y",
            "C++",
            "😀",
            "👨‍👩‍👧",
            "\U0001d400",
            "한국어model",
        ),
    ]
)
ODD = st.text(
    st.sampled_from(
        "\u0300\u0301\u0327\u20dd\u1100\u1161\u11a8\u3131\u314f\uac00\ud7a3\u115f\u3164"
        "\u200b\u200d\u200e\u202e\u2066\ufeff\u00ad\u0000\u0085\u2028\ufffd\U000e0041 -'.,/\n"
    ),
    max_size=8,
)
TEXT = st.lists(WORDS | ODD | st.text(max_size=6), max_size=8).map(" ".join) | st.text()
KOREAN = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=8)
UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2066\u2069\u2060\ufeff\u00ad"


def check(text: str, found: Analysis) -> None:
    """Everything stands in the text, in order."""
    for term in found.terms:
        assert term.text
        assert 0 <= term.start < term.end <= len(text), term
    starts = [term.start for term in found.terms]
    assert starts == sorted(starts)
    before = 0
    for start, end in found.sentences:
        assert before <= start < end <= len(text)
        before = end


def words(text: str) -> list[str]:
    return [term.text for term in analyzer().analyze(text).terms]


def analysed(examples: settings) -> None:
    @examples
    @given(TEXT)
    def any_text(text: str) -> None:
        check(text, analyzer().analyze(text))
        for term in latin_terms(text):
            assert term.text
            assert 0 <= term.start < term.end <= len(text)

    any_text()


def test_any_text_has_terms_inside_of_it() -> None:
    analysed(QUICK)


@pytest.mark.slow
def test_any_text_at_all_has_terms_inside_of_it() -> None:
    analysed(THOROUGH)


@QUICK
@given(st.lists(WORDS.filter(lambda word: word != "👨‍👩‍👧") | KOREAN, max_size=6).map(" ".join))
def test_both_forms_of_hangul_give_the_same_terms(text: str) -> None:
    composed, apart = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    one, two = analyzer().analyze(composed), analyzer().analyze(apart)
    check(apart, two)
    assert [term.text for term in one.terms] == [term.text for term in two.terms]
    for a, b in zip(one.terms, two.terms, strict=True):
        normal = unicodedata.normalize("NFC", apart[b.start : b.end])
        assert normal == composed[a.start : a.end]


@QUICK
@given(
    st.lists(WORDS.filter(lambda word: "\u200d" not in word), min_size=1, max_size=5).map(" ".join),
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(UNSEEN)), min_size=1, max_size=6),
)
def test_what_cannot_be_seen_changes_no_term(text: str, put: list[tuple[int, str]]) -> None:
    changed = text
    for at, mark in put:
        changed = changed[:at] + mark + changed[at:]
    # Two characters that a mark keeps apart are one where it is not: no mark is put there here.
    assume(unicodedata.is_normalized("NFC", text))
    found = analyzer().analyze(changed)
    check(changed, found)
    assert [term.text for term in found.terms] == words(text)


@QUICK
@given(TEXT, st.sampled_from(["\ud800", "\udfff", "\udc80"]))
def test_half_a_character_is_left_out(text: str, half: str) -> None:
    """Those who ask are refused (`Searcher.search`); digests can't have any."""
    found = analyzer().analyze(f"{text} {half} {text}")
    check(f"{text} {half} {text}", found)
    for term in found.terms:
        term.text.encode()


PATTERNS = {
    "one syllable": "가",
    "one letter": "a",
    "no spaces": "모델을학습하는",
    "no final": "ㅋ",
    "vowels": "ㅏ",
    "digits": "1",
    "decimals": "1.",
    "letters and digits": "a1",
    "joined": "a-",
    "joined digits": "1-",
    "apostrophes": "a'",
    "slashes": "a/",
    "combining": "\u0301",
    "combined": "a\u0301",
    "many combined": "가" + "\u0301" * 100,
    "two classes of marks": "\u0301\u0327",
    "jamo": "\u1100\u1161\u11a8",
    "leading jamo": "\u1100",
    "final jamo": "\u11a8",
    "fillers": "\u115f\u1160",
    "unseen": "\u200b",
    "turned": "\u202e가",
    "widest": "\ufdfa",
    "joined faces": "👨‍👩‍👧",
    "marks": "?!",
    "points": ".",
    "sentences": "가. ",
    "spaces": " ",
    "lines": "\n",
    "white space": "\u3000\t\r\n",
    "nul": "\0",
    "Chinese": "模型",
    "kana": "モデル",
    "capitals": "ABCDE ",
    "quotes": "\"'",
    "brackets": "([{",
    "full width": "ＧＰＴ－４",
    "Greek": "αβγ ",
    "words": "강화 학습 ",
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_no_shape_takes_long(pattern: str) -> None:
    analyzer()  # it takes a second to load
    text = pattern * (LENGTH // len(pattern))
    begin = time.process_time()
    found = analyzer().analyze(text)
    assert time.process_time() - begin < LIMIT_S
    check(text, found)
