"""Where the papers of a searcher lie among those that say alike, and what is said where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.cluster.headings import Headings
from index.projection import Topic, shown
from index.snapshot import Heading
from rag.search import Searcher

_JOINING = " · "


@dataclass(frozen=True, slots=True)
class Region:
    """A topic of the projection, and how many papers lie in it."""

    topic: Topic
    papers: int

    @property
    def korean(self) -> str:
        """Its label; empty where nothing tells it from others."""
        return _JOINING.join(name.korean for name in self.topic.terms)

    @property
    def english(self) -> str:
        """The same in English."""
        return _JOINING.join(name.english for name in self.topic.terms)


@dataclass(frozen=True, slots=True)
class Chart:
    """Papers that may be found, and the regions that they lie in.

    Attributes:
        papers: How many there are; of more than MOST only some are in the other columns.
        headings: Of the papers.
        places: Of each: x and y, from -1 to 1.
        regions: The number of each one's small region.
        legend: The large regions, and after them the small ones.
    """

    papers: int
    headings: Sequence[Heading]
    places: Sequence[tuple[float, float]]
    regions: Sequence[int]
    legend: Sequence[Region]


def draw(searcher: Searcher) -> Chart:
    """Take what lies where from a searcher's snapshot, without what is forgotten.

    Of very many papers some are taken; regions count them all. A region in which only forgotten
    papers lie is gone with them.

    Raises:
        ClusterError: The papers are in a cluster, which does not say enough of them.
    """
    projection = searcher.snapshot.projection
    rows, found = _shown(searcher)
    counts = np.bincount(projection.regions[rows], minlength=len(projection.topics))
    for number, topic in enumerate(projection.topics):
        if topic.parent is not None:
            counts[topic.parent] += counts[number]
    numbers = np.cumsum(counts > 0) - 1  # of those that are left
    legend = [
        Region(_renumbered(topic, numbers.tolist()), int(count))
        for topic, count in zip(projection.topics, counts, strict=True)
        if count
    ]
    drawn = found.rows
    x, y = projection.places[drawn].T.tolist()
    return Chart(
        len(rows),
        found.headings,
        list(zip(x, y, strict=True)),
        numbers[projection.regions[drawn]].tolist(),
        legend,
    )


def _shown(searcher: Searcher) -> tuple[npt.NDArray[np.int64], Headings]:
    """The rows of all papers that may be found, and those of them that are on the map."""
    elsewhere = searcher.snapshot.elsewhere
    if elsewhere is None:
        allowed = searcher.allowed()
        rows = np.arange(len(searcher.snapshot))
        if allowed is not None:
            rows = np.flatnonzero(allowed.papers)
        drawn = shown(rows)
        return rows, Headings(drawn, searcher.snapshot.headings(drawn.tolist()))
    gone = elsewhere.rows_of_forgotten(searcher.forgotten)
    rows = np.setdiff1d(np.arange(searcher.snapshot.manifest.papers), gone)
    kept, headings = elsewhere.headings()
    there = np.isin(kept, rows)
    some = [one for one, is_there in zip(headings, there.tolist(), strict=True) if is_there]
    return rows, Headings(kept[there], some)


def _renumbered(topic: Topic, numbers: Sequence[int]) -> Topic:
    parent = None if topic.parent is None else numbers[topic.parent]
    return Topic(topic.level, parent, topic.x, topic.y, topic.terms)
