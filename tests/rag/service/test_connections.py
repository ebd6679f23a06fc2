"""Which connection makes room for another, where the loop has not come to those that close."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from rag.service.connections import Connection, limited

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Transport(asyncio.Transport):
    """Notes what is sent, and that it was closed; nobody is told of it yet."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class Clients:
    """Opens connections of one service, which may have so many."""

    def __init__(self, most: int) -> None:
        self._kind = limited(most, 60.0)
        self._config = uvicorn.Config(_reply, http=self._kind, lifespan="off", log_config=None)
        self._config.load()
        self._state = ServerState()

    def connect(self) -> tuple[Connection, Transport]:
        connection = self._kind(self._config, self._state, {}, asyncio.get_running_loop())
        transport = Transport()
        connection.connection_made(transport)
        return connection, transport


async def _reply(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _asked(clients: Clients) -> tuple[Connection, Transport]:
    """One that was served, and is idle."""
    connection, transport = clients.connect()
    connection.data_received(ASK)
    while b"200 OK" not in transport.sent:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    return connection, transport


def test_one_that_is_closing_needs_no_room() -> None:
    async def run() -> None:
        clients = Clients(most=2)
        _, kept = await _asked(clients)
        leaving, _ = clients.connect()
        leaving.cut()  # its time is over
        _, new = clients.connect()
        assert not kept.closed
        assert not new.closed

    asyncio.run(run())


def test_of_those_that_are_open_one_that_never_asked_makes_room_first() -> None:
    async def run() -> None:
        clients = Clients(most=2)
        _, kept = await _asked(clients)
        _, silent = clients.connect()
        _, new = clients.connect()
        assert (kept.closed, silent.closed, new.closed) == (False, True, False)
        _, newer = clients.connect()
        assert (kept.closed, new.closed, newer.closed) == (False, True, False)

    asyncio.run(run())


def test_an_idle_one_makes_room_where_all_have_asked() -> None:
    async def run() -> None:
        clients = Clients(most=2)
        first, second = await _asked(clients), await _asked(clients)
        _, new = clients.connect()
        assert (first[1].closed, second[1].closed, new.closed) == (True, False, False)

    asyncio.run(run())
