"""Latent semantics: what the corpus's own papers say together (LSI).

Deerwester et al. 1990, "Indexing by latent semantic analysis": a truncated singular value
decomposition of the papers' weighted terms. Papers hold their English title beside Korean text,
so that words of both languages, and words for one thing, come to lie near each other.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np
import numpy.typing as npt

from index.arrays import Ragged, load_arrays, save_arrays

if TYPE_CHECKING:
    from scipy import sparse

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

DIMENSIONS = 300
TITLE = 4  # how often a title's terms count beside those of the text
_SATURATION = 1.2  # as k1 of BM25: the tenth mention says little more than the third
_LEAST = 2  # papers that have to have a term: one alone can't tell what it goes with
_SEED = 0
_TERMS = "terms.json"


class LatentSpace:
    """Terms -> vectors, learned from a corpus."""

    def __init__(self, terms: Sequence[str], rarity: Floats, vectors: npt.NDArray[np.float16]):
        self._terms = terms
        self._numbers = {term: number for number, term in enumerate(terms)}
        self._rarity = rarity
        self._vectors = vectors

    @classmethod
    def learn(cls, texts: Sequence[Sequence[str]], titles: Sequence[Sequence[str]]) -> Self | None:
        """Learn from papers.

        Args:
            texts: The terms of each paper's passages.
            titles: Those of its title; none of it where it is held out.

        Returns:
            `None` where there are too few papers or terms to learn anything.
        """
        from sklearn.utils.extmath import randomized_svd  # 60 MB that a query has no use for

        frequencies: dict[str, int] = {}
        for text, title in zip(texts, titles, strict=True):
            for term in {*text, *title}:
                frequencies[term] = frequencies.get(term, 0) + 1
        terms = sorted(term for term, count in frequencies.items() if count >= _LEAST)
        dimensions = min(DIMENSIONS, len(texts) // 2, len(terms) // 2)
        if dimensions < 2:
            return None
        counts = np.array([frequencies[term] for term in terms])
        rarity = np.log((len(texts) + 1) / (counts + 0.5)).astype(np.float32)
        space = cls(terms, rarity, np.zeros((len(terms), 0), np.float16))
        whole = (joined(text, title) for text, title in zip(texts, titles, strict=True))
        weighted = space._weigh(space._numbered(whole))
        _, _, axes = randomized_svd(weighted, dimensions, random_state=_SEED)
        return cls(terms, rarity, np.ascontiguousarray(axes.T, np.float16))

    def only(self, terms: Collection[str]) -> LatentSpace:
        """The same space without the terms that are not among these."""
        kept = [number for number, term in enumerate(self._terms) if term in terms]
        if len(kept) == len(self._terms):
            return self
        names = [self._terms[number] for number in kept]
        return LatentSpace(names, self._rarity[kept], self._vectors[kept])

    @property
    def dimension(self) -> int:
        """How long a vector is."""
        return int(self._vectors.shape[1])

    def vectors(self, texts: Iterable[Iterable[str]]) -> Floats:
        """Where texts lie, by their terms: (texts, dimension), of length 1.

        All zeros for a text none of whose terms is known.
        """
        (found,) = self.lay([self._numbered(texts)])
        return found

    def lay(self, blocks: Iterable[Ragged]) -> Iterator[Floats]:
        """The same for many texts, some at a time.

        Args:
            blocks: Of each text the numbers that `table` gives its terms.
        """
        known = self._vectors.astype(np.float32)
        for block in blocks:
            vectors = np.asarray(self._weigh(block) @ known)
            length = np.linalg.norm(vectors, axis=1, keepdims=True)
            unit: Floats = (vectors / np.maximum(length, 1e-9)).astype(np.float32)
            yield unit

    def table(self, vocabulary: Sequence[str]) -> Ints:
        """The number of each term of a vocabulary in this space, -1 for others: (vocabulary,)."""
        numbers = (self._numbers.get(term, -1) for term in vocabulary)
        return np.fromiter(numbers, np.int64, len(vocabulary))

    def vector(self, terms: Iterable[str]) -> Floats:
        """Where one text lies: (dimension,); quick for a few terms."""
        counts: dict[int, int] = {}
        for term in terms:
            number = self._numbers.get(term)
            if number is not None:
                counts[number] = counts.get(number, 0) + 1
        numbers = np.fromiter(counts, np.int64, len(counts))
        counted = np.fromiter(counts.values(), np.float32, len(counts))
        weights = counted / (counted + _SATURATION) * self._rarity[numbers]
        vector = weights @ self._vectors[numbers].astype(np.float32)
        unit: Floats = (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
        return unit

    def write(self, folder: Path) -> None:
        """Write what `open` reads."""
        save_arrays(folder, rarity=self._rarity, vectors=self._vectors)
        text = json.dumps(list(self._terms), ensure_ascii=False, separators=(",", ":"))
        (folder / _TERMS).write_text(text, encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `write` wrote."""
        terms = msgspec.json.decode((folder / _TERMS).read_bytes(), type=list[str])
        found = load_arrays(folder, "rarity", "vectors")
        return cls(terms, found["rarity"], found["vectors"])

    def _numbered(self, texts: Iterable[Iterable[str]]) -> Ragged:
        """The numbers of the terms of texts, without those that are not known."""
        columns: list[int] = []
        starts = [0]
        for text in texts:
            columns += [number for term in text if (number := self._numbers.get(term)) is not None]
            starts.append(len(columns))
        return Ragged(np.array(columns, np.int64), np.array(starts, np.int64))

    def _weigh(self, texts: Ragged) -> sparse.csr_matrix:
        """Saturated counts times rarity, each row of length 1: (texts, terms)."""
        from scipy import sparse  # as above

        shape = (len(texts), len(self._terms))
        ones = np.ones(len(texts.values), np.float32)
        matrix = sparse.csr_matrix((ones, texts.values, texts.offsets), shape=shape)
        matrix.sum_duplicates()
        matrix.data = matrix.data / (matrix.data + _SATURATION) * self._rarity[matrix.indices]
        length = np.sqrt(matrix.multiply(matrix).sum(1))
        matrix.data /= np.repeat(
            np.maximum(np.asarray(length).ravel(), 1e-9), np.diff(matrix.indptr)
        )
        return matrix.astype(np.float32)


def joined(text: Sequence[str], title: Sequence[str]) -> list[str]:
    """A paper's terms, those of its title TITLE times."""
    return [*text, *(TITLE * list(title))]
