"""Inverted lists by FAISS: vectors in clusters, compressed, in a file that stays mapped.

They are kept as plain arrays, which FAISS is given when they are opened: its own reader would
believe whatever a file says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
import numpy.typing as npt

from index.arrays import load_arrays, save_arrays
from index.columns import reserve
from index.threads import cpu_count
from index.vectors.base import Floats, Mask, Rows
from index.vectors.clusters import centroids, nearest_and_cosines
from index.vectors.sizing import Kind

BLOCK = 65_536  # vectors that are looked at at a time: 134 MB of 512 dimensions
# Vectors that a centroid is learned from, and how often it is moved: 64 and 8 take three times as
# long, and the vectors then lie 1% nearer to their centroids.
_PER_LIST, _ROUNDS = 40, 4
_SEED = 1
_CODES = "codes.bin"
_ID_BYTES = 8
_QUERY_BITS = 8  # a query's own, against vectors of a bit a dimension
_MANY = 16  # queries; for fewer, starting threads takes longer than they save

Assigned = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Quantiser:
    """What was learned of the vectors.

    Attributes:
        kind: How they are compressed.
        centroids: (lists, dimension), of length 1, turned as the vectors are.
        rotation: (dimension, dimension) that turns vectors, so that every dimension carries as
            much as any other; (0, 0) turns nothing.
        ranges: (any,) what FAISS learned of the dimensions' ranges.
    """

    kind: Kind
    centroids: Floats
    rotation: Floats
    ranges: Floats

    @classmethod
    def learn(cls, vectors: Floats, lists: int, kind: Kind) -> Self:
        """Learn from a sample of the vectors.

        Args:
            vectors: (rows, dimension), of length 1; they may be mapped.
            lists: How many clusters.
            kind: How they are to be compressed.
        """
        dimension = vectors.shape[1]
        rotation = np.zeros((0, 0), np.float32)
        if kind is Kind.RABITQ:
            rotation = _rotation(dimension)
        step = max(1, len(vectors) // (_PER_LIST * lists))
        sample = _turned(np.ascontiguousarray(vectors[::step], np.float32), rotation)
        points = centroids(sample, lists, _ROUNDS)
        index = _empty(kind, points)
        if kind is Kind.SQ8:
            chosen, _ = nearest_and_cosines(sample, points)
            residuals = np.ascontiguousarray(sample - points[chosen])
            index.sq.train(residuals)
            return cls(kind, points, rotation, faiss.vector_to_array(index.sq.trained))
        return cls(kind, points, rotation, np.zeros(0, np.float32))

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return int(self.centroids.shape[1])

    def turn(self, vectors: Floats) -> Floats:
        """Vectors as the lists have them."""
        return _turned(vectors, self.rotation)

    def assign(self, vectors: Floats) -> tuple[Assigned, Floats]:
        """The list of each vector, and its cosine with the list's centroid: both (rows,)."""
        found = [nearest_and_cosines(self.turn(part), self.centroids) for part in blocks(vectors)]
        if not found:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        rows, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return rows.astype(np.int32), cosines

    def write(self, folder: Path) -> None:
        """Write what `open` reads."""
        save_arrays(folder, centroids=self.centroids, rotation=self.rotation, ranges=self.ranges)

    @classmethod
    def open(cls, folder: Path, kind: Kind) -> Self:
        """Map what `write` wrote.

        Raises:
            OSError: A file can't be read.
            ValueError: One holds something else.
        """
        found = load_arrays(folder, "centroids", "rotation", "ranges")
        quantiser = cls(kind, **found)
        dimension = quantiser.centroids.shape[-1]
        wanted = {
            "centroids": (*quantiser.centroids.shape[:1], dimension),
            "rotation": (dimension, dimension) if kind is Kind.RABITQ else (0, 0),
            "ranges": (2 * dimension,) if kind is Kind.SQ8 else (0,),
        }
        for name, shape in wanted.items():
            if found[name].dtype != np.float32 or found[name].shape != shape:
                raise ValueError(
                    f"{name} should be {shape}: {found[name].dtype} {found[name].shape}"
                )
        return quantiser


class Lists:
    """Compressed vectors in lists, mapped; gives candidates for the nearest."""

    def __init__(self, quantiser: Quantiser, sizes: Rows, codes: Path) -> None:
        self._quantiser = quantiser
        self._count = int(sizes.sum())
        self._index = _empty(quantiser.kind, quantiser.centroids)
        if quantiser.kind is Kind.SQ8:
            faiss.copy_array_to_vector(quantiser.ranges, self._index.sq.trained)
        self._index.is_trained = True
        self._index.ntotal = self._count
        lists = faiss.OnDiskInvertedLists(len(sizes), self._index.code_size, str(codes))
        counts = np.ascontiguousarray(sizes, np.uint64)  # held while FAISS reads it
        lists.set_all_lists_sizes(faiss.swig_ptr(counts))
        lists.totsize = self._count * (self._index.code_size + _ID_BYTES)
        lists.read_only = True
        lists.prefetch_nthread = 0  # it would start 32 threads for every query
        lists.do_mmap()
        self._lists = lists  # FAISS does not own it
        self._index.replace_invlists(lists, False)

    @staticmethod
    def write(vectors: Floats, assigned: Assigned, quantiser: Quantiser, folder: Path) -> None:
        """Write what `open` reads, a block of vectors at a time.

        Args:
            vectors: (rows, dimension); they may be mapped.
            assigned: (rows,) the list of each.
            quantiser: What makes their codes.
            folder: Is made.
        """
        quantiser.write(folder)
        index = _empty(quantiser.kind, quantiser.centroids)
        if quantiser.kind is Kind.SQ8:
            faiss.copy_array_to_vector(quantiser.ranges, index.sq.trained)
        size = int(index.code_size)
        sizes = np.bincount(assigned, minlength=len(quantiser.centroids)).astype(np.int64)
        save_arrays(folder, sizes=sizes, assigned=assigned)
        places = _Places(sizes, size)
        total = len(vectors) * (size + _ID_BYTES)
        faiss.omp_set_num_threads(cpu_count())
        with (folder / _CODES).open("wb") as file:
            reserve(file, max(total, 1))
        out = np.memmap(folder / _CODES, np.uint8, "r+")
        for start, part in zip(range(0, len(vectors), BLOCK), blocks(vectors), strict=True):
            turned, chosen = quantiser.turn(part), assigned[start : start + len(part)]
            numbers = np.ascontiguousarray(chosen, np.int64)
            codes = np.empty((len(part), size), np.uint8)
            index.encode_vectors(
                len(part),
                faiss.swig_ptr(turned),
                faiss.swig_ptr(numbers),
                faiss.swig_ptr(codes),
                False,
            )
            places.put(out, codes, numbers, start)
        out.flush()

    @classmethod
    def open(cls, folder: Path, kind: Kind) -> Self:
        """Map what `write` wrote.

        Raises:
            OSError: A file can't be read.
            ValueError: One holds something else.
        """
        quantiser = Quantiser.open(folder, kind)
        sizes = load_arrays(folder, "sizes")["sizes"]
        if sizes.dtype != np.int64 or sizes.shape != quantiser.centroids.shape[:1]:
            raise ValueError(f"sizes should be those of {len(quantiser.centroids)} lists")
        if (sizes < 0).any():
            raise ValueError("sizes should not be below 0")
        code_size = int(_empty(kind, quantiser.centroids).code_size)
        wanted = int(sizes.sum()) * (code_size + _ID_BYTES)
        found = (folder / _CODES).stat().st_size
        if found != max(wanted, 1):  # FAISS would read past its end
            raise ValueError(f"{_CODES} should have {wanted} bytes, it has {found}")
        return cls(quantiser, sizes, folder / _CODES)

    @staticmethod
    def assigned(folder: Path) -> Assigned:
        """The list of each row, as it was given to `write`."""
        found: Assigned = load_arrays(folder, "assigned")["assigned"]
        return found

    @property
    def quantiser(self) -> Quantiser:
        """What the lists were made with."""
        return self._quantiser

    def __len__(self) -> int:
        return self._count

    def search(self, queries: Floats, k: int, probes: int, allowed: Mask | None = None) -> Rows:
        """Rows that are near to queries by their codes, nearest first: (queries, k).

        -1 stands where nothing more was found in the lists that were visited.

        Args:
            queries: (queries, dimension), not turned.
            k: How many.
            probes: How many lists to visit.
            allowed: (rows,) which rows may be found; `None` means all.
        """
        turned = np.ascontiguousarray(self._quantiser.turn(queries), np.float32)
        selector = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
        if self._quantiser.kind is Kind.RABITQ:
            parameters: Any = faiss.IVFRaBitQSearchParameters()
            parameters.qb = _QUERY_BITS
        else:
            parameters = faiss.SearchParametersIVF()
        parameters.nprobe = probes
        if selector is not None:
            parameters.sel = selector
        faiss.omp_set_num_threads(cpu_count() if len(queries) >= _MANY else 1)
        _, rows = self._index.search(turned, k, params=parameters)
        found: Rows = rows
        return found


class _Places:
    """Where codes and rows go in the file: of each list all codes, then all rows."""

    def __init__(self, sizes: Rows, code_size: int) -> None:
        self._size = code_size
        begins = np.concatenate([[0], np.cumsum(sizes)[:-1]]) * (code_size + _ID_BYTES)
        self._codes = begins
        self._rows = begins + sizes * code_size
        self._filled = np.zeros(len(sizes), np.int64)

    def put(
        self, out: npt.NDArray[np.uint8], codes: npt.NDArray[np.uint8], lists: Rows, first: int
    ) -> None:
        """Put the codes of the rows from `first` on where they belong."""
        order = np.argsort(lists, kind="stable")
        ordered = lists[order]
        used, starts, counts = np.unique(ordered, return_index=True, return_counts=True)
        rows = (first + order).astype("<i8")
        for number, start, count in zip(used, starts, counts, strict=True):
            at = self._codes[number] + self._filled[number] * self._size
            chosen = order[start : start + count]
            out[at : at + count * self._size] = codes[chosen].ravel()
            at = self._rows[number] + self._filled[number] * _ID_BYTES
            held = rows[start : start + count]
            out[at : at + count * _ID_BYTES] = held.view(np.uint8)
            self._filled[number] += count


def blocks(vectors: Floats) -> Iterator[Floats]:
    """Vectors a block at a time, in memory."""
    for start in range(0, len(vectors), BLOCK):
        yield np.ascontiguousarray(vectors[start : start + BLOCK], np.float32)


def _rotation(dimension: int) -> Floats:
    """A random rotation (Haar), by the QR decomposition of a normal matrix."""
    drawn = np.random.default_rng(_SEED).normal(size=(dimension, dimension))
    turned, triangle = np.linalg.qr(drawn)
    rotation: Floats = (turned * np.sign(np.diag(triangle))).astype(np.float32)
    return rotation


def _turned(vectors: Floats, rotation: Floats) -> Floats:
    return vectors @ rotation if len(rotation) else vectors


def _empty(kind: Kind, points: Floats) -> Any:
    """An index of FAISS without vectors."""
    dimension = points.shape[1]
    coarse: Any = faiss.IndexFlatIP(dimension)
    coarse.add(np.ascontiguousarray(points, np.float32))
    metric = faiss.METRIC_INNER_PRODUCT
    index: Any
    if kind is Kind.SQ8:
        index = faiss.IndexIVFScalarQuantizer(
            coarse, dimension, len(points), faiss.ScalarQuantizer.QT_8bit, metric
        )
    else:
        index = faiss.IndexIVFRaBitQ(coarse, dimension, len(points), metric)
    coarse.this.disown()
    index.own_fields = True
    return index
