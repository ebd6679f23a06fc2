"""Arrays that grow, and that lie in a file as soon as they are large.

A build of millions of passages has a hundred bytes here and a thousand there of each. Such files
have no name, so that nothing is left of them, however the process ends.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from index.arrays import BLOCK, Ragged

IN_MEMORY = 2**25  # bytes of an array that stay in memory


def allocate(shape: tuple[int, ...], dtype: npt.DTypeLike, folder: Path | None) -> npt.NDArray[Any]:
    """An array of zeros that is filled bit by bit.

    Args:
        shape: As numpy's.
        dtype: As numpy's.
        folder: Where a large one lies in a file; `None` keeps all in memory.

    Raises:
        OSError: There is no room for it.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if folder is None or size <= IN_MEMORY:
        return np.zeros(shape, dtype)
    with TemporaryFile(dir=folder) as file:
        reserve(file, size)
        return _map(file, dtype, shape)


def reserve(file: IO[bytes], size: int) -> None:
    """Make room in a file that is to be mapped and written to.

    A full disk says so here. One that is full when a page of a map is written back ends the
    process.

    Raises:
        OSError: There is no room.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)


class Column:
    """Rows that are added at the end, many at a time."""

    def __init__(self, like: npt.NDArray[Any], folder: Path | None = None) -> None:
        """Begin without rows.

        Args:
            like: An array without rows, for their shape and type.
            folder: Where they lie in a file when they are many; `None` keeps all in memory.
        """
        self._like = like
        self._folder = folder
        self._parts: list[npt.NDArray[Any]] = []
        self._bytes = 0  # of the parts
        self._count = 0
        self._file: IO[bytes] | None = None
        self._mapped = like

    def __len__(self) -> int:
        return self._count

    def extend(self, rows: npt.ArrayLike) -> None:
        """Add rows.

        Raises:
            OSError: There is no room for them.
        """
        added = np.ascontiguousarray(rows, self._like.dtype).reshape(-1, *self._like.shape[1:])
        self._parts.append(added)
        self._bytes += added.nbytes
        self._count += len(added)
        if self._folder is not None and self._bytes > IN_MEMORY:
            self._write(self._folder)

    @property
    def values(self) -> npt.NDArray[Any]:
        """All rows that were added; what is added later is not in there."""
        if self._file is None or self._folder is None:
            if len(self._parts) != 1:
                self._parts = [np.concatenate([self._like, *self._parts])]
            return self._parts[0]
        self._write(self._folder)
        if len(self._mapped) < self._count:
            shape = (self._count, *self._like.shape[1:])
            self._mapped = _map(self._file, self._like.dtype, shape)
        return self._mapped

    def each(self) -> Iterator[Any]:
        """The rows one by one, as Python's own numbers and lists."""
        for begin in range(0, len(self), BLOCK):
            yield from self.values[begin : begin + BLOCK].tolist()

    def _write(self, folder: Path) -> None:
        """Move what is in memory to the file."""
        if self._file is None:
            self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - as long as the column
        for part in self._parts:
            self._file.write(part.data)
        self._file.flush()
        self._parts.clear()
        self._bytes = 0


class RaggedColumn:
    """Rows of different lengths that are added at the end, many at a time."""

    def __init__(self, like: npt.NDArray[Any], folder: Path | None = None) -> None:
        """Begin without rows; as `Column`, with a type and a shape of the rows' items."""
        self._values = Column(like, folder)
        self._offsets = Column(np.zeros(0, np.int64), folder)
        self._offsets.extend([0])

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def extend(self, rows: Ragged) -> None:
        """Add rows."""
        self._offsets.extend(rows.offsets[1:] - rows.offsets[0] + len(self._values))
        self._values.extend(rows.values)

    @property
    def rows(self) -> Ragged:
        """All rows that were added; what is added later is not in there."""
        return Ragged(self._values.values, self._offsets.values)


def _map(file: IO[bytes], dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    # A plain view: numpy's own class for maps makes small slices slow.
    return np.memmap(file, dtype, "r+", shape=shape).view(np.ndarray)
