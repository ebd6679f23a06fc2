"""The snapshot that is served: opened, watched, and replaced when another is published."""

from __future__ import annotations

import logging
import threading

from index.errors import NonmunError, SnapshotError
from index.store import Store
from rag.rerank import open_reranker
from rag.search import Searcher
from rag.settings import Settings

WATCH_SECONDS = 1.0
MAX_WATCH_SECONDS = 30.0
_WARM_UP = "warm up 준비"

log = logging.getLogger(__name__)


class Live:
    """Holds the searcher of the live version.

    A request takes the searcher once and keeps it to its end, so that it never sees half of
    two versions; a version that was replaced is closed when the last request lets it go.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self._settings = settings
        self._reranker = open_reranker(settings.rerank)  # one for all versions
        self._searcher: Searcher | None = None
        self._stop = threading.Event()
        self._opening = threading.Lock()

    @property
    def searcher(self) -> Searcher:
        """The live searcher.

        Raises:
            SnapshotError: None could be opened yet.
        """
        if self._searcher is None:
            raise SnapshotError(f"no index in {self.store.folder} can be served yet")
        return self._searcher

    def refresh(self) -> None:
        """Open the live version if it is not the one that is served.

        Raises:
            NonmunError: It can't be opened; what was served before goes on.
        """
        with self._opening:
            version = self.store.live()
            served = self._searcher
            if served and served.snapshot.version == version:
                return
            searcher = Searcher(
                self.store.open_live(), self._settings.search, self._settings.rerank, self._reranker
            )
            searcher.search(_WARM_UP)  # the first query loads the encoder and the analyser
            self._searcher = searcher
            if served:
                log.info("version %s is served from now on", searcher.snapshot.version)

    def watch(self) -> None:
        """Refresh every second, in a thread of its own, until `close`."""
        threading.Thread(target=self._watch, name="watch-live", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()

    def _watch(self) -> None:
        wait = WATCH_SECONDS
        while not self._stop.wait(wait):
            try:
                self.refresh()
                wait = WATCH_SECONDS
            # Whatever goes wrong, the version that is served goes on, and it is tried again.
            except Exception as error:
                known = isinstance(error, NonmunError)
                log.error("can't serve the live version: %s", error, exc_info=not known)
                wait = min(wait * 2, MAX_WATCH_SECONDS)
