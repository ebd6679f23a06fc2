"""BM25 scores of some documents of a corpus, whose terms are weighed as among all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Scorer(Protocol):
    """Scores documents by the numbers of terms, as `Bm25` does."""

    @property
    def count(self) -> int:
        """How many documents the corpus has."""

    @property
    def frequencies(self) -> Ints:
        """How many documents of the corpus have each term: (terms,)."""

    @property
    def sums(self) -> Doubles:
        """What each term counts in all documents of the corpus together: (terms,)."""

    def frequency(self, term: int) -> int:
        """How many documents of the corpus have a term."""

    def scores(self, terms: Sequence[int]) -> Floats:
        """The score of every document at hand; a term that occurs twice counts twice."""

    def scores_of(self, terms: Sequence[int], documents: Ints) -> Floats:
        """The scores of some documents at hand, as `scores` has them: (documents,)."""

    def sample(self, terms: Sequence[int]) -> Floats:
        """The scores of documents that are evenly spread, or of all at hand: (any,)."""

    def weighted(self, terms: Ints, weights: Floats) -> Floats:
        """What `scores` has, each term's part times its weight."""

    def weights_of(self, documents: Ints, terms: Ints) -> Floats:
        """What terms count in documents that have them: (pairs,)."""


class GatheredBm25:
    """`Scorer` of documents whose weights are at hand."""

    def __init__(
        self, count: int, frequencies: Ints, sums: Doubles, terms: Ragged, weights: Floats
    ) -> None:
        """Take documents.

        Args:
            count: How many there are in the corpus.
            frequencies: (vocabulary,) how many of those have each term.
            sums: (vocabulary,) what each term counts in all of those together.
            terms: The numbers of the different terms of each document at hand.
            weights: What each of them counts.
        """
        self.count = count
        self.frequencies = frequencies
        self.sums = sums
        self._size = len(terms)
        self._numbers = terms.values
        self._owners = np.repeat(np.arange(len(terms)), terms.lengths)
        self._weights = weights

    def frequency(self, term: int) -> int:
        """How many documents of the corpus have a term."""
        return int(self.frequencies[term])

    def scores(self, terms: Sequence[int]) -> Floats:
        """The score of every document at hand; a term that occurs twice counts twice."""
        scores = np.zeros(self._size, np.float32)
        for term in terms:  # one by one, as `Bm25` adds them up: the sums are the same to the bit
            places = np.flatnonzero(self._numbers == term)
            scores[self._owners[places]] += self._weights[places]
        return scores

    def scores_of(self, terms: Sequence[int], documents: Ints) -> Floats:
        """The scores of some documents at hand, as `scores` has them: (documents,)."""
        return self.scores(terms)[documents]

    def sample(self, terms: Sequence[int]) -> Floats:
        """The scores of all documents at hand."""
        return self.scores(terms)

    def weighted(self, terms: Ints, weights: Floats) -> Floats:
        """What `scores` has, each term's part times its weight."""
        table = np.zeros(len(self.frequencies), np.float32)
        table[terms] = weights
        parts = self._weights * table[self._numbers]
        return np.bincount(self._owners, parts, self._size).astype(np.float32)

    def weights_of(self, documents: Ints, terms: Ints) -> Floats:
        """What terms count in documents that have them: (pairs,)."""
        found = [
            self._weights[(self._owners == document) & (self._numbers == term)][0]
            for document, term in zip(documents.tolist(), terms.tolist(), strict=True)
        ]
        return np.array(found, np.float32)
