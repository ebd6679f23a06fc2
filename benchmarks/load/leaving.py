"""Clients that are gone before they have a reply."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.load.client import Client, Target, get
from benchmarks.load.figures import Tally, connections, counters, memory
from benchmarks.load.loops import closed_loop, for_seconds, warm_up
from benchmarks.load.steady import single_median

_AT_ONCE = 32
_LONGEST_S = 0.03  # a client waits so long at the most
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends a reset
_AGAIN = 2.0  # times the latency before, to be called normal
_PATIENCE_S = 30.0
_ONE_LATER_S = 1.0


@dataclass(frozen=True)
class Leaving:
    """What clients that left did to the service.

    Attributes:
        left: How many.
        seconds: For how long they came and went.
        beside: Searches of one normal client meanwhile.
        before_ms: Median of one client before.
        after_ms: Median of one client afterwards.
        normal_after_s: Seconds until a search took about as long as before; `None`: too many.
        held: Sockets of the service afterwards, more than before.
        memory_before: Megabytes.
        memory_after: Megabytes.
        counted: Counters of `/metrics` that rose meanwhile, and by how much.
    """

    left: int
    seconds: float
    beside: Tally
    before_ms: float
    after_ms: float
    normal_after_s: float | None
    held: int
    memory_before: float
    memory_after: float
    counted: dict[str, float]


async def leaving(target: Target, requests: Iterator[bytes], count: int = 500) -> Leaving:
    """Connect, send a request or the begin of one, and leave; many times.

    A third leaves in the headers, a third in the body, a third before the reply; half of them
    say good-bye, half reset the connection.

    Args:
        target: The service.
        requests: Searches, no two of them the same.
        count: How many clients leave.
    """
    await warm_up(target, requests)
    before_ms = await single_median(target, requests, 20)
    resident, held = memory(target.pid), connections(target.pid)
    counted = await _counters(target)
    over, begin = asyncio.Event(), time.perf_counter()
    chance, places = random.Random(0), asyncio.Semaphore(_AT_ONCE)

    async def everyone() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(count):
                    await places.acquire()
                    wait = chance.uniform(0, _LONGEST_S)
                    one = group.create_task(_leave(target, next(requests), number, wait))
                    one.add_done_callback(lambda _: places.release())
        finally:
            over.set()

    beside, _ = await asyncio.gather(
        closed_loop(target, requests, 1, lambda: not over.is_set()), everyone()
    )
    seconds = time.perf_counter() - begin
    normal_after = await _normal_again(target, requests, before_ms)
    after_ms = await single_median(target, requests, 20)
    await asyncio.sleep(_ONE_LATER_S)
    return Leaving(
        count,
        seconds,
        beside,
        before_ms,
        after_ms,
        normal_after,
        connections(target.pid) - held,
        resident,
        memory(target.pid),
        {
            name: value - counted.get(name, 0.0)
            for name, value in (await _counters(target)).items()
            if value > counted.get(name, 0.0)
        },
    )


async def _leave(target: Target, request: bytes, number: int, wait_s: float) -> None:
    loop = asyncio.get_running_loop()
    head = request.index(b"\r\n\r\n") + 4
    sent = (head // 2, (head + len(request)) // 2, len(request))[number % 3]
    with socket.socket() as taken:
        taken.setblocking(False)
        try:
            await loop.sock_connect(taken, (target.host, target.port))
            await loop.sock_sendall(taken, request[:sent])
        except OSError:  # the service may be the first to leave
            return
        await asyncio.sleep(wait_s)
        if number % 2:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


async def _normal_again(
    target: Target, requests: Iterator[bytes], before_ms: float
) -> float | None:
    begin, patient = time.perf_counter(), for_seconds(_PATIENCE_S)
    while patient():
        if await single_median(target, requests, 1) <= _AGAIN * before_ms:
            return time.perf_counter() - begin
    return None


async def _counters(target: Target) -> dict[str, float]:
    async with Client(target) as client:
        reply = await client.ask(get("/metrics"))
    return counters(reply.body.decode()) if reply.status == 200 else {}
