"""Reading lists: files that name papers, one a line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rag.errors import ReadingListError

STANDARD_INPUT = Path("-")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that names a paper: its number in the file, from 1, and what it says first."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class ReadingList:
    """What a file names.

    Attributes:
        ids: The papers that are here, each once, in order.
        unknown: Lines that name none of them.
    """

    ids: tuple[str, ...]
    unknown: tuple[Line, ...]


def read_list(path: Path, id_of: Callable[[str], str | None]) -> ReadingList:
    """Read a reading list.

    A line names a paper first, by its id, its address or its arXiv number; whatever follows after
    a space is for people. Empty lines, and lines that begin with `#`, are left out.

    Args:
        path: The file; `-` is standard input.
        id_of: The id of a paper by whatever name; `None` where it is not here.

    Raises:
        ReadingListError: It can't be read, or names no paper that is here.
    """
    shown = "standard input" if path == STANDARD_INPUT else str(path)
    lines = _lines(_read(path, shown))
    if not lines:
        raise ReadingListError(f"{shown} names no paper; write one id a line")
    found = [(line, id_of(line.name)) for line in lines]
    ids = dict.fromkeys(name for _, name in found if name is not None)
    if not ids:
        first = lines[0]
        raise ReadingListError(
            f"{shown} names no paper that is here; line {first.number} is {first.name[:100]!r}"
        )
    return ReadingList(tuple(ids), tuple(line for line, name in found if name is None))


def _read(path: Path, shown: str) -> str:
    try:
        content = sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
    except OSError as error:
        raise ReadingListError(f"can't read {shown}: {error.strerror or error}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ReadingListError(f"{shown} should be UTF-8 text; line {line} is not") from None


def _lines(text: str) -> list[Line]:
    words = ((number, line.split(maxsplit=1)) for number, line in enumerate(text.split("\n"), 1))
    return [Line(number, found[0]) for number, found in words if found and found[0][0] != "#"]
