"""The sentences of the papers found that answer a question, word for word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.papers import Passage
from index.passages import plain
from index.scoring import Allowed, Floats, Query
from index.snapshot import Snapshot
from rag.search import Hit, Searcher

MOST_PAPERS = 3
_ODDS = 4.0  # a paper whose log-odds are so much below the first one's supplies no sentence
_OF_FIRST = 2  # sentences of the first paper; the others supply one
_WORTH = 0.7  # of the best sentence's score, that any other needs
_SAME = 0.6  # of a sentence's terms; who shares as many with another says nothing new
_FEWEST_TERMS = 2  # a heading or “[1]” is no answer


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage: its span in there, and how well it answers."""

    passage: Passage
    row: int
    start: int
    end: int
    score: float
    terms: frozenset[int]

    @property
    def quote(self) -> str:
        """The sentence, word for word."""
        return self.passage.text[self.start : self.end]


def extract(
    searcher: Searcher, query: Query, hits: Sequence[Hit], allowed: Allowed | None
) -> list[Sentence]:
    """Choose the sentences that answer.

    From up to MOST_PAPERS papers whose score is near that of the first one, flagged papers left
    out; what says the same as a better sentence is left out too. In whatever order the hits'
    passages come, the sentences are the same.

    Args:
        searcher: That found the papers.
        query: As the legs left it.
        hits: Best first.
        allowed: What may be found; `None` is all.

    Returns:
        Paper by paper, best paper first, and in a paper as they stand there.
    """
    chosen: list[Sentence] = []
    least = float("-inf")
    for place, hit in enumerate(answering(hits)):
        wanted = _OF_FIRST if place == 0 else 1
        own: list[Sentence] = []
        for one in _sentences(searcher, query, hit, allowed):
            if len(own) == wanted or one.score < least:
                break
            least = max(least, _WORTH * one.score)
            if not any(_says_the_same(one, other) for other in (*chosen, *own)):
                own.append(one)
        chosen += sorted(own, key=lambda one: (one.row, one.start))
    return chosen


def answering(hits: Sequence[Hit]) -> list[Hit]:
    """The hits that may supply an answer, best first.

    None where a flagged one is so far ahead of them that they are about something else.
    """
    sound = [hit for hit in hits if not hit.paper.flags]
    near = [hit for hit in sound if hit.score >= hits[0].score - _ODDS]
    return near[:MOST_PAPERS]


def _sentences(
    searcher: Searcher, query: Query, hit: Hit, allowed: Allowed | None
) -> list[Sentence]:
    """All sentences of a paper, best first."""
    snapshot = searcher.snapshot
    found = []
    for row in searcher.passages_of(hit.row, allowed):
        passage = snapshot.passage(row, hit.paper)
        terms = [_terms(snapshot, row, span) for span in passage.sentences]
        scores = _meaning(snapshot, query, row, passage)
        for (start, end), own, meaning in zip(passage.sentences, terms, scores, strict=True):
            if len(own) >= _FEWEST_TERMS:
                score = float(meaning) + _share(snapshot, query, own)
                found.append(Sentence(passage, row, start, end, score, own))
    # Where a digest had to be rewritten to be read, a quote can't be found in it.
    verbatim = [one for one in found if one.passage.is_verbatim(one.start, one.end)]
    return sorted(verbatim or found, key=lambda one: (-one.score, one.row, one.start))


def _terms(snapshot: Snapshot, row: int, span: tuple[int, int]) -> frozenset[int]:
    table = snapshot.lexicon.passage_lists.lists.row(row)
    inside = (table[:, 1] >= span[0]) & (table[:, 1] < span[1])
    return frozenset(table[inside, 0].tolist())


def _meaning(snapshot: Snapshot, query: Query, row: int, passage: Passage) -> Floats:
    """How near each sentence is to the question, token by token or, without tokens, as a whole."""
    late = snapshot.late if query.tokens is not None else None
    if late is not None and query.tokens is not None:
        return late.tokens.span_scores(query.tokens, row, passage.sentences)
    if query.vector is None:
        return np.zeros(len(passage.sentences), np.float32)
    texts = [plain(passage.text[start:end]) for start, end in passage.sentences]
    cosines: Floats = snapshot.encoder.encode_document(texts) @ query.vector
    return cosines


def _share(snapshot: Snapshot, query: Query, terms: frozenset[int]) -> float:
    """The share of the question's words, by rarity, that a sentence has in any language."""
    rarity = snapshot.lexicon.rarity
    # Exact sums: those of a set's floats, as they come, differ between processes.
    asked = math.fsum(rarity(word) for word in set(query.words))
    held = terms & {*query.terms, *query.translations}
    return math.fsum(map(snapshot.lexicon.rarity_of, held)) / asked if asked else 0.0


def _says_the_same(one: Sentence, other: Sentence) -> bool:
    return len(one.terms & other.terms) > _SAME * min(len(one.terms), len(other.terms))
