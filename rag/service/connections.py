"""Connections: how many, how long, and how much of a request before there is a request.

uvicorn's protocol over httptools, which has no such limits: a client that sends a byte a second,
never reads, or only connects, is cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from rag.service.observing.metrics import Refusal

MAX_HEAD = 32_768  # bytes of a request's first line and headers
MAX_HEADERS = 100
LEAST_READ = 1_000  # bytes of a reply a second, where it does not fit the buffers
_RETRY_AFTER = 1
_REASONS = {
    HTTPStatus.SERVICE_UNAVAILABLE: Refusal.TOO_MANY_CONNECTIONS,
    HTTPStatus.REQUEST_TIMEOUT: Refusal.TOO_SLOW,
}


class Connections:
    """The connections of a process that have no request under way.

    Where there are too many, those on which nothing was ever asked go first: a crowd that only
    connects drives out itself, and none of the clients that were served before it.
    """

    def __init__(self, most: int, idle_s: float) -> None:
        """Limit connections.

        Args:
            most: How many may be open.
            idle_s: How long one may take for the head of a request, beginning where it is
                opened or the last request ended; and how long it may read next to nothing.
        """
        self.most = most
        self.idle_s = idle_s
        self.on_refusal: Callable[[Refusal], None] = lambda _: None
        # Both oldest first.
        self._never_asked: dict[Connection, None] = {}
        self._idle: dict[Connection, None] = {}

    def wait(self, connection: Connection) -> None:
        """A connection has no request now."""
        (self._idle if connection.has_asked else self._never_asked)[connection] = None

    def forget(self, connection: Connection) -> None:
        """A connection has one, or is no more."""
        self._never_asked.pop(connection, None)
        self._idle.pop(connection, None)

    def make_room(self) -> bool:
        """Close a connection that has no request; whether there was one.

        It is the oldest of those on which nothing was ever asked, or else the one that has had no
        request for the longest.
        """
        oldest = next(iter(self._never_asked or self._idle), None)
        if oldest is None:
            return False
        self.forget(oldest)
        oldest.cut()
        return True


class Connection(HttpToolsProtocol):
    """A connection that keeps to the limits. Made through `limited`."""

    limits: Connections

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.has_asked = False  # whether the head of a request ever came whole
        self._begun = False  # whether the head of a request is being read
        self._fed = 0  # bytes, since it was begun before
        self._parsed = 0  # bytes of its headers
        self._refusal: HTTPStatus | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._unread = 0  # bytes of the reply that wait to be sent

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it on, or refuse it where all others are at work."""
        super().connection_made(transport)
        if self._are_too_many() and not self.limits.make_room():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let it go."""
        self.limits.forget(self)
        self._stop(self._head_timer)
        self._stop(self._write_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, up to the limits."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        # What httptools holds back of a line that does not end is never told of otherwise.
        if self._begun and not self.transport.is_closing():
            self._fed += len(data)
            if self._fed > MAX_HEAD:
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too large"
                )

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._begun = True
        self._fed = self._parsed = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the first line."""
        super().on_url(url)
        if len(self.url) > MAX_HEAD // 4:
            self._refusal = HTTPStatus.REQUEST_URI_TOO_LONG
            raise ValueError("the address is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, whole."""
        super().on_header(name, value)
        self._parsed += len(name) + len(value)
        if len(self.headers) > MAX_HEADERS or self._parsed > MAX_HEAD:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError("the headers are too many or too large")

    def on_headers_complete(self) -> None:
        """The head is here; what is to be done is."""
        self._begun = False
        self.has_asked = True
        self._stop(self._head_timer)
        self._head_timer = None
        self.limits.forget(self)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """A reply is sent; another request may come."""
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self._await_head()

    def send_400_response(self, msg: str) -> None:
        """What httptools can't read, or this class refuses while it does."""
        self._refuse(self._refusal or HTTPStatus.BAD_REQUEST, msg)

    def pause_writing(self) -> None:
        """The client reads more slowly than the reply comes."""
        super().pause_writing()
        self._await_reading()

    def resume_writing(self) -> None:
        """It has read on."""
        self._stop(self._write_timer)
        self._write_timer = None
        super().resume_writing()

    def cut(self) -> None:
        """Close it, with what was sent of a request unanswered."""
        if self._begun:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request did not come in time")
        else:
            self._close()

    def _are_too_many(self) -> bool:
        """Whether more are open than may be.

        Those that are closing are there until the loop comes to them, and need no room any more.
        """
        most = self.limits.most
        if len(self.connections) <= most:
            return False
        return sum(not one.transport.is_closing() for one in self.connections) > most

    def _await_reading(self) -> None:
        self._stop(self._write_timer)
        self._unread = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(self.limits.idle_s, self._check_reading)

    def _check_reading(self) -> None:
        read = self._unread - self.transport.get_write_buffer_size()
        if read < LEAST_READ * self.limits.idle_s:
            self.limits.on_refusal(Refusal.TOO_SLOW)
            self.transport.abort()
        else:
            self._await_reading()

    def _await_head(self) -> None:
        self._stop(self._head_timer)
        self._head_timer = self.loop.call_later(self.limits.idle_s, self.cut)
        self.limits.wait(self)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Say why, and close; there is no request that the app could answer."""
        self.limits.on_refusal(_REASONS.get(status, Refusal.NO_REQUEST))
        body = reason.encode()
        head = [
            STATUS_LINE[status],
            b"content-type: text/plain; charset=utf-8\r\n",
            b"content-length: %d\r\n" % len(body),
        ]
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            head.append(b"retry-after: %d\r\n" % _RETRY_AFTER)
        if not self.transport.is_closing() and not self._is_replying():
            self.transport.write(b"".join([*head, b"connection: close\r\n\r\n", body]))
        self._close()

    def _is_replying(self) -> bool:
        """Whether what is written now would pass for a part of another reply."""
        cycle = self.cycle
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        return begun or bool(self.pipeline)

    def _close(self) -> None:
        """Close it, also where the client does not read what is left to be sent."""
        self.limits.forget(self)
        self._stop(self._head_timer)
        self._head_timer = None
        self.transport.close()
        self._stop(self._write_timer)
        self._write_timer = self.loop.call_later(self.limits.idle_s, self.transport.abort)

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def limited(most: int, idle_s: float) -> type[Connection]:
    """The class of connections that share limits, for uvicorn to make them of."""
    found: type[Connection] = type(
        "Connection", (Connection,), {"limits": Connections(most, idle_s)}
    )
    return found
