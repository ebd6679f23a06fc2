"""Locks that the kernel lets go when their process ends, however it ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Self

try:
    import fcntl
except ImportError:  # Windows: a file that is open can't be deleted there anyway
    fcntl = None  # type: ignore[assignment]


class Lease:
    """A hold on a file, until `close`, until it is forgotten, or until the process ends."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def fileno(self) -> int:
        """The handle, for a child process that is to share the hold."""
        if self._handle is None:
            raise ValueError("the lease is closed")
        return self._handle

    def close(self) -> None:
        """Let go."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(OSError):  # at the interpreter's end
            self.close()


def share(path: Path) -> Lease:
    """Hold a file together with others; nobody can `take` it meanwhile.

    Raises:
        OSError: There is no such file, or somebody has taken it.
    """
    return _lock(path, os.O_RDONLY, shared=True)


def take(path: Path) -> Lease | None:
    """Hold a file alone; it is made if it is not there. `None` where somebody holds it.

    Raises:
        OSError: It can't be opened.
    """
    try:
        return _lock(path, os.O_RDWR | os.O_CREAT, shared=False)
    except BlockingIOError:
        return None


def is_taken(path: Path) -> bool:
    """Whether somebody holds a file alone."""
    try:
        share(path).close()
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def is_open_in(path: Path, process: int) -> bool:
    """Whether a process has a file open; yes where the system can't tell."""
    if not Path("/proc/self/fd").exists():  # not Linux
        return True
    try:
        wanted = path.stat()
        handles = list(Path(f"/proc/{process}/fd").iterdir())
    except OSError:
        return False
    for handle in handles:
        with suppress(OSError):  # closed meanwhile
            if os.path.samestat(handle.stat(), wanted):
                return True
    return False


def _lock(path: Path, flags: int, *, shared: bool) -> Lease:
    # Where somebody has put a pipe in its place, to open it would wait for whoever writes to it.
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    lease = Lease(os.open(path, flags, 0o644))
    if fcntl is not None:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(lease.fileno(), kind | fcntl.LOCK_NB)
        except OSError:
            lease.close()
            raise
    return lease
