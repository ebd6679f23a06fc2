"""Every request: its id, its line in the log, what is counted of it, its span."""

from __future__ import annotations

import logging
import random
import re
from dataclasses import dataclass
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.service.observing.logs import REQUEST_ID
from rag.service.observing.metrics import Metrics, bounded
from rag.service.observing.spans import SPAN, RequestSpan, Tracing

HEADER = b"x-request-id"
CLIENT_LEFT = 499  # as nginx has it: nobody is there to be told a status
_FAILED = 500
_UNKNOWN = "unknown"
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds, by machines

log = logging.getLogger("rag.access")


class Requests:
    """Names every request, measures it, logs a line of it, counts it and traces it.

    The id is the client's `X-Request-ID` where that is a plain one, and goes back with every
    response. Responses pass as they come.

    Its place is around all else, what answers unexpected errors included: a middleware that is
    added to an app is within that, and sees nothing of those answers.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and see what becomes of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = _id_of(scope)
        scope.setdefault("state", {})["request_id"] = name
        span = self._tracing.begin(name, scope["headers"]) if self._tracing else None
        seen = _Seen(name)
        tokens = REQUEST_ID.set(name), SPAN.set(span)
        begun = perf_counter()
        try:
            await self._app(scope, seen.receiving(receive), seen.sending(send))
        except BaseException:
            seen.failed = True
            raise
        finally:
            self._end(scope, seen, perf_counter() - begun, span)
            REQUEST_ID.reset(tokens[0])
            SPAN.reset(tokens[1])

    def _end(self, scope: Scope, seen: _Seen, seconds: float, span: RequestSpan | None) -> None:
        route, method, status = route_of(scope), bounded(scope["method"]), seen.final_status()
        shown = route or _UNKNOWN
        self._metrics.request_ended(shown, method, status, seconds)
        if span:
            span.answer(scope["method"], route, status)
        quiet = route in _QUIET or "quiet" in scope["state"]
        level = logging.DEBUG if quiet else logging.INFO
        if log.isEnabledFor(level):
            ms, key = round(seconds * 1000, 1), scope["state"].get("key_name")
            fields = {"method": method, "route": shown, "status": status}
            fields |= {"ms": ms, "bytes": seen.bytes} | ({"key": key} if key else {})
            line = "%s %s %d %.1f ms %d bytes" + " key %s" * bool(key)
            log.log(level, line, *fields.values(), extra=fields)


@dataclass(slots=True)
class _Seen:
    """What was seen of one request and its response."""

    name: str
    status: int | None = None
    bytes: int = 0
    left: bool = False
    failed: bool = False

    def receiving(self, receive: Receive) -> Receive:
        """The same, and sees the client leave."""

        async def seeing() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                self._leave()
            return message

        return seeing

    def sending(self, send: Send) -> Send:
        """The same, and sees the response; its start is given the id."""

        async def seeing(message: Message) -> None:
            if message["type"] == "http.response.start":
                if self.status is None:
                    self.status = message["status"]
                headers = [one for one in message.get("headers", ()) if one[0].lower() != HEADER]
                message = {**message, "headers": [*headers, (HEADER, self.name.encode())]}
            elif message["type"] == "http.response.body":
                self.bytes += len(message.get("body", b""))
            try:
                await send(message)
            except OSError:  # so a server says that nobody is there any more
                self._leave()
                raise

        return seeing

    def final_status(self) -> int:
        """What the request is counted as."""
        if self.status is not None and (self.left or not self.failed):
            return self.status
        # One that broke off is a failure too, whatever status it began with.
        return _FAILED

    def _leave(self) -> None:
        self.left = True
        if self.status is None:  # what is sent from now on reaches nobody
            self.status = CLIENT_LEFT


def route_of(scope: Scope) -> str | None:
    """The template of the path of a request that was routed; `None` where none fits."""
    # Of a router that was included, fastapi keeps the route as it became by that beside the
    # route itself, whose path lacks the prefix that it was included with.
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    if route is None and (endpoint := scope.get("endpoint")) is not None:
        # What is no API, such as /docs, is routed without leaving its route behind.
        routes = getattr(scope.get("app"), "routes", ())
        route = next((one for one in routes if _runs(one, endpoint)), None)
    found = getattr(route, "path_format", None) or getattr(route, "path", None)
    return found if isinstance(found, str) else None


def _runs(route: object, endpoint: object) -> bool:
    """Whether a route runs an endpoint, or has that mounted."""
    return any(getattr(route, name, None) is endpoint for name in ("endpoint", "app"))


def _id_of(scope: Scope) -> str:
    """The id that the client gave the request, if it may stand in logs and headers."""
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    # Nothing is secret in it, and a system call would wait for the others' turn to run.
    return given.decode("ascii") if _ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
