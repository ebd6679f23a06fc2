"""Where the papers of a searcher lie among those that say alike, and what is said where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.errors import ElsewhereError
from index.projection import Topic
from index.snapshot import Heading
from rag.search import Searcher

MOST = 50_000  # papers on a map: 15 MB to send, 5 packed; more points can't be told apart
NEWEST = 5_000  # of them: what readers look for first
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
        ElsewhereError: The papers are in a cluster.
    """
    if searcher.snapshot.elsewhere is not None:
        raise ElsewhereError("no map is drawn of papers in a cluster yet")
    projection, allowed = searcher.snapshot.projection, searcher.allowed()
    rows = np.arange(len(searcher.snapshot))
    if allowed is not None:
        rows = np.flatnonzero(allowed.papers)
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
    drawn = _some(rows)
    x, y = projection.places[drawn].T.tolist()
    return Chart(
        len(rows),
        searcher.snapshot.headings(drawn.tolist()),
        list(zip(x, y, strict=True)),
        numbers[projection.regions[drawn]].tolist(),
        legend,
    )


def _some(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of more papers than MOST the NEWEST, and of all others as many as there is room for."""
    if len(rows) <= MOST:
        return rows
    older, newest = rows[:-NEWEST], rows[-NEWEST:]
    spread = np.round(np.linspace(0, len(older) - 1, MOST - NEWEST)).astype(np.int64)
    return np.concatenate([older[spread], newest])


def _renumbered(topic: Topic, numbers: Sequence[int]) -> Topic:
    parent = None if topic.parent is None else numbers[topic.parent]
    return Topic(topic.level, parent, topic.x, topic.y, topic.terms)
