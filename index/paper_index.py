"""An index with one vector a paper, such as its title's: scores every paper for a query."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from index.arrays import load_mapped
from index.moments import Distribution, standardise
from index.vectors import FaissIndex, IndexFacts, VectorIndex

Floats = npt.NDArray[np.float32]

_DISTRIBUTION = "distribution.npy"


class PaperIndex:
    """Scores papers by the cosines of their vectors with a query's.

    Where the index is exact, each paper has its own cosine. In a large one the nearest have it;
    all others are given that of the farthest of those, which none of them exceeds.
    """

    def __init__(self, index: VectorIndex, distribution: Distribution | None = None) -> None:
        """Take an index; one that is not exact needs to know how its vectors are distributed."""
        if distribution is None and not index.is_exact:
            raise ValueError("an index that is not exact needs the distribution of its vectors")
        self._index = index
        self._distribution = distribution

    @classmethod
    def of(cls, vectors: Floats) -> Self:
        """Of vectors in memory: (papers, dimension)."""
        return cls(FaissIndex(vectors))

    @staticmethod
    def write_distribution(vectors: Floats, folder: Path) -> None:
        """Write what `open` reads beside an index that is not exact."""
        array = Distribution.of(vectors).as_array()
        np.save(folder / _DISTRIBUTION, array, allow_pickle=False)

    @classmethod
    def open(cls, file: Path, facts: IndexFacts, folder: Path) -> Self:
        """Map what `FaissIndex.write` and `write_distribution` wrote.

        Raises:
            OSError: It can't be read.
            ValueError: It is something else.
        """
        index = FaissIndex.open(file, facts, folder)
        if index.is_exact:
            return cls(index)
        return cls(index, Distribution.from_array(load_mapped(folder / _DISTRIBUTION)))

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def vectors(self) -> Floats:
        """(papers, dimension), not to be written to."""
        return self._index.vectors

    def scores(self, query: Floats, candidates: int) -> Floats:
        """Cosines, standardised over all papers: (papers,).

        Args:
            query: (dimension,).
            candidates: How many papers have their own, at least.
        """
        if self._distribution is None:
            return standardise(self.vectors @ query)
        found = self._index.search(query[None], candidates)
        scores = np.full(len(self), found.scores[0, -1], np.float32)
        scores[found.rows[0]] = found.scores[0]
        return self._distribution.moments(query).standardise(scores)

    def scores_of_each(self, queries: Floats, candidates: int) -> Floats:
        """The same for several queries: (queries, papers)."""
        if self._distribution is None:
            return np.stack([standardise(own) for own in queries @ self.vectors.T])
        return np.stack([self.scores(query, candidates) for query in queries])
