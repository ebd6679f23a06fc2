"""How much each leg should count, learned from questions that the corpus asks itself.

Two kinds of questions have a known answer without anybody's labels: a paper's title, asked of an
index without titles, and a few rare terms that one paper has. The first are in another language
than the text and say what a paper is about; the second are found by their letters alone. The
weights are the most probable ones of a conditional logit, with the defaults as prior.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.fusion import CANDIDATES, choose_candidates, first_stage
from index.scoring import (
    Floats,
    Query,
    score_dense,
    score_late,
    score_latent,
    score_lexical,
    specificity,
)
from index.settings import Weights
from index.snapshot import Snapshot
from index.threads import one_blas_thread
from index.trials import Asked, ask_rare_terms, ask_titles

FEWEST = 50  # questions; from fewer nothing is learned
MOST = 500  # titles, and as many questions of rare terms
_STRENGTH = 600  # the prior counts as so many questions a unit of each weight, squared
_DEPTH = 1_000

LEARNED = ("lexical", "dense", "latent", "late")


def learn_weights(
    snapshot: Snapshot, rows: Sequence[int], on_question: Callable[[int], None] | None = None
) -> tuple[Weights, int]:
    """Learn the weights.

    Args:
        snapshot: Of the corpus.
        rows: Papers from whose titles nothing was learned yet.
        on_question: Called with 1 for every question.

    Returns:
        The weights, and how many questions they were learned from.
    """
    rows = rows[:: max(1, len(rows) // MOST)]
    if len(rows) < FEWEST:
        return Weights(), 0
    bare = snapshot.without_titles()
    examples = []
    with one_blas_thread():
        for question in (*ask_titles(snapshot, rows), *ask_rare_terms(snapshot, rows)):
            example = _features(bare, question)
            if example is not None:
                examples.append(example)
            if on_question:
                on_question(1)
    return _fit(examples), len(examples)


class _Example(NamedTuple):
    """A question's candidates: their features (candidates, learned), and which is right."""

    features: npt.NDArray[np.float64]
    right: int


def _features(snapshot: Snapshot, asked: Asked) -> _Example | None:
    """`None` where the right paper is not among the candidates."""
    query = Query(asked.text)
    lexical = score_lexical(snapshot, query, None)
    dense = score_dense(snapshot, query, None, _DEPTH)
    latent = score_latent(snapshot, query)
    scores = first_stage(Weights(), lexical, dense, latent)
    if scores is None:
        return None
    chosen = choose_candidates(scores, None, CANDIDATES)
    rows = chosen.rows
    right = np.flatnonzero(rows == asked.paper)
    if not len(right):
        return None
    late = score_late(snapshot, query, chosen, None)
    none = np.zeros(len(rows), np.float32)
    columns: dict[str, Floats] = {
        "lexical": lexical.share * lexical.scores[rows],
        "dense": dense.scores[rows],
        "latent": none if latent is None else latent[rows],
        "late": none if late is None else specificity(snapshot, query.words) * late,
    }
    stacked = np.stack([columns[name] for name in LEARNED], 1).astype(np.float64)
    return _Example(stacked, int(right[0]))


def _fit(examples: Sequence[_Example]) -> Weights:
    """The most probable weights, none of them below zero."""
    from scipy.optimize import minimize  # 40 MB that a query has no use for

    prior = Weights()
    start = np.array([getattr(prior, name) for name in LEARNED])

    def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        away = weights - start
        total, slope = _STRENGTH * float(away @ away), 2 * _STRENGTH * away
        for features, right in examples:
            scores = features @ weights
            scores -= scores.max()
            chances = np.exp(scores)
            chances /= chances.sum()
            total -= float(np.log(max(chances[right], 1e-12)))
            slope = slope - features[right] + chances @ features
        return total, slope

    bounds = [(0, None)] * len(LEARNED)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    values = {name: round(float(value), 4) for name, value in zip(LEARNED, found, strict=True)}
    return Weights(**{**prior.as_json(), **values})
