"""How much of the exact ten an index finds, and how many lists it has to visit for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from index.vectors.base import Floats, Rows

TEN = 10
QUERIES = 200  # a hundredth more or less of recall is 20 of their 2,000 exact neighbours


class Tuned(NamedTuple):
    """What an index needs to find enough.

    Attributes:
        probes: Lists to visit.
        rescored: Candidates to compare exactly.
        recall: What that finds, as it was measured.
    """

    probes: int
    rescored: int
    recall: float


def recall_of(found: Rows, exact: Rows) -> float:
    """The share of the exact neighbours that were found.

    Args:
        found: (queries, any); -1 is none.
        exact: (queries, k).
    """
    if not exact.size:
        return 1.0
    hits = [len(np.intersect1d(one, wanted)) for one, wanted in zip(found, exact, strict=True)]
    return float(sum(hits) / exact.size)


def tune(
    search: Callable[[int, int], Rows],
    exact: Rows,
    lists: int,
    breadths: tuple[int, ...],
    wanted: float,
) -> Tuned:
    """Find the fewest lists, and of them the fewest candidates, that find enough.

    Where nothing finds enough, what finds the most.

    Args:
        search: Given how many lists to visit and how many candidates to compare exactly, the
            rows it finds: (queries, k).
        exact: (queries, k) the rows that it should find.
        lists: How many there are.
        breadths: How many candidates to try, ascending.
        wanted: The recall.
    """
    best = Tuned(lists, breadths[-1], 0.0)
    for probes in _steps(lists):
        # The widest first: where it does not find enough, fewer candidates do not either.
        most = recall_of(search(probes, breadths[-1]), exact)
        if most > best.recall:
            best = Tuned(probes, breadths[-1], most)
        if most < wanted:
            continue
        for rescored in breadths[:-1]:
            found = recall_of(search(probes, rescored), exact)
            if found >= wanted:
                return Tuned(probes, rescored, found)
        return Tuned(probes, breadths[-1], most)
    return best


def _steps(lists: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, ... up to all of them."""
    steps = {1, lists}
    power = 2
    while power < lists:
        steps |= {power, min(lists, power * 3 // 2)}
        power *= 2
    return sorted(steps)


def sample_of(vectors: Floats, count: int = QUERIES) -> Floats:
    """Vectors at even distances: (count, dimension) or fewer."""
    places = np.unique(np.linspace(0, max(len(vectors) - 1, 0), count).astype(np.int64))
    sample: Floats = np.ascontiguousarray(vectors[places[: len(vectors)]], np.float32)
    return sample
