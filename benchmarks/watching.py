"""What a process takes: seconds, and memory of its own and of files that it has mapped."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_EVERY = 0.05  # seconds


class Memory(NamedTuple):
    """Megabytes: a process's own, and pages of files, which others may share or take away."""

    anonymous: float
    mapped: float


def memory() -> Memory:
    """Of this process, now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = {
        name: int(size) / 1024
        for name, size in re.findall(r"^(RssAnon|RssFile|RssShmem):\s+(\d+) kB", status, re.M)
    }
    return Memory(found["RssAnon"], found["RssFile"] + found["RssShmem"])


class Watched:
    """Seconds, and the most memory, of what is done inside."""

    def __enter__(self) -> Self:
        self._most = memory()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._begin, self._cpu = time.perf_counter(), time.process_time()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wall = time.perf_counter() - self._begin
        self._cpu = time.process_time() - self._cpu
        self._done.set()
        self._thread.join()

    def figures(self) -> dict[str, float]:
        """Seconds on the wall and of all CPUs; the most megabytes, own and mapped."""
        return {"wall": self._wall, "cpu": self._cpu, **self._most._asdict()}

    def _watch(self) -> None:
        while not self._done.wait(_EVERY):
            self._most = Memory(*map(max, self._most, memory()))
