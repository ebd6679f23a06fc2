"""Where the papers of a snapshot lie in a plane, and what the regions are called."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from index.arrays import load_mapped
from index.projection.naming import Name

_PLACES = "places.npy"
_REGIONS = "regions.npy"
_TOPICS = "topics.json"


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A region of the projection.

    Attributes:
        level: 0 for a large one, 1 for a small one in it.
        parent: The number of the large one; `None` for one.
        x: Where its label stands.
        y: The same.
        terms: What it is called, best first; none where nothing tells it from others.
    """

    level: int
    parent: int | None
    x: float
    y: float
    terms: tuple[Name, ...]


class Projection(msgspec.Struct, frozen=True):
    """Where papers lie, and in which regions.

    Attributes:
        places: (papers, 2) in [-1, 1], both sides of one scale.
        regions: (papers,) the number of the small topic that each lies in.
        topics: The large ones, and after them the small ones.
    """

    places: npt.NDArray[np.float32]
    regions: npt.NDArray[np.int32]
    topics: tuple[Topic, ...]

    def write(self, folder: Path) -> None:
        """Write what `open` reads."""
        folder.mkdir(exist_ok=True)
        np.save(folder / _PLACES, self.places, allow_pickle=False)
        np.save(folder / _REGIONS, self.regions, allow_pickle=False)
        text = msgspec.json.format(msgspec.json.encode(self.topics), indent=1)
        (folder / _TOPICS).write_bytes(text + b"\n")

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `write` wrote.

        Raises:
            OSError: It can't be read.
            ValueError: It is something else.
        """
        topics = msgspec.json.decode((folder / _TOPICS).read_bytes(), type=tuple[Topic, ...])
        opened = cls(load_mapped(folder / _PLACES), load_mapped(folder / _REGIONS), topics)
        opened._check()
        return opened

    def _check(self) -> None:
        places, regions = self.places, self.regions
        if places.dtype != np.float32 or places.ndim != 2 or places.shape[1] != 2:
            raise ValueError(f"{_PLACES} should hold places: {places.dtype} {places.shape}")
        if not (np.abs(places) <= 1).all():  # nor what is not a number
            raise ValueError(f"{_PLACES} has places outside of [-1, 1]")
        if regions.dtype != np.int32 or regions.shape != (len(places),):
            raise ValueError(f"{_REGIONS} should hold a region a paper: {regions.shape}")
        levels = np.array([topic.level for topic in self.topics], np.int64)
        large = int((levels == 0).sum())
        if (levels != (np.arange(len(levels)) >= large)).any():
            raise ValueError(f"{_TOPICS} should have large topics and then small ones")
        for topic in self.topics:
            if abs(topic.x) > 1 or abs(topic.y) > 1:
                raise ValueError(f"{_TOPICS} has a topic outside of [-1, 1]")
            within = topic.parent is not None and 0 <= topic.parent < large
            if within != bool(topic.level):
                raise ValueError(f"{_TOPICS} has a topic in {topic.parent}, of {large}")
        if len(regions) and not (large <= regions.min() and regions.max() < len(self.topics)):
            raise ValueError(f"{_REGIONS} has papers in no topic")
