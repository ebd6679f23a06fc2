"""Legs: ways of scoring every paper for a query, brought to one scale so that they add up."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from index.snapshot import Moments, Snapshot
from rag.filters import Allowed

Floats = npt.NDArray[np.float32]

log = logging.getLogger(__name__)


class Leg(StrEnum):
    """The legs there are."""

    LEXICAL = "lexical"
    DENSE = "dense"


class Status(StrEnum):
    """How a leg fared in one search."""

    OK = "ok"
    OFF = "off"
    FAILED = "failed"


@dataclass(slots=True)
class Query:
    """A query as the legs see it; what a failed leg did not compute stays empty.

    Attributes:
        words: Its terms.
        terms: Numbers of those that the corpus has.
        vector: (dimension,) its embedding.
        moments: How its cosines with all passages are distributed.
        best_cosine: The best cosine of any passage.
        legs: What each leg says of itself.
    """

    words: list[str] = field(default_factory=list)
    terms: list[int] = field(default_factory=list)
    vector: Floats | None = None
    moments: Moments | None = None
    best_cosine: float | None = None
    legs: dict[Leg, Status] = field(default_factory=dict)

    def run(self, leg: Leg, score: Callable[[], Floats]) -> Floats | None:
        """Run a leg; if it fails, say so and go on without it."""
        try:
            scores = score()
        # Whatever a library raises, the other legs still answer, and `legs` tells.
        except Exception:
            log.exception("the %s leg failed", leg)
            self.legs[leg] = Status.FAILED
            return None
        self.legs[leg] = Status.OK
        return scores


def lexical_scores(snapshot: Snapshot, query: Query, allowed: Allowed | None) -> Floats:
    """BM25 of every paper, standardised over the corpus: (papers,).

    With a filter on sections a paper is its best passage that passes; else it is matched as a
    whole, with its title.
    """
    if allowed is None or allowed.papers[snapshot.owners].sum() == allowed.passages.sum():
        return standardise(snapshot.lexicon.score_papers(query.terms))
    scores = snapshot.lexicon.score_passages(query.terms) * allowed.passages
    return standardise(best_of_papers(snapshot, scores))


def dense_scores(
    snapshot: Snapshot, query: Query, allowed: Allowed | None, candidates: int
) -> Floats:
    """Each paper's best cosine, standardised by all passages: (papers,).

    Papers beyond the candidates are given the last candidate's score, which none exceeds.
    """
    if query.vector is None:
        raise ValueError("the query has no vector")
    passages = None if allowed is None else allowed.passages
    found = snapshot.vectors.search(query.vector[None], candidates, passages)
    scores, rows = found.scores[0], found.rows[0]
    query.moments = snapshot.moments(query.vector)
    if not len(rows):
        return np.zeros(len(snapshot), np.float32)
    query.best_cosine = float(scores[0])
    best = np.full(len(snapshot), scores[-1], np.float32)
    np.maximum.at(best, snapshot.owners[rows], scores)
    return query.moments.standardise(best)


def standardise(scores: Floats) -> Floats:
    """Scores less their mean, over their standard deviation; all zeros where all are equal."""
    deviation = scores.std()
    if deviation < 1e-9:
        return np.zeros_like(scores)
    standard: Floats = ((scores - scores.mean()) / deviation).astype(np.float32)
    return standard


def best_of_papers(snapshot: Snapshot, scores: Floats) -> Floats:
    """The best score of each paper's passages: (passages,) -> (papers,)."""
    best = np.zeros(len(snapshot), np.float32)
    np.maximum.at(best, snapshot.owners, scores)
    return best
