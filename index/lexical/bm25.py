"""BM25 scores of all documents, by bm25s, which computes them when the index is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import bm25s
import numpy as np
import numpy.typing as npt

from index.arrays import READING
from index.columns import Column, allocate

Ints = npt.NDArray[np.int64]

# The usual ones: k1 from 0.9 to 2 and b from 0.3 to 0.75 differ by two points of recall here
# (docs/decisions.md). Formula: Kamphuis et al. 2020, "Which BM25 do you mean?", row "Lucene".
K1 = 1.5
B = 0.75
_MANY = 500_000  # postings; all at once, more take three times as long as term by term
_WINDOWS, _WIDTH = 8, 8_192  # a sample of documents: runs of so many, evenly spread
# Said again when an index is opened: a file is not to choose the code that runs.
_AS_BUILT = {"backend": "numpy", "csc_backend": "numpy", "method": "lucene", "dtype": "float32"}
_MOST_IN_32_BITS = 2**31 - 1


class Occurrences(NamedTuple):
    """Occurrences of terms in documents, in any order.

    Attributes:
        owners: (occurrences,) the document of each.
        numbers: (occurrences,) its term.
    """

    owners: Ints
    numbers: Ints


class Bm25:
    """Scores documents of term numbers against a query of term numbers."""

    def __init__(self, model: bm25s.BM25) -> None:
        self._model = model

    @classmethod
    def build(cls, documents: Iterable[Sequence[int]], terms: int) -> Bm25:
        """Index documents.

        Args:
            documents: Each as the numbers of its terms, repeated as often as they occur.
            terms: How many different terms there are.
        """
        held = list(documents)
        owners = np.repeat(np.arange(len(held)), [len(document) for document in held])
        numbers = np.fromiter((n for document in held for n in document), np.int64, len(owners))
        return cls.count_up([Occurrences(owners, numbers)], len(held), terms)

    @classmethod
    def count_up(
        cls,
        blocks: Iterable[Occurrences],
        documents: int,
        terms: int,
        folder: Path | None = None,
    ) -> Bm25:
        """Index documents by all occurrences of their terms.

        bm25s has the same in Python, document by document, which takes four times as long.

        Args:
            blocks: The occurrences in all documents. Those in one document are in one block, and
                the documents of a block come after those of the block before.
            documents: How many there are.
            terms: How many different terms there are.
            folder: Where large arrays lie in files; `None` keeps all in memory.
        """
        terms = max(terms, 1)  # bm25s can't do with none
        frequencies = np.zeros(terms, np.int64)
        lengths = np.zeros(documents, np.int64)
        # Of each block, a row for a term in a document: the term, the document, how often; by
        # term, then by document.
        pairs = Column(np.zeros((0, 3), np.int32), folder)
        ends = [0]
        for owners, numbers in blocks:
            if not len(owners):
                continue
            first = int(owners.min())
            counted = np.bincount(owners - first)
            lengths[first : first + len(counted)] += counted
            keys, counts = np.unique(numbers * documents + owners, return_counts=True)
            found, rows = np.divmod(keys, documents)
            frequencies += np.bincount(found, minlength=terms)
            pairs.extend(np.column_stack([found, rows, counts]))
            ends.append(len(pairs))
        rarity = np.log1p((documents - frequencies + 0.5) / (frequencies + 0.5))
        average = max(int(lengths.sum()) / max(documents, 1), 1e-9)
        damping = K1 * (1 - B + B * lengths / average)
        data = allocate((len(pairs),), np.float32, folder)
        indices = allocate((len(pairs),), np.int32, folder)
        starts = np.concatenate([[0], np.cumsum(frequencies)])
        free = starts[:-1].copy()  # where the next document of each term goes
        for begin, end in pairwise(ends):
            found, rows, counts = pairs.values[begin:end].T
            firsts = np.flatnonzero(np.diff(found, prepend=-1))
            sizes = np.diff(firsts, append=len(found))
            places = np.repeat(free[found[firsts]] - firsts, sizes) + np.arange(len(found))
            data[places] = rarity[found] * counts / (counts + damping[rows])
            indices[places] = rows
            free[found[firsts]] += sizes
        model = bm25s.BM25(k1=K1, b=B, method="lucene")
        model.scores = {
            "data": data,
            "indices": indices,
            "indptr": starts if len(pairs) > _MOST_IN_32_BITS else starts.astype(np.int32),
            "num_docs": documents,
        }
        model.nonoccurrence_array = None  # what only other formulas have
        return cls(model)

    def write(self, folder: Path) -> None:
        """Write what `open` reads."""
        self._model.vocab_dict = {}  # the vocabulary is kept once, for all indexes
        self._model.save(folder, show_progress=False)

    @classmethod
    def open(cls, folder: Path) -> Bm25:
        """Map the files that `write` wrote."""
        with READING:
            model = bm25s.BM25.load(
                folder, mmap=True, load_vocab=False, show_progress=False, override_params=_AS_BUILT
            )
        # Plain views of the maps: numpy's own class for maps makes small slices slow.
        for name in ("data", "indices", "indptr"):
            model.scores[name] = model.scores[name].view(np.ndarray)
        return cls(model)

    def scores(self, terms: Sequence[int]) -> npt.NDArray[np.float32]:
        """The score of every document, (documents,); a term that occurs twice counts twice."""
        if not terms:
            return np.zeros(self.count, np.float32)
        scores: npt.NDArray[np.float32] = self._model.get_scores_from_ids(list(terms))
        return scores

    def scores_of(self, terms: Sequence[int], documents: Ints) -> npt.NDArray[np.float32]:
        """The scores of some documents, as `scores` has them; of a few, it is quicker.

        Args:
            terms: As for `scores`.
            documents: Their rows.

        Returns:
            (documents,).
        """
        scores = np.zeros(len(documents), np.float32)
        for rows, parts in self._postings(terms):
            wanted = documents.astype(rows.dtype)  # else all rows would be converted
            places = np.minimum(np.searchsorted(rows, wanted), max(len(rows) - 1, 0))
            there = rows[places] == wanted if len(rows) else np.zeros(len(wanted), np.bool_)
            scores[there] += parts[places[there]]
        return scores

    def sample(self, terms: Sequence[int]) -> npt.NDArray[np.float32]:
        """The scores of documents that are evenly spread, as `scores` has them.

        Of all where they are few; of many, of 8 runs of 8,192 that follow each other.
        """
        if self.count <= _WINDOWS * _WIDTH:
            return self.scores(terms)
        firsts = np.arange(_WINDOWS) * (self.count - _WIDTH) // (_WINDOWS - 1)
        scores = np.zeros((_WINDOWS, _WIDTH), np.float32)
        for rows, parts in self._postings(terms):
            begins = np.searchsorted(rows, firsts.astype(rows.dtype))
            ends = np.searchsorted(rows, (firsts + _WIDTH).astype(rows.dtype))
            for window, (begin, end) in enumerate(zip(begins, ends, strict=True)):
                scores[window, rows[begin:end] - firsts[window]] += parts[begin:end]
        return scores.ravel()

    def _postings(
        self, terms: Sequence[int]
    ) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]:
        """Of each term the documents that have it, ascending, and what it adds to their scores."""
        held = self._model.scores
        for term in terms:
            own = slice(held["indptr"][term], held["indptr"][term + 1])
            yield held["indices"][own], held["data"][own]

    def weighted(self, terms: Ints, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The score of every document, (documents,), each term's part times its weight.

        Args:
            terms: (terms,) each once.
            weights: (terms,).
        """
        parts, starts = self._model.scores, self._model.scores["indptr"]
        firsts, counts = starts[terms].astype(np.int64), self.frequencies[terms]
        if int(counts.sum()) > _MANY:
            added = np.zeros(self.count)
            for first, count, weight in zip(firsts.tolist(), counts.tolist(), weights, strict=True):
                own = slice(first, first + count)
                products = (parts["data"][own] * weight).astype(np.float64)
                np.add.at(added, parts["indices"][own], products)
            return added.astype(np.float32)
        shifts = np.repeat(firsts - (np.cumsum(counts) - counts), counts)
        places = shifts + np.arange(len(shifts))
        scores = np.bincount(
            parts["indices"][places],
            parts["data"][places] * np.repeat(weights, counts),
            minlength=self.count,
        )
        return scores.astype(np.float32)

    def weights_of(self, documents: Ints, terms: Ints) -> npt.NDArray[np.float32]:
        """What terms count in documents that have them: (pairs,).

        Args:
            documents: (pairs,).
            terms: (pairs,) a term of each.
        """
        starts, indices = self._model.scores["indptr"], self._model.scores["indices"]
        low, high = starts[terms].astype(np.int64), starts[terms + 1].astype(np.int64)
        # By bisection: the documents of each term ascend.
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) // 2
            later = indices[np.minimum(middle, len(indices) - 1)] < documents
            low = np.where(later & (low < high), middle + 1, low)
            high = np.where(later, high, middle)
        found: npt.NDArray[np.float32] = self._model.scores["data"][low]
        return found

    @cached_property
    def sums(self) -> npt.NDArray[np.float64]:
        """What each term counts in all documents together: (terms,)."""
        starts = self._model.scores["indptr"].astype(np.int64)
        ends = np.concatenate([[0.0], np.cumsum(self._model.scores["data"], dtype=np.float64)])
        sums: npt.NDArray[np.float64] = ends[starts[1:]] - ends[starts[:-1]]
        return sums

    @cached_property
    def frequencies(self) -> Ints:
        """How many documents have each term: (terms,)."""
        counts: Ints = np.diff(self._model.scores["indptr"]).astype(np.int64)
        return counts

    @property
    def count(self) -> int:
        """How many documents there are."""
        return int(self._model.scores["num_docs"])

    def frequency(self, term: int) -> int:
        """How many documents have a term."""
        starts = self._model.scores["indptr"]
        return int(starts[term + 1] - starts[term])
