"""How long a reply took."""

from __future__ import annotations

from time import perf_counter


class Clock:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._begin = perf_counter()

    def ms(self) -> float:
        """Milliseconds by now."""
        return round((perf_counter() - self._begin) * 1000, 3)
