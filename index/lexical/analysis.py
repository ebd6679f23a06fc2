"""Text -> terms and sentences, Korean first: Kiwi's morphemes, and words of other scripts."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import kiwipiepy
from kiwipiepy import Kiwi

from index.lexical.words import Term, latin_terms
from index.threads import cpu_count

RULES = 3  # raise it when the same text would give other terms
VERSION = f"{RULES}-kiwi-{kiwipiepy.__version__}"

# Nouns, roots, verbs, adjectives and Chinese characters carry content; endings, particles,
# bound nouns and what Kiwi calls foreign (words.py reads those) don't.
_CONTENT = frozenset({"NNG", "NNP", "NR", "XR", "VV", "VA", "SH", "MAG"})
_ENDED = re.compile(r"(?:[.!?。！？…‥][\"'”’)\]}»」』]*|[\r\n])\s*$")
_BLOCK = 10_000
_ENDLESS = re.compile(r"\S{1000}(?=\S)")
_HANGUL_VOWEL_OR_FINAL = range(0x1160, 0x1200)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a text is made of, in characters of the text as it was given."""

    terms: tuple[Term, ...]
    sentences: tuple[tuple[int, int], ...]


class Analyzer:
    """Korean-aware analysis. Safe to use from several threads."""

    def __init__(self, kiwi: Kiwi | None = None) -> None:
        # The dictionary of proper names costs 180 MB and finds nothing more (docs/decisions.md).
        self._kiwi = kiwi or Kiwi(
            num_workers=cpu_count(), load_multi_dict=False, load_typo_dict=False
        )

    def analyze(self, text: str) -> Analysis:
        """Analyse one text, in this thread alone.

        Kiwi does the same for a list of one on its own threads, which is slower, and a process
        that was forked has none of them and would wait for ever.
        """
        folded, offsets = _part_runs(*fold(text))
        found = [
            _analysis(block, self._kiwi.tokenize(block), start) for start, block in _blocks(folded)
        ]
        return _placed(folded, offsets, found)

    def analyze_all(self, texts: Iterable[str]) -> Iterator[Analysis]:
        """Analyse texts in order, on all CPUs."""
        folded = [_part_runs(*fold(text)) for text in texts]
        blocks = [_blocks(text) for text, _ in folded]
        tokens = iter(self._kiwi.tokenize([block for some in blocks for _, block in some]))
        for (text, offsets), some in zip(folded, blocks, strict=True):
            found = [_analysis(block, next(tokens), start) for start, block in some]
            yield _placed(text, offsets, found)


@cache
def analyzer() -> Analyzer:
    """The process's analyser; it takes a second to load."""
    return Analyzer()


def _blocks(text: str) -> list[tuple[int, str]]:
    """Cut a very long text at line or sentence ends: Kiwi takes more than linear time for it."""
    blocks, start = [], 0
    while len(text) - start > _BLOCK:
        window = text[start : start + _BLOCK]
        end = max(window.rfind("\n"), window.rfind(". ")) + 1
        end = end or window.rfind(" ") + 1 or _BLOCK
        blocks.append((start, window[:end]))
        start += end
    return [*blocks, (start, text[start:])]


def _analysis(text: str, tokens: list[Any], shift: int) -> tuple[list[Term], list[int]]:
    """The terms of a block and where its sentences start, moved by `shift`."""
    terms = list(latin_terms(text))
    starts: list[int] = []
    sentence = -1
    for token in tokens:
        if token.sent_position != sentence:  # not always from 0: line ends at the start count
            sentence = token.sent_position
            # Kiwi also ends sentences at endings that a clause can have (“필요 없어 더 빠르다”).
            if not starts or _ENDED.search(text, max(0, token.start - 10), token.start):
                starts.append(token.start)
        if token.len and token.tag.partition("-")[0] in _CONTENT:  # an elided verb has no length
            terms.append(Term(token.form, token.start, token.end))
    if shift:
        terms = [Term(t.text, t.start + shift, t.end + shift) for t in terms]
        starts = [start + shift for start in starts]
    return terms, starts


def _placed(
    text: str, offsets: list[int] | None, found: list[tuple[list[Term], list[int]]]
) -> Analysis:
    """Join a text's blocks, and place terms and sentences in the text as it was given."""
    terms = sorted((term for some, _ in found for term in some), key=lambda term: term.start)
    starts = [start for _, some in found for start in some]
    sentences = [
        (start, start + len(text[start:end].rstrip()))
        for start, end in zip(starts, [*starts[1:], len(text)], strict=False)
    ]
    if offsets is not None:
        terms = [Term(t.text, offsets[t.start], _end(offsets, t.end)) for t in terms]
        sentences = [(offsets[start], offsets[end]) for start, end in sentences]
    return Analysis(tuple(terms), tuple(span for span in sentences if span[0] < span[1]))


def _end(offsets: list[int], end: int) -> int:
    """Where a term ends in the given text; a character made several (㈜, ½) is not parted."""
    return offsets[bisect_right(offsets, offsets[end - 1])]


def fold(text: str) -> tuple[str, list[int] | None]:
    """Bring a text to one form of Unicode, and say where its characters came from.

    Compatibility forms are made plain (NFKC: full-width letters, mathematical ones, Hangul
    in separate jamo); what can't be seen (zero-width, bidirectional marks) is left out.

    Returns:
        The folded text and, for each of its characters and its end, the place in `text`;
        `None` where the two are the same.
    """
    if text.isascii() or (
        unicodedata.is_normalized("NFKC", text)
        and not any(unicodedata.category(c) in ("Cf", "Cs") for c in text)
    ):
        return text, None
    out: list[str] = []
    offsets: list[int] = []
    for start, end in _clusters(text):
        seen = "".join(c for c in text[start:end] if unicodedata.category(c) not in ("Cf", "Cs"))
        plain = unicodedata.normalize("NFKC", seen)
        out.append(plain)
        offsets += [start] * len(plain)
    return "".join(out), [*offsets, len(text)]


def _part_runs(text: str, offsets: list[int] | None) -> tuple[str, list[int] | None]:
    """Put spaces into what has none for very long: Kiwi takes quadratic time for it."""
    if not _ENDLESS.search(text):
        return text, offsets
    places = offsets or list(range(len(text) + 1))
    out: list[str] = []
    parted: list[int] = []
    start = 0
    for match in _ENDLESS.finditer(text):
        out += [text[start : match.end()], " "]
        parted += [*places[start : match.end()], places[match.end()]]
        start = match.end()
    return "".join([*out, text[start:]]), [*parted, *places[start:]]


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Cut before each character that does not compose with the one before it."""
    start = 0
    for i, char in enumerate(text):
        joins = unicodedata.combining(char) or ord(char) in _HANGUL_VOWEL_OR_FINAL
        if i > start and not joins:
            yield start, i
            start = i
    if text:
        yield start, len(text)
