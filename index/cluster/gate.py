"""Keeps all from waiting for a store that is gone: one tries it, the others are told at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

HOLD_S = 1.0  # after a try that failed, nobody tries


class Gate:
    """Whether to try. Safe to use from several threads."""

    def __init__(self, try_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Let all try.

        Args:
            try_s: How long a try may take; after that, the next is let through.
            clock: Tells the time in seconds.
        """
        self._try_s, self._clock = try_s, clock
        self._is_gone = False
        self._again = 0.0
        self._lock = threading.Lock()

    def opens(self) -> bool:
        """Whether to try now; who is told so says afterwards how it went."""
        with self._lock:
            if not self._is_gone:
                return True
            now = self._clock()
            if now < self._again:
                return False
            self._again = now + self._try_s + HOLD_S  # this one tries for all
            return True

    def worked(self) -> None:
        """Somebody was there."""
        self._is_gone = False

    def failed(self) -> None:
        """Nobody was there."""
        with self._lock:
            self._is_gone = True
            self._again = self._clock() + HOLD_S
