"""Reading digests by a pool of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from index.batch.base import Pool
from index.digests.reading import Read, read_file
from index.digests.sources import DigestFile
from index.errors import BatchError

BYTES = 1 << 20  # of files in a block; a larger file is a block of its own
FILES = 256  # in a block, at most


class _Seen(NamedTuple):
    """A file as a worker sees it: its size, `None` if it is not there, and what is in it."""

    size: int | None
    read: Read


class ReadFiles:
    """`Work`: files -> what `read_file` gives of each."""

    on_gpu = False

    def begin(self) -> Callable[[Sequence[DigestFile]], list[_Seen]]:
        """There is nothing to load."""
        return lambda files: [_Seen(_size(file), read_file(file)) for file in files]


class SpreadReading:
    """Reads files by a pool of workers that see them, as `read_files` does here."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __call__(self, files: Sequence[DigestFile]) -> Iterator[tuple[int, Read]]:
        """Read files, in whatever order.

        Yields:
            The number of a file, and what is in it.

        Raises:
            BatchError: A worker sees another file under the same path, or none.
        """
        sizes = [_size(file) for file in files]
        blocks = list(_blocks(sizes))
        # A worker may stand in another folder.
        absolute = [DigestFile(file.name, file.path.absolute()) for file in files]
        given = ([absolute[row] for row in block] for block in blocks)
        for number, found in self._pool.map(ReadFiles(), given):
            for row, seen in zip(blocks[number], found, strict=True):
                # One that is being written to is read again, by whoever asked.
                if seen.size != sizes[row] and _size(files[row]) == sizes[row]:
                    raise BatchError(_told_apart(absolute[row], seen.size))
                yield row, seen.read


def _size(file: DigestFile) -> int | None:
    try:
        return file.path.stat().st_size
    except OSError:
        return None


def _blocks(sizes: Sequence[int | None]) -> Iterator[list[int]]:
    block: list[int] = []
    held = 0
    for row, size in enumerate(sizes):
        if block and (held + (size or 0) > BYTES or len(block) == FILES):
            yield block
            block, held = [], 0
        block.append(row)
        held += size or 0
    if block:
        yield block


def _told_apart(file: DigestFile, size: int | None) -> str:
    found = "no such file" if size is None else f"another file ({size:,} bytes)"
    return (
        f"a worker sees {found} at {file.path}: share the digests with the machines of the"
        " cluster, or set batch.shared_files to false, and they are read here"
    )
