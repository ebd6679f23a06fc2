"""Nearest neighbours by FAISS: exact, or in inverted lists where there are many vectors.

All files stay memory-mapped, so that processes that serve the same snapshot share one copy.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import faiss
import numpy as np

from index.arrays import load_mapped, load_scattered
from index.settings import VectorSettings
from index.threads import cpu_count
from index.vectors.base import Floats, Mask, Neighbours, Rows
from index.vectors.lists import MANY, Assigned, Lists, Quantiser, blocks, width_of
from index.vectors.recall import QUERIES, TEN, Tuned, sample_of, tune
from index.vectors.sizing import IndexFacts, Kind, choose, lists_for

_DEEPER = 0.75  # the power of how many are wanted, by which more candidates are compared
_SPREAD = 16  # times as many rows are looked at as are wanted
_FEW = 4_000  # rows that may be found; so many are compared sooner than lists are searched
_BREADTHS = {Kind.SQ8: (10, 20, 40), Kind.RABITQ: (20, 40, 80, 160, 320, 640)}
_GROWN = 2.0  # times the rows that the clusters were learned from
_STRAYED = 0.9  # of the cosine with their clusters' centres that rows had then


class Known(NamedTuple):
    """An index whose clusters are used again.

    Attributes:
        lists: The index, of the live snapshot.
        rows: (rows,) the row there of each row of the build; -1 where it is new.
    """

    lists: FaissIndex
    rows: Rows


class FaissIndex:
    """`VectorIndex` over vectors that may be mapped.

    Exact, FAISS scans them as they lie; there is no index to build. In lists, they are looked
    for by their codes and then compared as they are.
    """

    def __init__(
        self,
        vectors: Floats,
        facts: IndexFacts | None = None,
        folder: Path | None = None,
        scattered: Floats | None = None,
    ) -> None:
        """Take vectors.

        Args:
            vectors: (rows, dimension).
            facts: Of the index; `None` is an exact one.
            folder: Where its lists were written to, if it has any.
            scattered: The same vectors, for who reads but some of them.
        """
        self._vectors = vectors
        self._scattered = vectors if scattered is None else scattered
        self.facts = facts or IndexFacts()
        self._folder = folder
        self._lists = None
        if self.facts.kind is Kind.EXACT:
            return
        if folder is None:
            raise ValueError(f"an index of the kind {self.facts.kind} has files")
        self._lists = Lists.open(folder, self.facts.kind)
        shape = (len(self._lists), self._lists.quantiser.width)
        if shape != (len(vectors), width_of(vectors.shape[1])):  # FAISS would read past their end
            raise ValueError(f"lists of {shape} vectors for {vectors.shape}")
        count = len(self._lists.quantiser.centroids)
        if self.facts.lists != count or not 0 < self.facts.probes <= count:
            raise ValueError(f"{self.facts.probes} of {self.facts.lists} lists, there are {count}")
        if self.facts.rescored < 1:
            raise ValueError("some candidates have to be compared exactly")

    @classmethod
    def write(
        cls,
        file: Path,
        folder: Path,
        settings: VectorSettings | None = None,
        queries: Floats | None = None,
        known: Known | None = None,
    ) -> IndexFacts:
        """Write what `open` reads beside vectors, and measure what it finds.

        Args:
            file: An array (rows, dimension) of vectors of length 1.
            folder: Is made, if the index has files of its own.
            settings: Which index; `None` takes the defaults.
            queries: Vectors like those that will be asked for, to measure with; `None` takes
                some of the rows.
            known: An index whose clusters are used again as long as they fit.
        """
        settings = settings or VectorSettings()
        vectors = _mapped(file)
        kind = choose(len(vectors), vectors.shape[1], settings)
        if kind is Kind.EXACT:
            return IndexFacts()
        facts, quantiser, assigned = _clustered(vectors, kind, known)
        Lists.write(vectors, assigned, quantiser, folder)
        tuned = _tune(vectors, Lists.open(folder, kind), settings.recall, queries)
        return replace(facts, **tuned._asdict())

    @classmethod
    def open(cls, file: Path, facts: IndexFacts, folder: Path) -> FaissIndex:
        """Map vectors and what `write` wrote beside them.

        Args:
            file: The array of vectors.
            facts: What `write` gave.
            folder: Where it wrote.

        Raises:
            OSError: They can't be read.
            ValueError: They are something else.
        """
        scattered = None if facts.kind is Kind.EXACT else load_scattered(file)
        return cls(_mapped(file), facts, folder, scattered)

    @property
    def is_exact(self) -> bool:
        """Whether every search finds the nearest of all."""
        return self._lists is None

    @property
    def vectors(self) -> Floats:
        """The mapped vectors."""
        return self._vectors

    @property
    def lists(self) -> Lists | None:
        """The inverted lists; `None` where the search is exact."""
        return self._lists

    @property
    def assigned(self) -> Assigned | None:
        """The list of each row; `None` where there are none."""
        if self._lists is None or self._folder is None:
            return None
        return Lists.assigned(self._folder)

    def search(self, queries: Floats, k: int, allowed: Mask | None = None) -> Neighbours:
        """Find the rows with the highest dot products.

        The dot products are exact, whatever the index. Where there are lists, a share of the
        nearest rows may be missing (`IndexFacts.recall`), and where few rows are allowed none.

        Raises:
            ValueError: The queries are of another dimension.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        if queries.shape[1] != self._vectors.shape[1]:  # FAISS would read past their end
            raise ValueError(f"queries {queries.shape} for vectors {self._vectors.shape}")
        count = len(self._vectors) if allowed is None else int(np.count_nonzero(allowed))
        k = min(k, count)
        if not k or not len(queries):
            return Neighbours(
                np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
            )
        mask = None if count == len(self._vectors) else allowed
        if self._lists is None:
            return exact(self._vectors, queries, k, mask)
        if mask is not None and count <= max(_FEW, k):
            return _among(self._scattered, queries, k, np.flatnonzero(mask))
        return self._search_lists(self._lists, queries, k, mask, count)

    def _search_lists(
        self, lists: Lists, queries: Floats, k: int, allowed: Mask | None, count: int
    ) -> Neighbours:
        # It was measured with ten. More lie in more lists, and further down by their codes; and the
        # fewer rows may be found, the fewer of them are in a list.
        rescored = math.ceil(self.facts.rescored * max(k / TEN, 1) ** _DEEPER)
        wanted = max(self.facts.probes, -(-_SPREAD * k * self.facts.lists // len(self._vectors)))
        probes = wanted * len(self._vectors) // count
        while True:
            probes = min(probes, self.facts.lists)
            rows = lists.search(queries, max(k, rescored), probes, allowed)
            if probes == self.facts.lists or ((rows >= 0).sum(1) >= k).all():
                break
            probes *= 2
        return _rescored(self._scattered, queries, rows, k)


def _mapped(file: Path) -> Floats:
    """Map vectors.

    Raises:
        OSError: They can't be read.
        ValueError: They are something else.
    """
    vectors = load_mapped(file)
    if vectors.dtype != np.float32 or vectors.ndim != 2:  # FAISS would read past their end
        raise ValueError(f"{file.name} should hold vectors: {vectors.dtype} {vectors.shape}")
    return vectors


def exact(vectors: Floats, queries: Floats, k: int, allowed: Mask | None = None) -> Neighbours:
    """Compare queries with every vector.

    Args:
        vectors: (rows, dimension) in memory row after row; they may be mapped.
        queries: (queries, dimension).
        k: How many; not more than there are or may be found.
        allowed: (rows,) which rows may be found; `None` means all.
    """
    scores = np.empty((len(queries), k), np.float32)
    rows = np.empty((len(queries), k), np.int64)
    selector = None
    if allowed is not None:
        bits = np.packbits(allowed, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
    # One query is done sooner on one thread: OpenMP's threads and those of BLAS, which the
    # encoder uses, take the CPUs from each other while they wait (0.8 against 13 ms).
    faiss.omp_set_num_threads(cpu_count() if len(queries) >= MANY else 1)
    faiss.knn_inner_product(
        faiss.swig_ptr(queries),
        faiss.swig_ptr(vectors),
        vectors.shape[1],
        len(queries),
        len(vectors),
        k,
        faiss.swig_ptr(scores),
        faiss.swig_ptr(rows),
        selector,
    )
    return Neighbours(rows, scores)


def _among(vectors: Floats, queries: Floats, k: int, allowed: Rows) -> Neighbours:
    """The nearest of a few rows."""
    found = exact(np.ascontiguousarray(vectors[allowed]), queries, k)
    return Neighbours(allowed[found.rows], found.scores)


def _rescored(vectors: Floats, queries: Floats, rows: Rows, k: int) -> Neighbours:
    """The best of candidates, compared exactly.

    Args:
        vectors: (all, dimension).
        queries: (queries, dimension).
        rows: (queries, candidates); -1 is none.
        k: How many of each; every query has as many candidates, or it is given fewer for all.
    """
    k = min(k, int((rows >= 0).sum(1).min()))
    found = np.empty((len(queries), k), np.int64)
    scores = np.empty((len(queries), k), np.float32)
    for at, (query, some) in enumerate(zip(queries, rows, strict=True)):
        own = np.sort(some[some >= 0])  # in the order in which they lie on disk
        products = vectors[own] @ query
        order = np.lexsort((own, -products))[:k]
        found[at], scores[at] = own[order], products[order]
    return Neighbours(found, scores)


def _clustered(
    vectors: Floats, kind: Kind, known: Known | None
) -> tuple[IndexFacts, Quantiser, Assigned]:
    """The clusters of vectors: those that are known, unless the vectors have strayed from them."""
    if known is not None:
        kept = _kept(vectors, kind, known)
        if kept is not None:
            return kept
    quantiser = Quantiser.learn(vectors, lists_for(len(vectors)), kind)
    assigned, cosines = quantiser.assign(vectors)
    fit = round(float(cosines.mean()), 4)
    lists = len(quantiser.centroids)
    return IndexFacts(kind, lists, learned_from=len(vectors), fit=fit), quantiser, assigned


def _kept(
    vectors: Floats, kind: Kind, known: Known
) -> tuple[IndexFacts, Quantiser, Assigned] | None:
    """The known clusters with the new rows in them; `None` where they fit no more."""
    facts, lists, held = known.lists.facts, known.lists.lists, known.lists.assigned
    if lists is None or held is None or facts.kind is not kind:
        return None
    if len(held) and (held.min() < 0 or held.max() >= facts.lists):  # of another index
        return None
    if len(vectors) > _GROWN * facts.learned_from:
        return None
    assigned = np.empty(len(vectors), np.int32)
    old = known.rows >= 0
    assigned[old] = held[known.rows[old]]
    added, cosines = lists.quantiser.assign(vectors[~old])
    if len(cosines) and float(cosines.mean()) < _STRAYED * facts.fit:
        return None
    assigned[~old] = added
    return facts, lists.quantiser, assigned


def _tune(vectors: Floats, lists: Lists, wanted: float, queries: Floats | None) -> Tuned:
    """Measure against an exact search; among rows that ask, none finds itself."""
    own = queries is None
    asked = sample_of(vectors if queries is None else queries, QUERIES)
    k = min(TEN + own, len(vectors))
    nearest = _best_scores(vectors, asked, k)

    def search(probes: int, rescored: int) -> Floats:
        rows = lists.search(asked, rescored + own, probes)
        found = np.full((len(asked), k), -np.inf, np.float32)
        for at, (query, some) in enumerate(zip(asked, rows, strict=True)):
            scores = _rescored(vectors, query[None], some[None], k).scores[0]
            found[at, : len(scores)] = scores
        return found[:, own:]

    count = len(lists.quantiser.centroids)
    return tune(search, nearest[:, own:], count, _BREADTHS[lists.quantiser.kind], wanted)


def _best_scores(vectors: Floats, queries: Floats, k: int) -> Floats:
    """The k greatest dot products, reading a block of the vectors at a time: (queries, k).

    By a product of matrices: of hundreds of queries, FAISS's search takes eight times as long.
    """
    scores = np.zeros((len(queries), 0), np.float32)
    for part in blocks(vectors):
        scores = np.hstack([scores, queries @ part.T])
        if scores.shape[1] > k:
            scores = np.partition(scores, -k, axis=1)[:, -k:]
    return -np.sort(-scores, axis=1)
