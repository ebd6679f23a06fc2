"""The files of a large version that is served, compared with their checksums in the background."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress

from index.errors import SnapshotError
from index.snapshot import Snapshot
from index.verifying import verify_slowly

_LAST = 19  # of all that want the CPU

log = logging.getLogger(__name__)


class Comparing:
    """Compares one snapshot at a time, in a thread that lets all others go first."""

    def __init__(self, on_broken: Callable[[Snapshot, SnapshotError], None]) -> None:
        """Wait for a snapshot.

        Args:
            on_broken: Told, in that thread, of a snapshot that has another file than it should.
        """
        self._on_broken = on_broken
        self._snapshot: Snapshot | None = None
        self._stop = threading.Event()

    def of(self, snapshot: Snapshot) -> None:
        """Compare this one from now on and no other, unless that was done."""
        if snapshot is self._snapshot:
            return
        self.stop()
        self._snapshot, self._stop = snapshot, threading.Event()
        if not snapshot.compared:
            threading.Thread(
                target=self._compare, args=(snapshot, self._stop), name="compare", daemon=True
            ).start()

    def stop(self) -> None:
        """Compare no more."""
        self._stop.set()
        self._snapshot = None

    def _compare(self, snapshot: Snapshot, stop: threading.Event) -> None:
        with suppress(OSError, AttributeError):  # on Linux a thread has a priority of its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LAST)
        try:
            verify_slowly(snapshot.folder, snapshot.manifest, stop)
        except SnapshotError as error:
            if not stop.is_set():
                self._on_broken(snapshot, error)
            return
        if not stop.is_set():
            snapshot.compared = True
            log.info("every file of version %s is as it was published", snapshot.version)
