"""What an answer is made of: words, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from index.papers import Passage, Source
from index.passages import plain
from rag.extraction import Sentence
from rag.generation import Fallback

_MARK = re.compile(r"\[(\d+)\]")


class AnswerKind(StrEnum):
    """Where the answer's words come from."""

    EXTRACTIVE = "extractive"
    GENERATED = "generated"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Citation:
    """`quote` is exactly `text[start:end]` of the passage, and stands at `source`."""

    number: int
    paper: str
    passage: str
    quote: str
    start: int
    end: int
    source: Source


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a question; `text` marks its citations as `[1]`.

    Attributes:
        kind: Where the words come from.
        text: All that is said.
        citations: In the order of their numbers, from 1.
        unsupported: How many generated sentences were removed: nothing here says them.
        fallback: Why there is no generated answer, or why it ends early, though one was wanted.
    """

    kind: AnswerKind
    text: str
    citations: tuple[Citation, ...]
    unsupported: int = 0
    fallback: Fallback | None = None


class Citations:
    """Gives every quote a number: the same quote has the same one again."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, int, int], Citation] = {}

    def cite(self, passage: Passage, start: int, end: int) -> Citation:
        """The citation of a part of a passage."""
        place = passage.id, start, end
        if place not in self._given:
            self._given[place] = Citation(
                number=len(self._given) + 1,
                paper=passage.paper,
                passage=passage.id,
                quote=passage.text[start:end],
                start=start,
                end=end,
                source=passage.locate(start, end),
            )
        return self._given[place]

    @property
    def all(self) -> tuple[Citation, ...]:
        """Those given, by number."""
        return tuple(self._given.values())


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of an answer: its text with marks, and what it cites."""

    text: str
    citations: tuple[Citation, ...]


def say(text: str, citations: Sequence[Citation]) -> Said:
    """A sentence that cites something."""
    marks = "".join(f"[{one.number}]" for one in citations)
    # What a digest has in brackets must not look like a citation.
    return Said(_MARK.sub(r"(\1)", text) + f" {marks}", tuple(citations))


def quote(sentences: Sequence[Sentence]) -> list[Said]:
    """Sentences of passages, word for word, each with its citation."""
    given = Citations()
    cited = [given.cite(one.passage, one.start, one.end) for one in sentences]
    return [say(plain(one.quote), [one]) for one in cited]
