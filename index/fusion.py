"""Fusion: how much each leg counts, following the query and learned from the corpus.

A paper's score is a weighted sum of the legs' standardised scores. The weights are those of a
conditional logit (McFadden 1974): the exponentials of the scores, normalised over the candidates,
are the probabilities that each is the paper that was meant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from index.greatest import top_rows
from index.scoring import (
    Allowed,
    Candidates,
    Dense,
    Floats,
    Leg,
    Lexical,
    Mask,
    Query,
    score_dense,
    score_late,
    score_latent,
    score_lexical,
    specificity,
)
from index.settings import Weights
from index.stages import Stage, stage

if TYPE_CHECKING:
    from index.snapshot import Snapshot

T = TypeVar("T")

FEEDBACK_FROM = 5  # papers that the feedback trusts
CANDIDATES = 200  # papers that late interaction looks at


def first_stage(
    weights: Weights, lexical: Lexical | None, dense: Dense | None, latent: Floats | None
) -> Floats | None:
    """The sum of the legs that score every paper: (papers,); `None` where all are missing."""
    parts: list[tuple[float, Floats]] = []
    if lexical is not None:
        weight = weights.lexical * lexical.share + weights.native * lexical.nativeness
        parts.append((weight, lexical.scores))
    if dense is not None:
        parts.append((weights.dense, dense.scores))
        if dense.titles is not None:
            parts.append((weights.title, dense.titles))
    if latent is not None:
        parts.append((weights.latent, latent))
    if not parts:
        return None
    total = np.zeros(len(parts[0][1]), np.float32)
    part = np.empty_like(total)  # one for all: of very many papers, memory takes longer than sums
    for weight, scores in parts:
        total += np.multiply(scores, np.float32(weight), out=part)
    return total


def choose_candidates(scores: Floats, allowed: Allowed | None, count: int) -> Candidates:
    """The best papers of the first stage, and the best of those that may be found."""
    first = np.sort(top_rows(scores, count))
    if allowed is None:
        return Candidates(first, np.ones(len(first), np.bool_))
    own = np.flatnonzero(allowed.papers)
    rows = np.union1d(first, own[top_rows(scores[own], count)])
    return Candidates(rows, np.isin(rows, first))


def add_late(scores: Floats, candidates: Candidates, late: Floats, weight: float) -> Floats:
    """Add the late leg; a paper that it did not look at counts as the worst that it did."""
    rows, anyway = candidates
    worst = float(late[anyway].min()) if anyway.any() else 0.0
    total: Floats = scores + np.float32(weight * worst)
    total[rows] = scores[rows] + weight * late
    return total


def add_feedback(
    snapshot: Snapshot,
    scores: Floats,
    weight: float,
    forgotten: Mask | None = None,
    candidates: int = 1_000,
) -> Floats:
    """Add likeness, in the latent space, to the papers that stand first (Rocchio 1971).

    Args:
        snapshot: Of the papers.
        scores: (papers,).
        weight: Of a standard deviation of likeness.
        forgotten: (papers,) which are not to be trusted, wherever they stand; `None` is none.
        candidates: How many papers are told apart by it, where not all are looked at.
    """
    known = None if forgotten is None else np.flatnonzero(~forgotten)
    count = len(scores) if known is None else len(known)
    if snapshot.latent is None or not weight or count <= FEEDBACK_FROM:
        return scores
    if known is None:
        rows = top_rows(scores, FEEDBACK_FROM)
    else:
        rows = known[top_rows(scores[known], FEEDBACK_FROM)]
    trust = np.exp(scores[rows] - scores[rows].max())
    latent = snapshot.latent.index
    fed = latent.scores((trust / trust.sum()) @ latent.vectors[rows], candidates)
    fed *= np.float32(weight)
    fed += scores
    return fed


class Run(Protocol):
    """Runs a leg: it may catch what the leg raises, and give `None` instead."""

    def __call__(self, leg: Leg, score: Callable[[], T]) -> T | None:
        """Call `score` and give what it gives."""


def run_plainly(leg: Leg, score: Callable[[], T]) -> T | None:
    """A `Run` that catches nothing."""
    return score()


def rank(
    snapshot: Snapshot,
    query: Query,
    weights: Weights,
    allowed: Allowed | None = None,
    *,
    forgotten: Mask | None = None,
    run: Run = run_plainly,
    passages: int = 1_000,
    candidates: int = CANDIDATES,
) -> Floats | None:
    """Score every paper for a query by all legs that have a weight: (papers,).

    Args:
        snapshot: Of the papers.
        query: What is asked; what the legs compute of it is kept in there.
        weights: Of the legs; a leg without weight is not run.
        allowed: What may be found; the scores of all other papers mean nothing.
        forgotten: (papers,) which the feedback is not to trust; `None` is none.
        run: Runs each leg.
        passages: How many the dense leg finds; in a large index, how many papers each of the
            other legs of vectors finds.
        candidates: How many papers the late leg looks at.

    Returns:
        `None` where no leg gave scores.
    """
    lexical = dense = latent = None
    if weights.lexical or weights.native:
        lexical = run(Leg.LEXICAL, lambda: score_lexical(snapshot, query, allowed))
    if weights.dense or weights.title:
        dense = run(Leg.DENSE, lambda: score_dense(snapshot, query, allowed, passages))
    if weights.latent and snapshot.latent is not None:
        latent = run(Leg.LATENT, lambda: score_latent(snapshot, query, passages))
    with stage(Stage.FUSE):
        scores = first_stage(weights, lexical, dense, latent)
    if weights.late and snapshot.has_late:
        start = np.zeros(len(snapshot), np.float32) if scores is None else scores
        # Alone, it looks at every paper.
        chosen = choose_candidates(start, allowed, len(start) if scores is None else candidates)
        late = run(Leg.LATE, lambda: score_late(snapshot, query, chosen, allowed))
        if late is not None:
            weight = weights.late * specificity(snapshot, query.words)
            scores = add_late(start, chosen, late, weight)
    if scores is None:
        return None
    with stage(Stage.FUSE):
        return add_feedback(snapshot, scores, weights.feedback, forgotten, passages)
