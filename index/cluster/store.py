"""A cluster as a service sees it: as much of `Store` as is asked by who serves what is live."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from index.cluster.base import ClusterSettings, Tables
from index.cluster.forgetting import ClusterForgotten
from index.cluster.gathering import Gatherer
from index.cluster.reading import Reader, fetch
from index.cluster.registry import open_tables
from index.cluster.standby import Standby
from index.cluster.versions import ClusterVersions
from index.errors import ClusterError, NonmunError, SnapshotError
from index.forgotten import Forgotten
from index.manifest import LAYOUT, read_manifest
from index.report import Report
from index.snapshot import Snapshot
from index.store import NAME, Opened, Version
from index.threads import beside

CACHE = "cluster"  # the folder of the cache, in that of the data
POLL_S = 1.0  # what is live, and what is forgotten, is asked for no more often
_SEARCHES = 24  # that wait for the store at a time, of all questions

T = TypeVar("T")


class ClusterStore:
    """Reads what is published in a cluster. Safe to use from several threads.

    It keeps nothing but a cache, and connects when it is asked for the first time: a process that
    was forked can't use a connection from before.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        folder: Path,
        connect: Callable[[ClusterSettings], Tables] | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            settings: They name the cluster.
            folder: For the cache.
            connect: Opens the store; `None` does what the settings say.
        """
        self.folder = folder
        self._settings, self._connect = settings, connect or open_tables
        self._lock = threading.Lock()
        self._versions: ClusterVersions | None = None
        self._threads = ThreadPoolExecutor(_SEARCHES, thread_name_prefix="cluster")
        self._live = _Polled(lambda: self._there.live())
        self.forgotten = PolledForgotten(self._read_forgotten)
        self._list: ClusterForgotten | None = None
        self._last: Snapshot | None = None  # its encoders are used again
        self._standby: Standby | None = None

    def live(self) -> str | None:
        """The live version; `None` before anything is published. Asked for once a second.

        Raises:
            ClusterError: The cluster does not say.
        """
        return self._live.get()

    def live_state(self) -> tuple[object, ...]:
        """What is another when another version is live; asked for once a second.

        What is forgotten is read anew then.

        Raises:
            ClusterError: The cluster does not say.
        """
        with suppress(ClusterError):  # what was known holds until it can be read
            self.forgotten.refresh()
        live = self._live.get()
        return () if live is None else self.state_of(live)

    def state_of(self, version: str) -> tuple[object, ...]:
        """What is another when a version was written anew, which is never done here."""
        return (version,)

    def open_live(self, *, whole: bool = False) -> Snapshot:
        """Open the live version: without papers, which are gathered for each question.

        Args:
            whole: Makes no difference: what is read is compared with its checksum anyway.

        Raises:
            NonmunError: Nothing is published, or it can't be read.
        """
        live = self._there.live()
        if live is None:
            raise ClusterError(
                f"nothing is published in {self._settings.uri} under {self._settings.prefix};"
                " run nonmun push where the index is"
            )
        return self.open_whole(live)

    def open_best(self, *, whole: bool = False) -> Opened:
        """Open the live version, or where it can't be read the newest that can.

        Raises:
            NonmunError: There is none; the message tells of the live one.
        """
        try:
            return Opened(self.open_live(), None)
        except NonmunError as error:
            live = self.live()
            for one in self._there.versions():
                if one.version != live:
                    with suppress(NonmunError):
                        complaint = f"{error}; version {one.version} is used instead"
                        return Opened(self.open_whole(one.version), complaint)
            raise

    def open_whole(self, version: str) -> Snapshot:
        """Open a published version.

        Raises:
            NonmunError: It can't be read.
        """
        reader = Reader(self._there, version, self.folder, self._last)
        standby = Standby(reader, self._settings.standby) if self._settings.standby else None
        if self._standby is not None:
            self._standby.close()
        self._standby = standby
        self._last = Gatherer(reader, self._threads, standby).snapshot
        self._clear(version)
        return self._last

    def _clear(self, version: str) -> None:
        """Delete the small files of versions that the cluster has no longer."""
        with suppress(ClusterError, OSError):
            # First: of a version that comes meanwhile, another process may have files already.
            folders = list(self.folder.iterdir())
            there = {version, *(one.version for one in self._there.versions())}
            for folder in folders:
                if folder.name not in there and NAME.fullmatch(folder.name):
                    shutil.rmtree(folder, ignore_errors=True)

    def versions(self) -> list[Version]:
        """All published versions, the one that was pushed last first.

        Raises:
            ClusterError: The cluster does not say.
        """
        found = []
        for one in self._there.versions():
            folder = self.folder / one.version
            fetch(self._there, one.version, one.seal, folder, (LAYOUT.manifest, LAYOUT.report))
            with suppress(SnapshotError):  # of another nonmun
                manifest = read_manifest(folder)
                found.append(Version(one.version, one.live, manifest, Report.read(folder)))
        return found

    def activate(self, version: str) -> None:
        """Make a published version live, for all who read the cluster.

        Raises:
            UnknownVersionError: There is no such version.
            ClusterError: The cluster does not do it.
        """
        self._there.activate(version)
        self._live.forget()

    def close(self) -> None:
        """Let go of the connection."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._standby is not None:
            self._standby.close()
        with self._lock:
            if self._versions is not None:
                self._versions.tables.close()
                self._versions = None

    @property
    def _there(self) -> ClusterVersions:
        with self._lock:
            if self._versions is None:
                tables = self._connect(self._settings)
                self._versions = ClusterVersions(tables, self._settings.prefix)
            return self._versions

    def _read_forgotten(self) -> Forgotten:
        there = self._there
        with self._lock:
            if self._list is None:
                self._list = ClusterForgotten(there.tables, self._settings.prefix)
            return self._list.read()


class _Polled:
    """A value that is asked for no more often than every POLL_S, by whoever comes first."""

    def __init__(self, ask: Callable[[], str | None]) -> None:
        self._ask = ask
        self._value: str | None = None
        self._until = 0.0
        self._lock = threading.Lock()

    def get(self) -> str | None:
        """The value, asked for now if it is old.

        Raises:
            ClusterError: The cluster does not say.
        """
        with self._lock:
            if time.monotonic() >= self._until:
                self._value = self._ask()
                self._until = time.monotonic() + POLL_S
            return self._value

    def forget(self) -> None:
        """Ask anew the next time."""
        with self._lock:  # who asks now was told of what was before
            self._until = 0.0


class PolledForgotten:
    """What is forgotten, as it was when it was asked for last; a request does not wait for it."""

    def __init__(self, ask: Callable[[], Forgotten]) -> None:
        self._ask = ask
        self._known: Forgotten | None = None
        self._until = 0.0
        self._asking = threading.Lock()

    def read(self) -> Forgotten:
        """What is forgotten.

        Raises:
            ClusterError: It was never read, and can't be.
        """
        if self._known is None:
            self.refresh()
        elif time.monotonic() >= self._until + POLL_S and self._asking.acquire(blocking=False):
            # Who watches opens another version, for as long as the cluster takes to load it.
            beside(self._refreshed)
        known = self._known
        if known is None:
            raise ClusterError("what is forgotten was not read yet")
        return known

    def refresh(self) -> None:
        """Ask the cluster, if that was not done in the last second.

        Raises:
            ClusterError: It does not say.
        """
        if time.monotonic() >= self._until:
            self._known = self._ask()
            self._until = time.monotonic() + POLL_S

    def _refreshed(self) -> None:
        try:
            self.refresh()
        finally:
            self._asking.release()

    def changed_since(self, moment: datetime) -> bool:
        """Whether anything may have been forgotten since; a cluster does not keep when."""
        return bool(self._known)
