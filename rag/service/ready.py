"""Whether the service can answer, found out by a search."""

from __future__ import annotations

import time

from index.errors import NonmunError
from rag.errors import LegsFailedError
from rag.legs import Status
from rag.service.live import Live
from rag.service.pool import LateError, Pool
from rag.service.problems import discreet
from rag.service.schemas import Health

_QUERY = "ready?"
_SECONDS = 5.0  # to find it out
HOLDS_S = 1.0  # who asks more often learns nothing new, and takes nothing from searches
_WAITING = 256


class Readiness:
    """Searches, apart from all requests: those may be many without a search being broken."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._pool = Pool("ready", 1, _WAITING)
        self._told: Health | NonmunError | None = None
        self._until = 0.0

    async def tell(self) -> Health:
        """How the service is.

        Raises:
            NonmunError: A search does not work; it says why.
        """
        try:
            found = await self._pool.run(lambda _: self._find(), _SECONDS)
        except LateError:
            raise LegsFailedError(f"a search takes longer than {_SECONDS:g} s") from None
        if isinstance(found, NonmunError):
            raise found
        return found

    def stop(self) -> None:
        """Let the thread end."""
        self._pool.stop()

    def _find(self) -> Health | NonmunError:
        if self._told is None or time.monotonic() > self._until:
            try:
                self._told = self._search()
            except NonmunError as error:
                self._told = error
            self._until = time.monotonic() + HOLDS_S
        return self._told

    def _search(self) -> Health:
        live = self._live
        searcher = live.searcher
        live.store.forgotten.read()  # requests go on with what was known
        here = searcher.about(_QUERY)
        found = here.search(_QUERY, 1, 1)
        failed = sorted(leg for leg, status in found.legs.items() if status is Status.FAILED)
        # What stands by answers: who takes away all services that do so has none left.
        if failed and not here.snapshot.trouble:
            raise LegsFailedError(f"legs that failed: {', '.join(failed)}")
        version = searcher.snapshot.version
        said = here.snapshot.trouble or live.trouble
        trouble = said and discreet(said, live.store.folder)
        return Health(status="ready", index_version=version, trouble=trouble)
