"""How far a mean over questions can be trusted: bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1_000
CONFIDENCE = 0.95
_SEED = 0

Values = Sequence[float | None]  # one a question; `None` where a measure does not apply


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over questions and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def interval(values: Values) -> Interval:
    """The mean over questions, with its percentile bootstrap interval.

    The questions are drawn anew `RESAMPLES` times, with replacement; `CONFIDENCE` of the means
    lie between the ends (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter
    13). The same values always give the same interval; equal values give one without width, however
    few they are.

    Args:
        values: Those that are `None` are left out.

    Raises:
        ValueError: There is no value.
    """
    held = np.array([value for value in values if value is not None], np.float64)
    if not held.size:
        raise ValueError(f"a mean needs a value, there is none in {len(values)} questions")
    drawn = np.random.default_rng(_SEED).integers(0, held.size, (RESAMPLES, held.size))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(held[drawn].mean(axis=1), (tail, 100 - tail))
    return Interval(float(held.mean()), float(low), float(high))


def compare(a: Values, b: Values) -> Interval:
    """The mean of `a - b` over the same questions, with its paired bootstrap interval.

    Where the interval leaves out 0, the questions tell the two apart (Sakai, Evaluating
    Evaluation Metrics Based on the Bootstrap, SIGIR 2006).

    Args:
        a: A measure of one system, a value a question.
        b: The same of another. A question that is `None` in either is left out.

    Raises:
        ValueError: The lengths differ, or no question has both values.
    """
    if len(a) != len(b):
        raise ValueError(f"values should be of the same questions, these are {len(a)} and {len(b)}")
    pairs = zip(a, b, strict=True)
    return interval([None if x is None or y is None else x - y for x, y in pairs])
