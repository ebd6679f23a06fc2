"""Many connections on which nothing is asked."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.load.client import Client, Target
from benchmarks.load.figures import Tally, connections, memory
from benchmarks.load.loops import ask_once, warm_up

_ADDRESS = 2000  # connections from each of the addresses 127.0.0.2 and following
_AT_ONCE = 200
_CONNECT_S = 10.0
_A_VISIT = 5  # searches over a connection


@dataclass(frozen=True)
class Crowd:
    """What connections that are opened and left did to the service.

    Attributes:
        wanted: How many were to be opened.
        opened: How many were.
        opening_s: Seconds that took.
        before: Searches of a normal client before.
        beside: Its searches over the connection that it had, while the others were there.
        newcomers: Searches of a client that connects anew for every few of them, at that time.
        held: Sockets of the service after some seconds, more than before.
        still_open: Connections that the service had not closed by then.
        left_s: How many seconds that were.
        held_after: Sockets a little after all had left, more than before.
        memory_before: Megabytes.
        memory_beside: Megabytes while they were open.
    """

    wanted: int
    opened: int
    opening_s: float
    before: Tally
    beside: Tally
    newcomers: Tally
    held: int
    still_open: int
    left_s: float
    held_after: int
    memory_before: float
    memory_beside: float


async def crowd(
    target: Target, requests: Iterator[bytes], count: int = 10_000, seconds: float = 15.0
) -> Crowd:
    """Open many connections, leave them, and search meanwhile.

    Args:
        target: The service.
        requests: Searches, no two of them the same.
        count: How many connections; fewer than the limit of open files.
        seconds: For how long they are left once they are open.
    """
    await warm_up(target, requests)
    held, resident = connections(target.pid), memory(target.pid)
    before, beside, newcomers = Tally(), Tally(), Tally()
    there, over = asyncio.Event(), asyncio.Event()

    async def resident_client() -> None:
        """Count in one tally or the other, over one connection."""
        async with Client(target) as client:
            while not over.is_set():
                tally = beside if there.is_set() else before
                await ask_once(client, next(requests), tally)

    normal = asyncio.create_task(resident_client())
    await asyncio.sleep(min(5.0, seconds))
    there.set()
    others = asyncio.create_task(_come_anew(target, requests, newcomers, over))
    begin = time.perf_counter()
    opened = await _open(target, count)
    opening_s = time.perf_counter() - begin
    try:
        await asyncio.sleep(seconds)
        still_open = sum(map(_is_open, opened))
        held_beside, resident_beside = connections(target.pid), memory(target.pid)
    finally:
        over.set()
        await asyncio.gather(normal, others)
        for one in opened:
            one.close()
    await asyncio.sleep(2.0)
    return Crowd(
        count,
        len(opened),
        opening_s,
        before,
        beside,
        newcomers,
        held_beside - held,
        still_open,
        seconds,
        connections(target.pid) - held,
        resident,
        resident_beside,
    )


async def _come_anew(
    target: Target, requests: Iterator[bytes], tally: Tally, over: asyncio.Event
) -> None:
    while not over.is_set():
        async with Client(target) as client:
            for _ in range(_A_VISIT):
                await ask_once(client, next(requests), tally)


async def _open(target: Target, count: int) -> list[socket.socket]:
    loop, places = asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE)
    opened: list[socket.socket] = []

    async def one(number: int) -> None:
        taken = socket.socket()
        taken.setblocking(False)
        async with places:
            try:
                if target.host.startswith("127."):  # the ports of one address may be too few
                    taken.bind((f"127.0.0.{2 + number // _ADDRESS}", 0))
                async with asyncio.timeout(_CONNECT_S):
                    await loop.sock_connect(taken, (target.host, target.port))
                opened.append(taken)
            except OSError:
                taken.close()

    await asyncio.gather(*(one(number) for number in range(count)))
    return opened


def _is_open(taken: socket.socket) -> bool:
    try:
        while taken.recv(65_536):  # it may say why it closes
            pass
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False
