"""Moments of scores: what brings the scores of a leg to one scale."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_AT_ONCE = 65_536  # vectors


class Moments(NamedTuple):
    """Mean and standard deviation of scores."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, scores: Floats) -> Moments:
        """Those of some scores; a deviation of 1 where all are equal."""
        mean, deviation, _ = _spread(scores)
        return cls(mean, deviation if deviation > 1e-9 else 1.0)

    def standardise(self, scores: Floats) -> Floats:
        """Scores as standard deviations above the mean."""
        standard: Floats = (scores - np.float32(self.mean)).astype(np.float32, copy=False)
        standard /= np.float32(self.deviation)
        return standard


class Distribution(NamedTuple):
    """How vectors are distributed: what is needed for the moments of any query's dot products.

    Attributes:
        mean: (dimension,).
        covariance: (dimension, dimension).
    """

    mean: Floats
    covariance: Floats

    @classmethod
    def of(cls, vectors: Floats) -> Self:
        """Of vectors, one or more: (rows, dimension). They may be mapped."""
        mean = vectors.mean(0, dtype=np.float64)
        if len(vectors) <= _AT_ONCE:
            products = vectors.T @ vectors
        else:  # in float64, or millions of rows would add up to less than they are
            products = np.zeros((len(mean), len(mean)))
            for start in range(0, len(vectors), _AT_ONCE):
                part = vectors[start : start + _AT_ONCE]
                products += part.T @ part
        covariance = products / len(vectors) - np.outer(mean, mean)
        return cls(mean.astype(np.float32), covariance.astype(np.float32))

    @classmethod
    def from_array(cls, array: npt.NDArray[np.float32]) -> Self:
        """Read what `as_array` gave.

        Raises:
            ValueError: It is something else.
        """
        if array.dtype != np.float32 or array.ndim != 2 or len(array) != array.shape[1] + 1:
            raise ValueError(f"no mean and covariance: {array.dtype} {array.shape}")
        return cls(array[0], array[1:])

    def as_array(self) -> Floats:
        """Mean and covariance, one above the other: (1 + dimension, dimension)."""
        return np.vstack([self.mean, self.covariance])

    def moments(self, query: Floats) -> Moments:
        """Mean and standard deviation of a query's dot products with all vectors.

        From the vectors' mean and covariance: E[q·x] = q·μ, Var[q·x] = q'Σq.
        """
        variance = float(query @ self.covariance @ query)
        return Moments(float(query @ self.mean), max(variance, 1e-12) ** 0.5)


def standardise(scores: Floats) -> Floats:
    """Scores less their mean, over their standard deviation; all zeros where all are equal."""
    _, deviation, centred = _spread(scores)
    if deviation < 1e-9:
        return np.zeros_like(centred)
    centred /= np.float32(deviation)
    return centred


def _spread(scores: Floats) -> tuple[float, float, Floats]:
    """Mean and standard deviation of scores, and the scores less their mean.

    In as few passes as will do: each lets go of Python's lock, and waits for it where several
    searches are made at a time.
    """
    mean = float(scores.mean())
    centred: Floats = (scores - np.float32(mean)).astype(np.float32, copy=False)
    variance = float(centred @ centred) / max(1, len(centred))
    return mean, math.sqrt(variance), centred
