"""Learning from a corpus what evidence is worth there, when an index is built.

Three kinds of questions tell it, none of them labelled by anybody: the titles of papers from
which nothing was learned, asked of an index without titles, which has the answer; the same with
their own paper left out, which has none, though perhaps something near; and questions about other
things. One scale is made of the evidence, and a logistic curve through the three kinds (Platt
1999, "Probabilistic outputs for support vector machines") makes it a probability.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.adapt import without_name
from index.confidence.calibration import Calibration, logistic
from index.confidence.evidence import LOOKED_AT, Evidence, absent, gather
from index.confidence.off_topic import QUESTIONS
from index.fusion import rank
from index.greatest import top_rows
from index.scoring import Query
from index.settings import Weights
from index.snapshot import Snapshot
from index.threads import one_blas_thread

Floats = npt.NDArray[np.float64]

FEWEST = 20  # titles; from fewer nothing is learned
MOST = 250  # titles
_REFUSED = -1.7  # standard deviations: below are 4.5% of the questions that have an answer


def questions_of(rows: Sequence[int]) -> int:
    """How many questions `calibrate` asks about some papers."""
    chosen = len(_some(rows))
    return chosen + len(QUESTIONS) if chosen >= FEWEST else 0


def calibrate(
    snapshot: Snapshot,
    rows: Sequence[int],
    weights: Weights,
    on_question: Callable[[int], None] | None = None,
) -> Calibration:
    """Learn what evidence is worth.

    Args:
        snapshot: Of the corpus.
        rows: Papers from whose titles nothing was learned.
        weights: Of the legs.
        on_question: Called with 1 for every question.

    Returns:
        The defaults where there are fewer papers than FEWEST.
    """
    rows = _some(rows)
    if len(rows) < FEWEST:
        return Calibration()
    with one_blas_thread():
        asked = _ask(snapshot, rows, weights, on_question or (lambda _: None))
    answered = asked.answered
    default = Calibration()
    scale = Calibration(
        _scale([one.cosine for one in answered], default.cosine),
        _scale([one.tokens for one in answered], default.tokens),
        questions=len(answered),
    )
    scores = [np.array([scale.score(one) or 0.0 for one in kind]) for kind in asked]
    # What this corpus is about after all would teach the contrary.
    scores[2] = scores[2][scores[2] < np.median(scores[0])]
    slope, offset = _fit(*scores)
    fitted = replace(scale, slope=slope, offset=offset)
    # The scores of titles are normally distributed, and so the estimate is steadier than a
    # quantile of a few hundred.
    lowest = float(scores[0].mean() + _REFUSED * scores[0].std())
    return replace(fitted, threshold=round(logistic(slope * lowest + offset), 4))


def _some(rows: Sequence[int]) -> Sequence[int]:
    """At most MOST of them, evenly spread."""
    return rows[:: max(1, -(-len(rows) // MOST))]


class _Asked(NamedTuple):
    """Evidence for three kinds of questions."""

    answered: list[Evidence]
    left_out: list[Evidence]
    off_topic: list[Evidence]


def _ask(
    snapshot: Snapshot, rows: Sequence[int], weights: Weights, on_question: Callable[[int], None]
) -> _Asked:
    bare, asked = snapshot.without_titles(), _Asked([], [], [])
    for row in rows:
        title = snapshot.paper(row).title
        query = Query(without_name(title))
        first = _first(bare, query, weights, LOOKED_AT + 1)
        # In a title every word has a capital: only what stands before its colon is a name.
        asked.answered.append(gather(bare, query, first[:LOOKED_AT])._replace(absent=0))
        name = title.removesuffix(query.text)
        others = [one for one in first if one != row]
        asked.left_out.append(
            gather(bare, query, others)._replace(absent=absent(snapshot, f"“{name}", row))
        )
        on_question(1)
    for text in QUESTIONS:
        query = Query(text)
        asked.off_topic.append(gather(bare, query, _first(bare, query, weights, LOOKED_AT)))
        on_question(1)
    return asked


def _first(snapshot: Snapshot, query: Query, weights: Weights, count: int) -> list[int]:
    """The rows of the papers that stand first, best first."""
    scores = rank(snapshot, query, weights)
    if scores is None:
        return []
    rows = top_rows(scores, count)
    return [int(row) for row in rows[np.lexsort((rows, -scores[rows]))]]


def _scale(values: Sequence[float | None], default: tuple[float, float]) -> tuple[float, float]:
    """Mean and standard deviation of what is known."""
    known = [value for value in values if value is not None]
    if not known:
        return default
    return round(float(np.mean(known)), 6), round(max(float(np.std(known)), 1e-3), 6)


def _fit(answered: Floats, left_out: Floats, off_topic: Floats) -> tuple[float, float]:
    """Slope and offset of the logistic curve; each side has half of the weight."""
    from sklearn.linear_model import LogisticRegression  # a query has no use for it

    kinds = (answered, left_out, off_topic)
    scores = np.concatenate(kinds)
    sides = np.repeat([1, 0, 0], [len(kind) for kind in kinds])
    shares = (0.5, 0.25, 0.25)
    weights = np.concatenate(
        [
            np.full(len(kind), share / max(len(kind), 1))
            for kind, share in zip(kinds, shares, strict=True)
        ]
    )
    model = LogisticRegression(C=1e3).fit(
        scores[:, None], sides, sample_weight=weights * len(scores)
    )
    return round(float(model.coef_[0, 0]), 4), round(float(model.intercept_[0]), 4)
