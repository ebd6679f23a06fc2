"""Records on disk: JSON texts end to end in one file, where each begins in another.

Both files are memory-mapped; a record is read when it is asked for.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, overload

import msgspec
import numpy as np
import numpy.typing as npt

from index.arrays import check_offsets, load_mapped
from index.papers import Paper

MANY = 100_000  # papers; a third of a gigabyte


class Records:
    """A list of byte strings that stays on disk."""

    def __init__(self, data: bytes | mmap.mmap, offsets: npt.NDArray[np.int64]) -> None:
        self._data = data
        self._offsets = offsets

    @staticmethod
    def write(records: Iterable[bytes], data: Path, offsets: Path) -> None:
        """Write the two files that `open` reads."""
        with data.open("wb") as out:
            np.save(offsets, _write(records, out), allow_pickle=False)

    @classmethod
    def keep(cls, records: Iterable[bytes], folder: Path) -> Records:
        """Write records to a file in a folder that nothing is left of when they are done with."""
        with TemporaryFile(dir=folder) as file:
            offsets = _write(records, file)
            file.flush()
            if not offsets[-1]:
                return cls(b"", offsets)
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), offsets)

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


class StoredPapers(Sequence[Paper]):
    """Papers in records, each of which is read anew when it is asked for."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._decoder = msgspec.json.Decoder(Paper)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, row: int) -> Paper: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Paper]: ...
    def __getitem__(self, row: int | slice) -> Paper | Sequence[Paper]:
        """Read a paper, or some."""
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        return self._decoder.decode(self._records[row % len(self)])


def store_papers(papers: Sequence[Paper], folder: Path) -> Sequence[Paper]:
    """The same papers, on disk if they are many."""
    if len(papers) < MANY:
        return papers
    return StoredPapers(Records.keep(map(msgspec.json.Encoder().encode, papers), folder))


def same_papers(some: Sequence[Paper], others: Sequence[Paper]) -> bool:
    """Whether two lists of papers are equal, paper by paper."""
    pairs = zip(some, others, strict=False)
    return len(some) == len(others) and all(one is other or one == other for one, other in pairs)


def _write(records: Iterable[bytes], out: IO[bytes]) -> npt.NDArray[np.int64]:
    """Write records end to end, and say where each begins; the last is the end."""
    ends = array("q", [0])
    for record in records:
        ends.append(ends[-1] + out.write(record))
    return np.array(ends, np.int64)
