"""Logs what is wrong with a store, the same no more than once in a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

AGAIN_S = 10.0
_MOST = 100  # that are remembered

log = logging.getLogger(__name__)


class Telling:
    """What was logged lately. Safe to use from several threads.

    While a store is gone, every question fails in the same way.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing was logged yet.

        Args:
            clock: Tells the time in seconds.
        """
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def tell(self, error: Exception) -> None:
        """Log an error, unless that was done in the last AGAIN_S seconds."""
        said, now = str(error), self._clock()
        with self._lock:
            if now < self._until.get(said, now):
                return
            if len(self._until) >= _MOST:
                self._until.clear()
            self._until[said] = now + AGAIN_S
        log.error("the cluster does not do what is asked: %s", said)


tell = Telling().tell
