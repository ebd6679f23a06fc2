"""What became of many requests, and what the process that served them holds."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load.client import Reply

_SAMPLED = 16  # one reply of so many is looked into
_GOOD = {"ok", "off"}  # of a leg: it ran, or the settings have none
_COUNTER = re.compile(r"^(\w+_total(?:\{.*?\})?) (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Spread:
    """How long requests took, in milliseconds; nan where there were none."""

    count: int
    median: float
    p95: float
    p99: float

    @classmethod
    def of(cls, taken: Sequence[float]) -> Spread:
        """Nearest ranks, so that a p99 is always the time of a request."""
        ordered = sorted(taken)

        def rank(share: float) -> float:
            if not ordered:
                return math.nan
            return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

        return cls(len(ordered), rank(0.5), rank(0.95), rank(0.99))

    def __str__(self) -> str:
        return f"median {self.median:.1f}, p95 {self.p95:.1f}, p99 {self.p99:.1f} ms"


@dataclass
class Tally:
    """What became of requests.

    Attributes:
        taken: Milliseconds of those with status 200, in the order in which they ended.
        refused: Milliseconds of those with status 503.
        without_retry: How many of the refused don't say when to come again.
        errors: All others, by status or exception.
        degraded: Sampled replies in which a leg was not run as it should.
    """

    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    without_retry: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    degraded: int = 0

    def note(self, reply: Reply) -> None:
        """Count a reply."""
        if reply.status == 200:
            self.taken.append(reply.ms)
            if len(self.taken) % _SAMPLED == 1:
                self._look_into(reply.body)
        elif reply.status == 503:
            self.refused.append(reply.ms)
            self.without_retry += b"retry-after" not in reply.headers
        else:
            self.errors[str(reply.status)] += 1

    def fail(self, error: Exception) -> None:
        """Count a request that got no reply."""
        self.errors[type(error).__name__] += 1

    @property
    def spread(self) -> Spread:
        """Of those with status 200."""
        return Spread.of(self.taken)

    @property
    def failed(self) -> int:
        """How many had neither 200 nor 503."""
        return self.errors.total()

    def _look_into(self, body: bytes) -> None:
        reply = json.loads(body)
        if isinstance(reply, dict) and not set(reply.get("legs", {}).values()) <= _GOOD:
            self.degraded += 1


def shown(errors: Counter[str]) -> str:
    """Errors in words, "0" where there are none."""
    return ", ".join(f"{count} {name}" for name, count in errors.most_common()) or "0"


def memory(pid: int) -> float:
    """Resident megabytes of a process and those it started."""
    return sum(_resident(one) for one in _family(pid))


def connections(pid: int) -> int:
    """How many sockets a process and those it started hold."""
    held = 0
    for one in _family(pid):
        for link in Path(f"/proc/{one}/fd").glob("*"):
            try:
                held += str(link.readlink()).startswith("socket:")
            except OSError:  # closed meanwhile
                continue
    return held


def counters(metrics: str) -> dict[str, float]:
    """The counters on a page of `/metrics`, but for those of the process itself."""
    return {
        name: float(value)
        for name, value in _COUNTER.findall(metrics)
        if not name.startswith(("process_", "python_"))
    }


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text(encoding="ascii").split()
        except OSError:  # ended meanwhile
            continue
        for child in children:
            found += _family(int(child))
    return found


def _resident(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found.group(1)) / 1024 if found else 0.0
