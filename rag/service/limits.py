"""How much of a request is read, and for how long."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.service.observing.metrics import Metrics, Refusal
from rag.service.problems import problem

MAX_BODY = 1_000_000


class BodyLimit:
    """Reads a body whole before the app sees any of it, and refuses what is no plain, small one.

    A body that drips, or never ends, keeps its connection and nothing else.
    """

    def __init__(self, app: ASGIApp, seconds: float, metrics: Metrics) -> None:
        """Limit an app.

        Args:
            app: What answers.
            seconds: How long a body may take.
            metrics: Told what is refused.
        """
        self._app = app
        self._seconds = seconds
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limits, then let the app read it again."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refused(Headers(scope=scope))
        messages: list[Message] = []
        if refused is None:
            try:
                async with asyncio.timeout(self._seconds):
                    refused = await self._read(receive, messages)
            except TimeoutError:
                self._metrics.refused(Refusal.TOO_SLOW)
                detail = f"the body did not come within {self._seconds:g} s"
                refused = _closing(HTTPStatus.REQUEST_TIMEOUT, detail)
        if refused is not None:
            await refused(scope, receive, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)

    def _refused(self, headers: Headers) -> Response | None:
        """What is wrong with a body that can be told before it is read."""
        coding = headers.get("content-encoding", "identity")
        if coding.strip().lower() != "identity":  # a few kilobytes can become gigabytes
            detail = "send the body as it is, without a content-encoding"
            return _closing(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
        length = headers.get("content-length", "0")
        return self._too_large() if length.isdecimal() and int(length) > MAX_BODY else None

    async def _read(self, receive: Receive, messages: list[Message]) -> Response | None:
        read = 0
        while True:
            message = await receive()
            messages.append(message)
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                return self._too_large()
            if not message.get("more_body"):
                return None

    def _too_large(self) -> Response:
        self._metrics.refused(Refusal.TOO_LARGE)
        return _closing(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {MAX_BODY:,} bytes")


def _closing(status: HTTPStatus, detail: str) -> Response:
    """A refusal after which the connection is closed: there may be more of the body to come."""
    return problem(status, detail, headers={"Connection": "close"})
