"""Arrays on disk, memory-mapped; rows of different lengths in one array."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from numpy.lib.format import dtype_to_descr, open_memmap, write_array_header_1_0

# numpy parses a file's header with `ast.literal_eval`, which fails now and then (“AST constructor
# recursion depth mismatch”, Python 3.11) where two threads are in it.
READING = threading.Lock()
BLOCK = 2**14  # rows that are copied at once


def load_mapped(path: Path) -> npt.NDArray[Any]:
    """Map a `.npy` file; processes that map the same file share its memory.

    The array is a plain view of the map: numpy's own class for maps makes every small slice
    several times slower.

    Raises:
        OSError: It can't be read.
        ValueError: It holds no array of numbers as `save_arrays` writes them.
    """
    try:
        with READING:  # not by `np.load`, which also tries other formats, pickles among them
            array: npt.NDArray[Any] = open_memmap(path, mode="r").view(np.ndarray)
    except OSError:
        raise
    # The header is parsed as Python: TokenError, MemoryError, OverflowError, whatever is in it.
    except Exception as error:
        raise ValueError(f"{path} is no array: {str(error)[:200]}") from error
    # What reads the maps outside of numpy, such as FAISS, takes them for what they should be.
    if array.dtype.kind not in "iuf" or not array.dtype.isnative or not array.flags.c_contiguous:
        raise ValueError(f"{path} is no array of numbers, row after row: {array.dtype.str[:40]}")
    if not array.ndim:
        raise ValueError(f"{path} is a number, no array")
    return array


def load_scattered(path: Path) -> npt.NDArray[Any]:
    """Map a `.npy` file of which rows are read here and there.

    The system then reads what is asked for alone, where it would read 128 kB on for a row of 2 kB:
    a search among 10 million vectors that are not in memory takes a third of the time. Whoever
    reads row after row takes `load_mapped`.

    Raises:
        OSError: It can't be read.
        ValueError: It holds no array of numbers.
    """
    array = load_mapped(path)
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
        base.madvise(mmap.MADV_RANDOM)
    return array


def check_arrays(folder: Path) -> None:
    """See that all `.npy` files in and below a folder are arrays of numbers.

    Some are opened by libraries, which would take more. Where `x.offsets.npy` lies beside
    `x.npy`, it has to part that one's items.

    Raises:
        OSError: One can't be read.
        ValueError: One is something else; it is named.
    """
    arrays = {path: load_mapped(path) for path in sorted(folder.rglob("*.npy"))}
    for path, array in arrays.items():
        values = arrays.get(path.with_name(path.name.replace(".offsets.", ".")))
        if values is not None and values is not array:
            try:
                check_offsets(array, len(values))
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None


def save_arrays(folder: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write arrays, each to a file of its name, in a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def load_arrays(folder: Path, *names: str) -> dict[str, npt.NDArray[Any]]:
    """Map what `save_arrays` wrote."""
    return {name: load_mapped(folder / f"{name}.npy") for name in names}


class ArrayFile:
    """A `.npy` file that is written block by block, as `np.save` would write all of it.

    Used as a context; when it ends without an error, all rows have to be there.
    """

    def __init__(self, path: Path, like: npt.NDArray[Any], count: int) -> None:
        """Begin a file.

        Args:
            path: The file.
            like: An array without rows, for their shape and type.
            count: How many rows there will be.
        """
        self._path = path
        self._like = like
        self._count = count
        self._written = 0
        self._file = path.open("wb")
        descr = dtype_to_descr(like.dtype)
        shape = (count, *like.shape[1:])
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        write_array_header_1_0(self._file, header)

    def write(self, rows: npt.NDArray[Any]) -> None:
        """Write more rows.

        Raises:
            OSError: There is no room for them.
        """
        self._file.write(np.ascontiguousarray(rows, self._like.dtype).data)
        self._written += len(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None and self._written != self._count:
            name, count, written = self._path.name, self._count, self._written
            raise ValueError(f"{name} was to have {count} rows and has {written}")


def save_blocks(
    path: Path, like: npt.NDArray[Any], count: int, blocks: Iterable[npt.NDArray[Any]]
) -> None:
    """Write an array of `count` rows that comes in blocks; as `ArrayFile`."""
    with ArrayFile(path, like, count) as file:
        for block in blocks:
            file.write(block)


def evenly(count: int, most: int) -> npt.NDArray[np.int64]:
    """The rows of `count` that are looked at where they would be too many: at even distances."""
    return np.arange(min(count, most), dtype=np.int64) * count // max(min(count, most), 1)


def check_offsets(offsets: npt.NDArray[Any], count: int) -> None:
    """See that offsets part `count` items into rows.

    Raises:
        ValueError: They don't.
    """
    if offsets.dtype != np.int64 or offsets.ndim != 1 or not len(offsets):
        raise ValueError(f"offsets should be whole numbers: {offsets.dtype} {offsets.shape}")
    if offsets[0] or offsets[-1] != count or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(f"offsets should go from 0 to {count} and never back")


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
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        places += np.arange(len(places))
        return type(self)(self.values[places], offsets)

    def joined(self, other: Ragged) -> Self:
        """These rows and then the others."""
        offsets = np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]])
        return type(self)(np.concatenate([self.values, other.values]), offsets)

    def blocks(self) -> Iterator[Ragged]:
        """All rows, BLOCK at a time; nothing is copied."""
        for begin in range(0, len(self), BLOCK):
            offsets = self.offsets[begin : begin + BLOCK + 1]
            yield Ragged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])


class Rows(Protocol):
    """Rows of different lengths, of which some can be taken."""

    def __len__(self) -> int: ...

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """How many items each row has: (rows,)."""

    def take(self, rows: npt.NDArray[np.int64]) -> Ragged:
        """Some of the rows, in the order in which they are named."""


class Chosen:
    """Some rows of several `Rows` that lie end to end; they are copied a block at a time."""

    def __init__(self, parts: Sequence[Rows], rows: npt.NDArray[np.int64]) -> None:
        """Name rows.

        Args:
            parts: Where they are.
            rows: (rows,) numbers among the rows of all parts.
        """
        self._parts = parts
        self._rows = rows
        self._firsts = np.cumsum([0, *map(len, parts)], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Where each row begins when they lie end to end; the last is the end: (rows + 1,)."""
        lengths = np.concatenate([part.lengths for part in self._parts])[self._rows]
        return np.concatenate([[0], np.cumsum(lengths)])

    def blocks(self) -> Iterator[Ragged]:
        """The rows, BLOCK at a time."""
        for begin in range(0, len(self), BLOCK):
            yield self._take(self._rows[begin : begin + BLOCK])

    def _take(self, rows: npt.NDArray[np.int64]) -> Ragged:
        owners = np.searchsorted(self._firsts, rows, side="right") - 1
        numbers = np.unique(owners).tolist()
        found = [
            self._parts[number].take(rows[owners == number] - self._firsts[number])
            for number in numbers
        ]
        whole: Ragged = found[0]
        for other in found[1:]:
            whole = whole.joined(other)
        if len(found) > 1:  # part by part: back into the order in which they are named
            order = np.argsort(owners, kind="stable")
            places = np.empty(len(rows), np.int64)
            places[order] = np.arange(len(rows))
            whole = whole.take(places)
        return whole
