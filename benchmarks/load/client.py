"""A client that costs little: it shares the CPUs with the service that it measures."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Target:
    """A running service: where it listens, and its process."""

    host: str
    port: int
    pid: int

    @classmethod
    def of(cls, url: str, pid: int) -> Target:
        """Name a target by the address that its service shows."""
        parts = urlsplit(url)
        return cls(parts.hostname or "127.0.0.1", parts.port or 80, pid)


@dataclass(frozen=True)
class Reply:
    """A whole reply.

    Attributes:
        status: Such as 200.
        headers: By their names in lower case.
        body: As it came.
        ms: From the request's first byte to the reply's last, connecting not included.
    """

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    ms: float


class CutOffError(ConnectionError):
    """The service closed a connection before it had replied.

    Attributes:
        silent: It had not begun to.
    """

    def __init__(self, reason: str, silent: bool) -> None:
        super().__init__(reason)
        self.silent = silent


def get(path: str) -> bytes:
    """A GET request."""
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()


def post(path: str, body: dict[str, Any]) -> bytes:
    """A POST request with a JSON body."""
    content = json.dumps(body, ensure_ascii=False).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def search(query: str) -> bytes:
    """A search with the settings of the service."""
    return post("/v1/search", {"query": query})


class _Connection(asyncio.Protocol):
    """One connection; a request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[int, dict[bytes, bytes]] | None = None
        self._whole = 0  # bytes of the reply, once its head was read
        self._begun = 0.0
        self._waiter: asyncio.Future[Reply] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        silent = self._head is None and not self._buffer
        self._fail(CutOffError("closed" if exc is None else str(exc), silent))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = _parse(bytes(self._buffer[:end]))
            length = self._head[1].get(b"content-length")
            if length is None:
                self._fail(ValueError("a reply without content-length"))
                self.close()
                return
            self._whole = end + 4 + int(length)
        if len(self._buffer) >= self._whole and self._waiter and not self._waiter.done():
            (status, headers), whole = self._head, self._whole
            body = bytes(self._buffer[whole - int(headers[b"content-length"]) : whole])
            del self._buffer[:whole]
            self._head = None
            ms = (time.perf_counter() - self._begun) * 1000
            if headers.get(b"connection", b"").lower() == b"close":
                self.close()
            self._waiter.set_result(Reply(status, headers, body, ms))

    def ask(self, request: bytes) -> asyncio.Future[Reply]:
        """Send a request; the future has its reply, or what went wrong."""
        self._waiter = asyncio.get_running_loop().create_future()
        if self.transport is None:
            self._fail(CutOffError("closed", silent=True))
        else:
            self._begun = time.perf_counter()
            self.transport.write(request)
        return self._waiter

    def close(self) -> None:
        """Leave, whatever is under way."""
        if self.transport is not None:
            self.transport.abort()
            self.transport = None

    def _fail(self, error: Exception) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(error)


def _parse(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = head.split(b"\r\n")
    pairs = (line.split(b":", 1) for line in lines)
    return int(first.split(b" ", 2)[1]), {name.lower(): value.strip() for name, value in pairs}


class Client:
    """A client that keeps its connection and opens another where the service closed it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection: _Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    async def ask(self, request: bytes, timeout_s: float = TIMEOUT_S) -> Reply:
        """Send a request and wait for the whole reply.

        A service may close a connection at the moment when the next request is sent; as other
        clients do, this one then sends it once more, over a new one.

        Raises:
            TimeoutError: No whole reply came in time.
            OSError: The service does not take the connection, or closed it.
        """
        try:
            async with asyncio.timeout(timeout_s):
                if self._connection is not None and self._connection.transport is not None:
                    try:
                        return await self._connection.ask(request)
                    except CutOffError as error:
                        if not error.silent:
                            raise
                _, self._connection = await asyncio.get_running_loop().create_connection(
                    _Connection, self._target.host, self._target.port
                )
                return await self._connection.ask(request)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave, whatever is under way."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
