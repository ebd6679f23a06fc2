"""The load client and its figures, against servers whose behaviour is known."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from itertools import islice

import numpy as np
import pytest

from benchmarks.load.client import Client, CutOffError, Reply, Target, get, post
from benchmarks.load.figures import Spread, Tally, connections, counters, memory
from benchmarks.load.questions import distinct

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _with_server(handle: Handle, ask: Callable[[Target], Awaitable[None]]) -> None:
    async def run() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await ask(Target("127.0.0.1", port, os.getpid()))

    asyncio.run(run())


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return await reader.readexactly(int(length or 0))


def test_replies_in_pieces_and_one_after_the_other_over_one_connection() -> None:
    opened = 0

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while not reader.at_eof():
            try:
                body = await _request(reader)
            except asyncio.IncompleteReadError:
                break
            head = f"HTTP/1.1 503 Busy\r\nRetry-After:7\r\nContent-Length: {len(body)}\r\n\r\n"
            for byte in head.encode() + body:
                writer.write(bytes([byte]))
                await writer.drain()
        writer.close()

    async def ask(target: Target) -> None:
        async with Client(target) as client:
            for text in ("논문", "x" * 300, ""):
                reply = await client.ask(post("/", {"text": text}))
                assert reply.status == 503
                assert reply.headers[b"retry-after"] == b"7"
                assert reply.body.decode() == f'{{"text": "{text}"}}'
                assert reply.ms > 0
            assert (await client.ask(get("/"))).body == b""

    _with_server(echo, ask)
    assert opened == 1


@pytest.mark.parametrize("says_so", [True, False])
def test_a_connection_that_the_service_closed_is_opened_anew(says_so: bool) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        close = b"connection: close\r\n" if says_so else b""
        writer.write(b"HTTP/1.1 200 OK\r\n" + close + b"content-length: 2\r\n\r\nok")
        writer.close()

    async def ask(target: Target) -> None:
        async with Client(target) as client:
            for _ in range(3):
                assert (await client.ask(get("/"))).body == b"ok"
                await asyncio.sleep(0.05)

    _with_server(once, ask)


def test_a_request_that_meets_a_closing_connection_is_sent_once_more() -> None:
    seen: list[int] = []

    async def one_reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await _request(reader)  # it is read, and nobody replies
        seen.append(1)
        writer.close()

    async def ask(target: Target) -> None:
        async with Client(target) as client:
            for _ in range(3):
                assert (await client.ask(get("/"))).body == b"ok"

    _with_server(one_reply, ask)
    assert len(seen) == 2


def test_what_goes_wrong_is_raised() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok")
        writer.close()

    async def cut_off(target: Target) -> None:
        async with Client(target) as client:
            with pytest.raises(CutOffError):
                await client.ask(get("/"))

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def too_late(target: Target) -> None:
        async with Client(target) as client:
            with pytest.raises(TimeoutError):
                await client.ask(get("/"), timeout_s=0.1)

    async def gone(target: Target) -> None:
        async with Client(Target("127.0.0.1", _unused_port(), 0)) as client:
            with pytest.raises(ConnectionRefusedError):
                await client.ask(get("/"))

    _with_server(half, cut_off)
    _with_server(mute, too_late)
    _with_server(mute, gone)


def _unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def test_percentiles_are_those_of_numpy() -> None:
    taken = np.random.default_rng(0).exponential(size=997)
    median, p95, p99 = np.quantile(taken, (0.5, 0.95, 0.99), method="inverted_cdf")
    assert Spread.of(list(taken)) == Spread(997, median, p95, p99)
    assert Spread.of([5.0]) == Spread(1, 5.0, 5.0, 5.0)
    assert np.isnan(Spread.of([]).p99)


def test_replies_are_told_apart() -> None:
    tally = Tally()

    def reply(status: int, body: bytes = b"{}", **headers: bytes) -> None:
        named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
        tally.note(Reply(status, named, body, 1.0))

    reply(200, b'{"legs": {"late": "failed", "dense": "ok"}}')
    reply(503)
    reply(503, retry_after=b"1")
    reply(500)
    tally.fail(TimeoutError())
    assert (len(tally.taken), tally.degraded) == (1, 1)
    assert (len(tally.refused), tally.without_retry) == (2, 1)
    assert tally.errors == {"500": 1, "TimeoutError": 1}


def test_no_question_is_made_twice() -> None:
    for texts in (["one"], ["강화 학습", "diffusion models", "one"]):
        made = list(islice(distinct(texts), 5000))
        assert len(set(made)) == len(made)
        assert made == list(islice(distinct(texts), 5000))


def test_sockets_and_memory_of_a_process() -> None:
    before = connections(os.getpid())
    with socket.socket(), socket.socket():
        assert connections(os.getpid()) == before + 2
    assert memory(os.getpid()) > 10


def test_counters_of_a_page() -> None:
    page = '# HELP a_total b\na_total{by="x y"} 2.0\nb_total 3\nprocess_cpu_seconds_total 9\nc 1\n'
    assert counters(page) == {'a_total{by="x y"}': 2.0, "b_total": 3.0}
