"""Cited answers, and when not to answer."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from index.papers import Source
from index.passages import plain
from index.scoring import share_held
from rag.filters import Filters
from rag.search import NO_FILTERS, Found, PassageHit, Searcher
from rag.settings import AnswerGroup

NOTHING = "Nothing here answers that."
_MOST = 0.6  # questions that nothing here answers reach .5 (docs/decisions.md)


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
    """What is said to a question; `text` marks its citations as `[1]`."""

    kind: AnswerKind
    text: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """The reply to a question: an answer and what the search found.

    `confidence` is the share of the corpus's own titles that find no better passage than
    the question does (near 0, the question is unlike anything these papers are about); or the
    share of the question's words that the best paper has, where it has most of them.
    """

    answerable: bool
    confidence: float
    answer: Answer
    found: Found


def ask(
    searcher: Searcher,
    question: str,
    top_k: int | None = None,
    filters: Filters = NO_FILTERS,
    settings: AnswerGroup | None = None,
) -> Asked:
    """Answer a question with the best sentence of the best passage, word for word.

    Raises:
        QueryError: There is no word in the question.
    """
    settings = settings or AnswerGroup()
    found = searcher.search(question, top_k, None, filters)
    confidence = _confidence(searcher, found)
    best = next((hit.passages[0] for hit in found.hits if hit.passages), None)
    if best is None or confidence < settings.min_confidence:
        return Asked(False, confidence, Answer(AnswerKind.NONE, NOTHING, ()), found)
    citation = _cite(searcher, found, best)
    answer = Answer(AnswerKind.EXTRACTIVE, f"{plain(citation.quote)} [1]", (citation,))
    return Asked(True, confidence, answer, found)


def _confidence(searcher: Searcher, found: Found) -> float:
    """What speaks most for an answer: the meaning, or the words."""
    meaning = 0.0
    if found.query.best_cosine is not None:
        levels = searcher.snapshot.manifest.title_scores
        meaning = bisect_right(levels, found.query.best_cosine) / len(levels)
    words = _coverage(searcher, found)
    return round(max(meaning, words if words >= _MOST else 0.0), 4)


def _coverage(searcher: Searcher, found: Found) -> float:
    """The share of the question's words that the best paper has, weighted by rarity."""
    if not found.hits:
        return 0.0
    return share_held(searcher.snapshot, found.query.words, found.hits[0].row)


def _cite(searcher: Searcher, found: Found, hit: PassageHit) -> Citation:
    """Cite the sentence nearest to the question, by meaning and by shared terms."""
    passage = hit.passage
    spans = passage.sentences
    shared = np.array(
        [sum(b - a for a, b in hit.highlights if s <= a and b <= e) / (e - s) for s, e in spans]
    )
    scores = shared
    vector = found.query.vector
    if vector is not None:
        sentences = [plain(passage.text[start:end]) for start, end in spans]
        scores = searcher.snapshot.encoder.encode_document(sentences) @ vector + 0.5 * shared
    start, end = spans[int(np.argmax(scores))]
    return Citation(
        number=1,
        paper=passage.paper,
        passage=passage.id,
        quote=passage.text[start:end],
        start=start,
        end=end,
        source=passage.locate(start, end),
    )
