"""Arrays on disk, memory-mapped; rows of different lengths in one array."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

# numpy parses a file's header with `ast.literal_eval`, which fails now and then (“AST constructor
# recursion depth mismatch”, Python 3.11) where two threads are in it.
READING = threading.Lock()


def load_mapped(path: Path) -> npt.NDArray[Any]:
    """Map a `.npy` file; processes that map the same file share its memory.

    The array is a plain view of the map: numpy's own class for maps makes every small slice
    several times slower.
    """
    with READING:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    return array


def save_arrays(folder: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write arrays, each to a file of its name, in a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def load_arrays(folder: Path, *names: str) -> dict[str, npt.NDArray[Any]]:
    """Map what `save_arrays` wrote."""
    return {name: load_mapped(folder / f"{name}.npy") for name in names}


@dataclass(frozen=True, slots=True)
class Ragged:
    """Rows of different lengths, end to end.

    Attributes:
        values: (all, ...) the items of all rows.
        offsets: (rows + 1,) where each row begins; the last is the end.
    """

    values: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[npt.NDArray[Any]], like: npt.NDArray[Any]) -> Self:
        """Lay rows end to end; `like` is an array with no items, for its shape and type."""
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return cls(np.concatenate([like, *rows]), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """How many items each row has: (rows,)."""
        return np.diff(self.offsets)

    def row(self, number: int) -> npt.NDArray[Any]:
        """The items of a row."""
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    def take(self, rows: npt.NDArray[np.int64]) -> Self:
        """Some of the rows, in the order in which they are named."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        places += np.arange(len(places))
        return type(self)(self.values[places], offsets)

    def joined(self, other: Ragged) -> Self:
        """These rows and then the others."""
        offsets = np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]])
        return type(self)(np.concatenate([self.values, other.values]), offsets)
