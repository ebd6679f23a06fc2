"""Clients that take their time, beside others that don't."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from benchmarks.load.client import Target, post
from benchmarks.load.figures import Tally, connections, memory
from benchmarks.load.loops import closed_loop, for_seconds, warm_up

_NORMAL = 4
_BYTE_S = 1.0
_BUFFER = 4096  # of a slow reader: what the kernel holds for it, the service doesn't
_PIPELINED = 12  # large replies that a slow reader asks for: 3 MB, more than buffers hold


@dataclass
class Cut:
    """What became of slow clients of one kind.

    Attributes:
        count: How many there were.
        after: Seconds until the service closed, for those who saw it; a reader sees it only
            once it has read what the kernel holds, long after the service has let it go.
        served: How many of those had a reply first, such as 408.
    """

    count: int
    after: list[float] = field(default_factory=list)
    served: int = 0


@dataclass(frozen=True)
class Slow:
    """Normal clients before and beside slow ones, and what became of these.

    Attributes:
        before: Normal searches while nobody was slow.
        beside: Normal searches beside the slow clients.
        cut: By kind: `headers`, `bodies` and `readers`.
        seconds: How long the slow clients were there.
        held: Sockets of the service at the end of it, more than before.
        memory_before: Megabytes.
        memory_after: Megabytes at the end of it.
    """

    before: Tally
    beside: Tally
    cut: dict[str, Cut]
    seconds: float
    held: int
    memory_before: float
    memory_after: float


async def slow(
    target: Target,
    requests: Iterator[bytes],
    seconds: float = 60.0,
    writers: int = 50,
    readers: int = 20,
    before_s: float = 5.0,
) -> Slow:
    """Let some send and some read a byte a second, while others search.

    Args:
        target: The service.
        requests: Normal searches, no two of them the same.
        seconds: How long the slow ones go on; longer than the service's limits, to see them.
        writers: Half of them send headers slowly, half bodies.
        readers: They read large replies slowly.
        before_s: How long normal clients are measured alone.
    """
    await warm_up(target, requests)
    before = await closed_loop(target, requests, _NORMAL, for_seconds(before_s))
    held, resident, going = connections(target.pid), memory(target.pid), for_seconds(seconds)
    cut = {
        "headers": Cut(writers // 2),
        "bodies": Cut(writers - writers // 2),
        "readers": Cut(readers),
    }
    head, _, body = post("/v1/search", {"query": "x" * 1000}).partition(b"\r\n\r\n")
    many = post("/v1/search", {"query": "모델", "top_k": 100, "passages_per_paper": 20})
    slow_ones = [
        *(_write(target, b"", head, cut["headers"]) for _ in range(cut["headers"].count)),
        *(
            _write(target, head + b"\r\n\r\n", body, cut["bodies"])
            for _ in range(cut["bodies"].count)
        ),
        *(_read(target, many * _PIPELINED, cut["readers"]) for _ in range(readers)),
    ]
    async with asyncio.TaskGroup() as group:
        normal = group.create_task(closed_loop(target, requests, _NORMAL, going))
        tasks = [group.create_task(one) for one in slow_ones]
        await normal
        held, resident_after = connections(target.pid) - held, memory(target.pid)
        for task in tasks:
            task.cancel()
    return Slow(before, normal.result(), cut, seconds, held, resident, resident_after)


async def _write(target: Target, at_once: bytes, slowly: bytes, cut: Cut) -> None:
    """Send a byte a second until the service has enough of it."""
    begin = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection(target.host, target.port)
    except OSError:
        cut.after.append(time.perf_counter() - begin)
        return

    async def drip() -> None:
        with suppress(OSError):
            writer.write(at_once)
            for byte in slowly:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(_BYTE_S)

    dripping = asyncio.create_task(drip())
    try:
        with suppress(OSError):
            cut.served += bool(await reader.read(1))
            await reader.read()
        cut.after.append(time.perf_counter() - begin)
    finally:
        dripping.cancel()
        writer.transport.abort()


async def _read(target: Target, requests: bytes, cut: Cut) -> None:
    """Ask for much and read a byte a second, until the service has enough of it."""
    loop, begin = asyncio.get_running_loop(), time.perf_counter()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        taken.setblocking(False)
        try:
            await loop.sock_connect(taken, (target.host, target.port))
            await loop.sock_sendall(taken, requests)
            while True:
                if not await loop.sock_recv(taken, 1):
                    break
                await asyncio.sleep(_BYTE_S)
        except OSError:
            pass
        cut.after.append(time.perf_counter() - begin)
