"""Where a text gives a term in two languages: one of them in parentheses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from index.glossary.acronyms import Acronyms, abbreviates
from index.glossary.spelling import HANGUL

_BEFORE = 80  # characters looked at before a parenthesis
_MOST_WORDS = 6  # of a term, in either language
_MOST_PARTS = 3  # of a parenthesis; more are examples, not names of one thing

# Innermost parentheses; bounded, so that thousands that never close cost little.
_PARENTHESES = re.compile(r"[(（]([^()（）\n]{2,120})[)）]")
_SEPARATOR = re.compile(r"\s?[,;/]\s?|\s(?:또는|혹은|or)\s")
_ENGLISH = re.compile(r"[A-Za-z0-9]+(?:[ \-+&'’]{1,2}[A-Za-z0-9]+){0,9}")
_KOREAN = re.compile(r"[가-힣A-Za-z0-9]+(?:[ \-][가-힣A-Za-z0-9]+){0,5}")
_NO_TERM = re.compile(
    r"\b(?:et al|eg|ie|vs|see|fig|figure|table|section|eq)\b|\b(?:19|20)\d\d\b", re.I
)
_NUMBERED = re.compile(r"[ivxIVX]+|[a-zA-Z]?\d+|\d+ ?[a-zA-Z]{1,2}|\d[\d ]*")
_BREAK = re.compile(r"[^가-힣A-Za-z0-9 \-]+|\s{2,}|\s-|-\s")
_CLOSING = " \t*_'\"”’`」』》〉"
_SENTENCE_END = re.compile(r"(?:다|요|예|등|함|됨|음)$")


class Mention(NamedTuple):
    """One English term with the Korean words before it, or with all that is Korean for it."""

    paper: int
    key: str
    words: tuple[str, ...]
    exact: bool


def find_mentions(paper: int, text: str, shorts: Acronyms) -> Iterator[Mention]:
    """The terms that a text gives in two languages; acronyms are noted in `shorts`."""
    for match in _PARENTHESES.finditer(text):
        parts = _parts(match.group(1))
        if not parts:
            continue
        english = [part for part in parts if not HANGUL.search(part)]
        korean = [part for part in parts if HANGUL.search(part)]
        before = _before(text, match.start())
        if before and not HANGUL.search(before[-1]):
            english += _english_before(before, english, bool(korean))
            before = []
        names = _names(paper, english, shorts)
        for name in names:
            key = shorts.seen(name)
            for term in korean:
                yield Mention(paper, key, tuple(term.split()), True)
            if before:
                yield Mention(paper, key, tuple(before), False)


def _parts(inside: str) -> list[str]:
    """The terms in a parenthesis; none if it holds anything else."""
    parts = [part.strip(_CLOSING) for part in _SEPARATOR.split(inside)]
    if len(parts) > _MOST_PARTS or _NO_TERM.search(inside):
        return []
    for part in parts:
        if HANGUL.search(part):
            if not _KOREAN.fullmatch(part) or _SENTENCE_END.search(part):
                return []
        elif not _ENGLISH.fullmatch(part) or _NUMBERED.fullmatch(part) or len(part) < 2:
            return []
    return parts


def _before(text: str, end: int) -> list[str]:
    """The words right before a parenthesis that may belong to one term."""
    start = max(0, end - _BEFORE)
    before = text[start:end].rstrip(_CLOSING)
    pieces = _BREAK.split(before)
    words = pieces[-1].split()
    if len(pieces) == 1 and start and words:
        del words[0]  # it may be cut
    return words[-_MOST_WORDS:]


def _english_before(before: Sequence[str], inside: Sequence[str], is_translated: bool) -> list[str]:
    """The English term before a parenthesis, if what is inside tells where it begins."""
    run: list[str] = []
    for word in reversed(before):
        if HANGUL.search(word):
            break
        run.insert(0, word)
    for short in inside:
        for start in range(len(run) - 1, -1, -1):
            phrase = " ".join(run[start:])
            if abbreviates(short, phrase) or abbreviates(phrase, short):
                return [phrase]
    phrase = " ".join(run)
    return [phrase] if is_translated and not inside and _ENGLISH.fullmatch(phrase) else []


def _names(paper: int, english: Sequence[str], shorts: Acronyms) -> list[str]:
    """Those of some names that a translation beside them is of; acronyms are noted."""
    if len(english) == 1:
        return list(english)
    for long in english:
        for short in english:
            if abbreviates(short, long):
                shorts.pair(paper, long, short)
                return [long]
    # "Autoregressive Models; AR": no abbreviation of all of it.
    long = max(english, key=lambda one: one.count(" "), default="")
    return [long] if len(english) == 2 and any(map(str.isupper, english)) else []
