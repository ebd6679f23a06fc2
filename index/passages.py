"""Sections -> passages: whole sentences, short enough to be about one thing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from index.papers import Paper, Passage, Run, Section

RULES = 1  # raise it when the same text would be cut otherwise
MAX_CHARS = 600
HARD_MAX_CHARS = 2_000  # a sentence longer than this is cut at a space

Span = tuple[int, int]

_BULLET = re.compile(r"[ \t]*[-*+•][ \t]+")
_LINE_END = re.compile(r"\s*\n\s*(?:[-*+•]\s+)?")


def cut_section(text: str, sentences: Sequence[Span]) -> list[tuple[Span, list[Span]]]:
    """Cut a section's text into passages of at most MAX_CHARS, of about equal length.

    Args:
        text: The section's text.
        sentences: Its sentences as the analysis found them, in order. Line ends part
            sentences too.

    Returns:
        Each passage's span in the text, and its sentences' spans in the passage. Only white
        space and bullets are outside of all passages.
    """
    pieces = list(_short(text, _split_lines(text, sentences)))
    if not pieces:
        return []
    total = pieces[-1][1] - pieces[0][0]
    wanted = -(-total // MAX_CHARS)
    target = total / wanted
    begin = pieces[0][0]
    passages: list[list[Span]] = [[]]
    for start, end in pieces:
        current = passages[-1]
        if current:
            # Cut where it comes nearest to an equal share: before this sentence or after it.
            middle = (current[-1][1] + end) / 2 - begin
            due = middle >= len(passages) * target and len(passages) < wanted
            if due or end - current[0][0] > MAX_CHARS:
                passages.append([])
        passages[-1].append((start, end))
    cuts = []
    for spans in passages:
        start, end = spans[0][0], spans[-1][1]
        cuts.append(((start, end), [(a - start, b - start) for a, b in spans]))
    return cuts


def has_words(text: str) -> bool:
    """Whether anything but white space and bullets is in a text, so that it has passages."""
    return bool(cut_section(text, ()))


def plain(text: str) -> str:
    """A passage's text as encoders read it: one line, no bullets."""
    return _LINE_END.sub(" ", text)


def plain_places(text: str) -> list[int]:
    """Where each character of `plain(text)`, and its end, stands in the text."""
    places: list[int] = []
    start = 0
    for match in _LINE_END.finditer(text):
        places += range(start, match.start() + 1)  # one space for all that is left out
        start = match.end()
    return [*places, *range(start, len(text) + 1)]


def make_passage(
    paper: Paper, section: int, number: int, span: Span, sentences: Sequence[Span]
) -> Passage:
    """Make a passage of a section's cut.

    Args:
        paper: The paper.
        section: Which of its sections, from 0.
        number: Which of the section's passages, from 0.
        span: The passage in the section's text.
        sentences: Its sentences in its own text.
    """
    whole, (start, end) = paper.sections[section], span
    return Passage(
        id=f"{paper.id}#{section}.{number}",
        paper=paper.id,
        section=whole.name,
        text=whole.text[start:end],
        source=whole.locate(start, end),
        runs=_slice_runs(whole, start, end),
        sentences=tuple(sentences),
    )


def _slice_runs(section: Section, start: int, end: int) -> tuple[Run, ...]:
    runs = []
    for run in section.runs:
        a, b = max(run.text, start), min(run.text + run.length, end)
        if a < b:
            runs.append(Run(a - start, run.source + a - run.text, b - a))
    return tuple(runs)


def _split_lines(text: str, sentences: Sequence[Span]) -> Iterator[Span]:
    """The sentences, made to cover all of the text, and parted at line ends."""
    starts = sorted({0, *(start for start, _ in sentences if not _in_word(text, start))})
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        while start < end:
            stop = text.find("\n", start, end)
            stop = end if stop < 0 else stop
            bullet = _BULLET.match(text, start, stop)
            if bullet and not text[text.rfind("\n", 0, start) + 1 : start].strip():
                start = bullet.end()
            yield from _trim(text, start, stop)
            start = stop + 1


def _in_word(text: str, position: int) -> bool:
    """Whether a cut would part a word; the analysis finds ends in misspelt ones."""
    return text[position - 1 : position].isalnum() and text[position : position + 1].isalnum()


def _trim(text: str, start: int, end: int) -> Iterator[Span]:
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    end = start + len(part.strip())
    if start < end:
        yield start, end


def _short(text: str, spans: Iterator[Span]) -> Iterator[Span]:
    for start, end in spans:
        while end - start > HARD_MAX_CHARS:
            stop = text.rfind(" ", start + HARD_MAX_CHARS // 2, start + HARD_MAX_CHARS)
            stop = start + HARD_MAX_CHARS if stop < 0 else stop
            yield from _trim(text, start, stop)
            start = stop + (text[stop : stop + 1] == " ")
        if start < end:
            yield from _trim(text, start, end)
