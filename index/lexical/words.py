"""Words in Latin, Greek and Cyrillic letters, and numbers: `GPT-4o`, `gpt4o`, `Llama 3.1`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from bm25s import stopwords
from Stemmer import Stemmer

# Without the signs that stand between the letters, such as « » · × and the Greek ; and ·.
_LETTER = (
    "A-Za-z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
    "\u0370-\u037d\u037f-\u0386\u0388-\u0481\u0483-\u052f\u1e00-\u1fff"
)
_DECIMAL = rf"\d+(?:[.,]\d+)+[{_LETTER}]*"
_VERSION = rf"[{_LETTER}]+\d+(?:\.\d+)+[{_LETTER}]*"  # llama3.1
_PART = rf"(?:{_DECIMAL}|{_VERSION}|[{_LETTER}\d]+)"
_WORD = re.compile(rf"{_PART}(?:[-_'’/+.]{_PART})*")
_PARTS = re.compile(_PART)
_LETTERS_THEN_DIGIT = re.compile(rf"([{_LETTER}]+)(\d.*)")
_JOINERS = frozenset("-_'’")
_ENGLISH = frozenset(stopwords.STOPWORDS_EN_PLUS)
_FOREIGN = frozenset(
    (
        *stopwords.STOPWORDS_GERMAN,
        *stopwords.STOPWORDS_FRENCH,
        *stopwords.STOPWORDS_SPANISH,
    )
) - {"ai"}  # French for "I have"
_STEMMER = Stemmer("english")


class Term(NamedTuple):
    """A term of the index and the characters of the text that it stands for."""

    text: str
    start: int
    end: int


def latin_terms(text: str) -> Iterator[Term]:
    """Find the terms of all words that aren't Korean, Chinese or Japanese.

    `GPT-4o`, `GPT 4o` and `gpt4o` all give `gpt`, `4o` and `gpt4o`; plurals and inflections
    of English words are stemmed; function words of English, German, French and Spanish are
    left out.
    """
    if text.isascii() and text.isupper() and any(len(word) > 4 for word in text.split()[1:]):
        text = text.lower()  # no acronyms, a title in capitals; the places stay the same
    before: tuple[str, int, int] | None = None  # the last part, where it begins and ends
    for word in _WORD.finditer(text):
        parts = [(m.group(), *m.span()) for m in _PARTS.finditer(text, word.start(), word.end())]
        first = parts[0]
        if (
            before
            and before[0][-1].isalpha()
            and first[0][0].isdigit()
            and text[before[2] : first[1]] == " "
        ):
            yield Term(_fold(before[0] + first[0]), before[1], first[2])  # Llama 3.1
        for part, start, end in parts:
            yield from _part_terms(part, start, end)
        for one, two in pairwise(parts):
            if len(parts) > 2 and two[0][0].isdigit() and text[one[2] : two[1]] in _JOINERS:
                yield Term(_fold(one[0] + two[0]), one[1], two[2])
        if len(parts) > 1 and all(c.isalnum() or c in _JOINERS or c == "." for c in word.group()):
            joined = "".join(part for part, _, _ in parts)
            # Stemmed as it is where it is written together: pre-training, pretraining.
            if whole := _stem(joined) if joined.isalpha() else _fold(joined):
                yield Term(whole, word.start(), word.end())
        before = parts[-1]


def _part_terms(part: str, start: int, end: int) -> Iterator[Term]:
    if split := _LETTERS_THEN_DIGIT.fullmatch(part):  # gpt4o -> gpt, 4o, gpt4o
        middle = start + len(split.group(1))
        yield from _part_terms(split.group(1), start, middle)
        yield Term(_fold(split.group(2)), middle, end)
        yield Term(_fold(part), start, end)
    elif part[0].isdigit():
        yield Term(_fold(part.replace(",", "")), start, end)
    elif stem := _stem(part):
        yield Term(stem, start, end)


@lru_cache(65536)
def _stem(word: str) -> str:
    """The stem of a word, empty for a function word."""
    folded = _fold(word)
    if folded in _ENGLISH or word.lower() in _ENGLISH:
        return ""
    acronym = len(word) > 1 and word.isascii() and word.isupper()  # MIT, OS
    if not acronym and (folded in _FOREIGN or word.lower() in _FOREIGN):
        return ""
    if len(word) > 2 and word[-1] == "s" and word[:-1].isupper():  # LLMs
        return folded[:-1]
    return str(_STEMMER.stemWord(folded)) if len(folded) > 3 and not word.isupper() else folded


@lru_cache(65536)
def _fold(word: str) -> str:
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFD", word.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))
