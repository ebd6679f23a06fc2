"""Whether the files of a snapshot are those that were published."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path

from index.errors import SnapshotError
from index.manifest import Manifest, checksums

WHOLE = 2**30  # bytes: a snapshot that has no more is compared whenever it is opened
SMALL = 16 * 2**20  # bytes: of larger snapshots only files of no more are compared at once
_CHUNK = 2**20


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file with its size and checksum.

    Raises:
        SnapshotError: One differs; the message names it.
    """
    _verify(folder, manifest, manifest.files)


def verify_opening(folder: Path, manifest: Manifest) -> bool:
    """Compare what can be compared before somebody waits for it.

    All sizes, and the checksums of a snapshot of up to WHOLE bytes; of a larger one those of
    files of up to SMALL: to read 4.8 GB took 6 seconds on two busy cores.

    Returns:
        Whether every file was compared.

    Raises:
        SnapshotError: One differs; the message names it.
    """
    sizes = {name: facts["bytes"] for name, facts in manifest.files.items()}
    whole = sum(sizes.values()) <= WHOLE
    _verify(folder, manifest, [name for name, size in sizes.items() if whole or size <= SMALL])
    return whole


def verify_slowly(folder: Path, manifest: Manifest, stop: threading.Event) -> None:
    """Compare every file with its checksum, one after another, until `stop` is set.

    For a thread beside others: it reads in pieces, waits for no lock of theirs, and what it
    reads is not kept in memory instead of what they use.

    Raises:
        SnapshotError: One differs; the message names it.
    """
    for name, facts in manifest.files.items():
        path = folder / name
        try:
            found = _checksum_slowly(path, stop)
        except OSError as error:
            raise _unreadable(error) from None
        if stop.is_set():
            return
        if found != facts["sha256"]:
            raise _differs(path)


def _verify(folder: Path, manifest: Manifest, compared: Iterable[str]) -> None:
    """See that all files have their sizes, and some of them their checksums."""
    try:
        whole = folder.resolve()
        for name, facts in manifest.files.items():
            path = folder / name
            info = path.stat()
            if info.st_size != facts["bytes"]:
                raise SnapshotError(f"{path} is broken: {info.st_size} bytes, not {facts['bytes']}")
            # To read a pipe or a device would never end.
            if not stat.S_ISREG(info.st_mode) or not path.resolve().is_relative_to(whole):
                raise SnapshotError(f"{path} is broken: it is no file of its own folder")
        names = list(compared)
        found = checksums([folder / name for name in names])
        for name, checksum in zip(names, found, strict=True):
            if checksum != manifest.files[name]["sha256"]:
                raise _differs(folder / name)
    except OSError as error:
        raise _unreadable(error) from None


def _checksum_slowly(path: Path, stop: threading.Event) -> str:
    digest, piece = hashlib.sha256(), bytearray(_CHUNK)
    view = memoryview(piece)
    with path.open("rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):  # newer kernels: what is read once pushes nothing out
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_NOREUSE)
        while not stop.is_set() and (count := file.readinto(piece)):
            digest.update(view[:count])
    return digest.hexdigest()


def _differs(path: Path) -> SnapshotError:
    return SnapshotError(f"{path} is broken: its checksum differs")


def _unreadable(error: OSError) -> SnapshotError:
    return SnapshotError(f"{error.filename} can't be read: {error.strerror}")
