"""Records on disk: JSON texts end to end in one file, where each begins in another.

Both files are memory-mapped; a record is read when it is asked for.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.arrays import check_offsets, load_mapped


class Records:
    """A list of byte strings that stays on disk."""

    def __init__(self, data: bytes | mmap.mmap, offsets: npt.NDArray[np.int64]) -> None:
        self._data = data
        self._offsets = offsets

    @staticmethod
    def write(records: Iterable[bytes], data: Path, offsets: Path) -> None:
        """Write the two files that `open` reads."""
        ends = [0]
        with data.open("wb") as out:
            for record in records:
                ends.append(ends[-1] + out.write(record))
        np.save(offsets, np.array(ends, np.int64), allow_pickle=False)

    @classmethod
    def open(cls, data: Path, offsets: Path) -> Records:
        """Map the two files.

        Raises:
            OSError: One can't be read.
            ValueError: They don't belong together.
        """
        places = load_mapped(offsets)
        check_offsets(places, data.stat().st_size)
        if not data.stat().st_size:
            return cls(b"", places)
        with data.open("rb") as file:
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), places)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> bytes:
        return self._data[int(self._offsets[row]) : int(self._offsets[row + 1])]
