"""Read a file that somebody else may have put there: never endlessly, and only so much."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_regular(path: Path, most: int) -> bytes:
    """Read a file; a pipe or a device in its place is refused, where reading it would never end.

    Args:
        path: Of the file.
        most: How many bytes it may have.

    Raises:
        OSError: It can't be read.
        ValueError: It is no regular file, or larger.
    """
    # A pipe is opened at once, whether somebody writes to it or not.
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:  # noqa: PTH123
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise ValueError("not a regular file")
        if info.st_size > most:
            raise ValueError(f"{info.st_size:,} bytes, up to {most:,} are read")
        return file.read(most)
