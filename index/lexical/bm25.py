"""BM25 scores of all documents, by bm25s, which computes them when the index is built."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt

from index.arrays import READING

Ints = npt.NDArray[np.int64]

# The usual ones: k1 from 0.9 to 2 and b from 0.3 to 0.75 differ by two points of recall here
# (docs/decisions.md). Formula: Kamphuis et al. 2020, "Which BM25 do you mean?", row "Lucene".
K1 = 1.5
B = 0.75
# Said again when an index is opened: a file is not to choose the code that runs.
_AS_BUILT = {"backend": "numpy", "csc_backend": "numpy", "method": "lucene", "dtype": "float32"}


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
        return cls.count_up(owners, numbers, len(held), terms)

    @classmethod
    def count_up(cls, owners: Ints, numbers: Ints, documents: int, terms: int) -> Bm25:
        """Index documents by all occurrences of their terms, in any order.

        bm25s has the same in Python, document by document, which takes four times as long.

        Args:
            owners: (occurrences,) the document of each.
            numbers: (occurrences,) its term.
            documents: How many there are.
            terms: How many different terms there are.
        """
        terms = max(terms, 1)  # bm25s can't do with none
        keys, counts = np.unique(numbers * documents + owners, return_counts=True)
        found, rows = np.divmod(keys, max(documents, 1))
        frequencies = np.bincount(found, minlength=terms)
        rarity = np.log1p((documents - frequencies + 0.5) / (frequencies + 0.5))
        lengths = np.bincount(owners, minlength=documents)
        average = max(len(owners) / max(documents, 1), 1e-9)
        damping = K1 * (1 - B + B * lengths / average)
        model = bm25s.BM25(k1=K1, b=B, method="lucene")
        model.scores = {
            "data": (rarity[found] * counts / (counts + damping[rows])).astype(np.float32),
            "indices": rows.astype(np.int32),
            "indptr": np.concatenate([[0], np.cumsum(frequencies)]).astype(np.int32),
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

    def weighted(self, terms: Ints, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The score of every document, (documents,), each term's part times its weight.

        Args:
            terms: (terms,) each once.
            weights: (terms,).
        """
        parts, starts = self._model.scores, self._model.scores["indptr"]
        firsts, counts = starts[terms].astype(np.int64), self.frequencies[terms]
        shifts = np.repeat(firsts - (np.cumsum(counts) - counts), counts)
        places = shifts + np.arange(len(shifts))
        scores = np.bincount(
            parts["indices"][places],
            parts["data"][places] * np.repeat(weights, counts),
            minlength=self.count,
        )
        return scores.astype(np.float32)

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
