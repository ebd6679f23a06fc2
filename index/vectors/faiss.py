"""Nearest neighbours by FAISS: exact, over vectors that stay memory-mapped."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from index.arrays import load_mapped
from index.threads import cpu_count
from index.vectors.base import Floats, Mask, Neighbours

FILE = "vectors.npy"
MANY = 16


class FaissIndex:
    """`VectorIndex` by exhaustive inner products.

    FAISS scans the mapped file itself, so that processes that serve the same snapshot share
    one copy of it.
    """

    def __init__(self, vectors: Floats) -> None:
        self._vectors = vectors

    @staticmethod
    def write(vectors: Floats, folder: Path) -> None:
        """Write what `open` reads."""
        np.save(folder / FILE, np.ascontiguousarray(vectors, np.float32), allow_pickle=False)

    @classmethod
    def open(cls, folder: Path) -> FaissIndex:
        """Map the vectors that `write` wrote.

        Raises:
            OSError: They can't be read.
            ValueError: It is something else.
        """
        vectors = load_mapped(folder / FILE)
        if vectors.dtype != np.float32 or vectors.ndim != 2:  # FAISS would read past their end
            raise ValueError(f"{FILE} should hold vectors: {vectors.dtype} {vectors.shape}")
        return cls(vectors)

    @property
    def vectors(self) -> Floats:
        """The mapped vectors."""
        return self._vectors

    def search(self, queries: Floats, k: int, allowed: Mask | None = None) -> Neighbours:
        """Find the rows with the highest dot products, exactly.

        Raises:
            ValueError: The queries are of another dimension.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        if queries.shape[1] != self._vectors.shape[1]:  # as above
            raise ValueError(f"queries {queries.shape} for vectors {self._vectors.shape}")
        count = len(self._vectors) if allowed is None else int(np.count_nonzero(allowed))
        k = min(k, count)
        scores = np.empty((len(queries), k), np.float32)
        rows = np.empty((len(queries), k), np.int64)
        if not k or not len(queries):
            return Neighbours(rows, scores)
        selector = None
        if allowed is not None and count < len(self._vectors):
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
        # One query is done sooner on one thread: OpenMP's threads and those of BLAS, which the
        # encoder uses, take the CPUs from each other while they wait (0.8 against 13 ms).
        faiss.omp_set_num_threads(cpu_count() if len(queries) >= MANY else 1)
        faiss.knn_inner_product(
            faiss.swig_ptr(queries),
            faiss.swig_ptr(self._vectors),
            self._vectors.shape[1],
            len(queries),
            len(self._vectors),
            k,
            faiss.swig_ptr(scores),
            faiss.swig_ptr(rows),
            selector,
        )
        return Neighbours(rows, scores)
