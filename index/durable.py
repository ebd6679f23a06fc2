"""Files that are there as a whole or not at all, and survive a power cut."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

ASIDE = ".new"  # how the files end that are to take another's place


def sync(path: Path) -> None:
    """Make a file's or folder's contents survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes, *, durably: bool = True) -> None:
    """Write a file in place of the one that is there, if one is, by one rename.

    Whoever is killed meanwhile leaves a file `{name}.*{ASIDE}` beside it.

    Args:
        path: Of the file.
        data: All that it is to hold.
        durably: So that it survives a power cut.

    Raises:
        OSError: It can't be written; what was there is there still.
    """
    # A name of its own: two that write at the same moment must not write into one file.
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}{ASIDE}")
    try:
        aside.write_bytes(data)
        if durably:
            sync(aside)
        aside.replace(path)
        if durably:
            sync(path.parent)
    finally:
        with suppress(OSError):
            aside.unlink()
