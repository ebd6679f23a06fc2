"""Texts are analysed, and sections are cut into passages."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from index.lexical import Analysis, Analyzer, Term
from index.passages import Span, cut_section


class Cut(NamedTuple):
    """A passage as it is cut.

    Attributes:
        place: The row of a paper that has it, the section's number.
        span: In the section.
        sentences: Their spans in the passage.
        terms: With their places in the passage.
    """

    place: Sequence[int]
    span: Span
    sentences: Sequence[Span]
    terms: Sequence[Term]


def cut(place: Sequence[int], text: str, analysis: Analysis) -> Iterator[Cut]:
    """Cut a section that was analysed."""
    for span, sentences in cut_section(text, analysis.sentences):
        yield Cut(place, span, sentences, _within(analysis.terms, span))


def analyse(texts: Iterator[str], at_once: int) -> Iterator[tuple[str, Analysis]]:
    """Analyse texts on all CPUs, so many at once: each with what was found in it."""
    analyzer = Analyzer()  # not kept: 300 MB that the encoder needs next
    while some := list(islice(texts, at_once)):
        yield from zip(some, analyzer.analyze_all(some), strict=True)


def _within(terms: Sequence[Term], span: Span) -> list[Term]:
    """The terms inside a passage, placed in its text."""
    start, end = span
    first = bisect_left(terms, start, key=lambda term: term.start)
    last = bisect_left(terms, end, key=lambda term: term.start)
    return [Term(t.text, t.start - start, t.end - start) for t in terms[first:last] if t.end <= end]
