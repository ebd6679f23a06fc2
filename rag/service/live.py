"""The snapshot that is served: opened, watched, and replaced when another is published."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from index.cluster.store import ClusterStore
from index.errors import ClusterError, NonmunError, SnapshotError
from index.forgotten import Forgotten
from index.language import language_of
from index.snapshot import Snapshot
from index.store import Opened, Store
from rag.rerank import open_reranker
from rag.search import Searcher
from rag.service.comparing import Comparing
from rag.service.problems import CLUSTER_FAILS
from rag.settings import Settings

WATCH_SECONDS = 0.25
RETRY_SECONDS = 15.0  # for a version that can't be opened
_WARM_UP = "warm up 준비"
_ENGLISH = "warm up"  # what is in Korean needs no model to be told

log = logging.getLogger(__name__)


class Live:
    """Holds the searcher of the live version.

    A request takes the searcher once and keeps it to its end, so that it never sees half of
    two versions; a version that was replaced is closed when the last request lets it go. What
    is forgotten while a version is served is gone with the next request.
    """

    def __init__(self, store: Store | ClusterStore, settings: Settings) -> None:
        self.store = store
        self._settings = settings
        self._reranker = open_reranker(settings.rerank)  # one for all versions
        self._searcher: Searcher | None = None
        self._forgotten: Forgotten | None = None
        self._trouble: str | None = None
        self._complaint: str | None = None  # why what is forgotten is as it was last known
        self._broken: dict[str, tuple[tuple[object, ...], str]] = {}  # its state, what is wrong
        self._comparing = Comparing(self._leave)
        self._changing = threading.Lock()
        self._stop = threading.Event()
        self._opening = threading.Lock()

    @property
    def searcher(self) -> Searcher:
        """The live searcher.

        Raises:
            SnapshotError: None could be opened yet.
        """
        searcher = self._searcher
        if searcher is None:
            raise SnapshotError(f"no index in {self.store.folder} can be served yet")
        forgotten = self._read_forgotten()
        if searcher.forgotten == forgotten:
            return searcher
        with self._changing:
            # Another version may be served by now; it is not to be lost.
            self._searcher = (self._searcher or searcher).with_forgotten(forgotten)
            return self._searcher

    def prepare(self, texts: Sequence[str]) -> None:
        """Compute of queries that are searched for next what can be computed ahead."""
        searcher = self._searcher
        if searcher is not None:  # what is forgotten is looked up by each search
            searcher.prepare(texts)

    @property
    def trouble(self) -> str | None:
        """Why another version than the live one is served, if one is."""
        return self._trouble

    def refresh(self) -> None:
        """Open the live version if it is not the one that is served.

        Where nothing is served yet and the live version is broken, the newest that is not is
        served instead.

        Raises:
            NonmunError: It can't be opened; what was served before goes on.
        """
        with self._opening:
            served = self._searcher
            try:
                live = self.store.live()
                broken = live and self._why_broken(live)
                if served and served.snapshot.version == live:
                    if broken:  # and no other is whole
                        return
                    if live not in self._broken:
                        self._trouble = None
                        return
                elif broken:
                    raise SnapshotError(broken)
                snapshot, trouble = self._open(served)
                searcher = self._warm(snapshot, served)
            except NonmunError as error:
                if served:
                    why = CLUSTER_FAILS if isinstance(error, ClusterError) else error
                    self._trouble = f"{why}; version {served.snapshot.version} is still served"
                raise
            with self._changing:
                self._searcher = searcher
            self._broken.pop(snapshot.version, None)
            self._trouble = trouble
            if trouble:
                log.error("%s", trouble)
                if isinstance(self.store, ClusterStore):  # where that is is nobody's business
                    used = f"version {snapshot.version} is used instead"
                    self._trouble = f"{CLUSTER_FAILS}; {used}"
            elif served:
                log.info("version %s is served from now on", snapshot.version)

    def _open(self, served: Searcher | None) -> Opened:
        return Opened(self.store.open_live(), None) if served else self.store.open_best()

    def _warm(self, snapshot: Snapshot, served: Searcher | None) -> Searcher:
        """What searches a snapshot, its first query behind it: that loads what all need."""
        if served:
            snapshot.borrow(served.snapshot)
        searcher = Searcher(
            snapshot,
            self._settings.search,
            self._settings.rerank,
            self._reranker,
            self._read_forgotten(),
        )
        searcher.search(_WARM_UP)
        language_of(_ENGLISH)
        return searcher

    def _leave(self, snapshot: Snapshot, error: SnapshotError) -> None:
        """Serve the newest version that is whole instead of one that turned out to be broken.

        Where there is none, it is still served: most of it may be as it should be.
        """
        with self._opening:
            served = self._searcher
            if served is None or served.snapshot is not snapshot:
                return
            self._broken[snapshot.version] = (self.store.state_of(snapshot.version), str(error))
            searcher = self._newest_whole(served)
            if searcher is None:
                self._trouble = f"{error}; no other version is whole, so it is still served"
            else:
                with self._changing:
                    self._searcher = searcher
                self._trouble = f"{error}; version {searcher.snapshot.version} is used instead"
            log.error("%s", self._trouble)

    def _newest_whole(self, served: Searcher) -> Searcher | None:
        for one in self.store.versions():
            if not self._why_broken(one.version):
                try:
                    return self._warm(self.store.open_whole(one.version), served)
                except NonmunError as error:
                    log.error("can't serve version %s: %s", one.version, error)
        return None

    def _why_broken(self, version: str) -> str | None:
        """What was found wrong with a version, if it was not written anew since."""
        state, reason = self._broken.get(version, ((), None))
        return reason if state == self.store.state_of(version) else None

    def watch(self) -> None:
        """Refresh four times a second, in a thread of its own, until `close`.

        A version that was too large to compare all of it when it was opened is compared beside.
        """
        self._stop = threading.Event()
        threading.Thread(
            target=self._watch, args=(self._stop,), name="watch-live", daemon=True
        ).start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._comparing.stop()

    def _read_forgotten(self) -> Forgotten:
        """What is forgotten; what was last known if the list can't be read any more.

        Raises:
            SnapshotError: It can't be read and never was.
        """
        try:
            self._forgotten, self._complaint = self.store.forgotten.read(), None
        except (SnapshotError, ClusterError) as error:
            if self._forgotten is None:
                raise
            with self._changing:
                if str(error) != self._complaint:
                    self._complaint = str(error)
                    log.error("what is forgotten is as it was: %s", error)
        return self._forgotten

    def _watch(self, stop: threading.Event) -> None:
        failed: tuple[object, ...] | None = None
        again = 0.0
        while not stop.wait(WATCH_SECONDS):
            searcher = self._searcher
            if searcher:  # here, for what serves may be forked off, without its threads
                self._comparing.of(searcher.snapshot)
            version: tuple[object, ...] = ()
            try:
                with suppress(NonmunError):  # then it is tried again after a while
                    version = self.store.live_state()
                if version == failed and time.monotonic() < again:
                    continue
                self.refresh()
                failed = None
            # Whatever goes wrong, the version that is served goes on, and it is tried again.
            except Exception as error:
                known = isinstance(error, NonmunError)
                log.error("can't serve the live version: %s", error, exc_info=not known)
                failed, again = version, time.monotonic() + RETRY_SECONDS
