"""Refuses at once what would not find room in a queue, before anything is done for it."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from http import HTTPStatus

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rag.service.observing import Metrics, Refusal
from rag.service.pool import FullError, Pool
from rag.service.problems import problem
from rag.service.work import Work

_TOLD_EVERY_S = 1.0
_SEARCHES = ("/v1/search", "/v1/ask", "/v1/similar", "/v1/papers/")
_ASK = "/v1/ask"

log = logging.getLogger(__name__)


class Admission:
    """Middleware: the first that may refuse.

    A service that is asked ten times as much as it can do has to spend next to nothing on nine of
    ten requests: their bodies are not read, and they are logged once a second all together.
    """

    def __init__(self, app: ASGIApp, work: Work, metrics: Metrics) -> None:
        self._app = app
        self._work = work
        self._metrics = metrics
        self._refused = 0
        self._told = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        pool = self._pool(scope)
        if pool is None or not pool.is_full:
            await self._app(scope, receive, send)
            return
        self._metrics.refused(Refusal.QUEUE_FULL)
        self._tell()
        scope["state"]["quiet"] = True
        await _refusal(pool.retry_after)(scope, receive, send)

    def _pool(self, scope: Scope) -> Pool | None:
        """Whose queue a request would wait in; `None` where it does no such work."""
        if scope["type"] != "http" or not scope["path"].startswith(_SEARCHES):
            return None
        return self._work.pool_of(writes=scope["path"] == _ASK)

    def _tell(self) -> None:
        self._refused += 1
        now = time.monotonic()
        if now - self._told >= _TOLD_EVERY_S:
            log.warning("the queue is full: %d refused since this was last said", self._refused)
            self._refused, self._told = 0, now


@lru_cache(maxsize=64)
def _refusal(seconds: int) -> JSONResponse:
    """The response that says so; it is sent as it is to as many as come."""
    headers = {"Retry-After": str(seconds)}
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(FullError(seconds)), headers=headers)
