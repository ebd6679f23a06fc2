"""How much of the exact ten an index finds, and how many lists it has to visit for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from index.vectors.base import Floats

TEN = 10
_SAME = 1e-5  # dot products that are one, added up in another order
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


def recall_of(found: Floats, exact: Floats) -> float:
    """The share of the nearest that were found, by their scores.

    By scores and not by rows: where several vectors are the same, any of them will do.

    Args:
        found: (queries, any) dot products of what was found; -inf is nothing.
        exact: (queries, k) those of the nearest, descending.
    """
    if not exact.size:
        return 1.0
    hits = (found >= exact[:, -1:] - _SAME).sum(1)
    return float(np.minimum(hits, exact.shape[1]).sum() / exact.size)


def tune(
    search: Callable[[int, int], Floats],
    exact: Floats,
    lists: int,
    breadths: tuple[int, ...],
    wanted: float,
) -> Tuned:
    """Find the fewest lists, and of them the fewest candidates, that find enough.

    Where nothing finds enough, what finds the most.

    Args:
        search: Given how many lists to visit and how many candidates to compare exactly, the
            dot products of what it finds: (queries, k).
        exact: (queries, k) those of what it should find, descending.
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
