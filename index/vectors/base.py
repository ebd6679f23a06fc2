"""The port of the vector indexes."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Neighbours(NamedTuple):
    """What is nearest, nearest first.

    Attributes:
        rows: (queries, found).
        scores: (queries, found) dot products.
        beyond: (queries,) what no other row's exceeds; `None` is the last of those found.
    """

    rows: Rows
    scores: Floats
    beyond: Floats | None = None

    def others(self, query: int) -> float:
        """What no row's dot product with a query exceeds that is not among those found."""
        return float(self.scores[query, -1] if self.beyond is None else self.beyond[query])


class VectorIndex(Protocol):
    """Nearest neighbours among vectors, such as those of a snapshot's passages."""

    @property
    def is_exact(self) -> bool:
        """Whether every search finds the nearest of all, and not just nearly all of them."""

    @property
    def vectors(self) -> Floats:
        """All vectors, (rows, dimension), not to be written to."""

    def search(self, queries: Floats, k: int, allowed: Mask | None = None) -> Neighbours:
        """Find the rows with the highest dot products.

        Args:
            queries: (queries, dimension).
            k: How many; fewer come back where fewer rows are there or allowed.
            allowed: (rows,) which rows may be found; `None` means all.
        """
