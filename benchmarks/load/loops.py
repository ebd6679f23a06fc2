"""Clients in a closed loop: each asks again as soon as it has its reply."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from benchmarks.load.client import Client, Target
from benchmarks.load.figures import Tally

_PAUSE_S = 0.05  # after a failure, so that a service that is gone is not asked in a hot loop


async def ask_once(client: Client, request: bytes, tally: Tally) -> None:
    """Ask and count what comes of it."""
    try:
        tally.note(await client.ask(request))
    except (OSError, ValueError) as error:
        tally.fail(error)
        await asyncio.sleep(_PAUSE_S)


async def closed_loop(
    target: Target,
    requests: Iterator[bytes],
    clients: int,
    going: Callable[[], bool],
    tally: Tally | None = None,
) -> Tally:
    """Ask until it is enough.

    Args:
        target: The service.
        requests: Taken by all clients, one after the other.
        clients: How many there are.
        going: Whether to go on, asked before each request.
        tally: Where to count, for those who look while it goes on.
    """
    counted = Tally() if tally is None else tally

    async def one() -> None:
        async with Client(target) as client:
            while going():
                await ask_once(client, next(requests), counted)

    await asyncio.gather(*(one() for _ in range(clients)))
    return counted


def for_seconds(seconds: float) -> Callable[[], bool]:
    """Whether these seconds are not over yet."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() < end


async def warm_up(target: Target, requests: Iterator[bytes], count: int = 20) -> None:
    """Have the service load whatever it loads when it is first asked."""
    left = iter(range(count))
    await closed_loop(target, requests, 2, lambda: next(left, None) is not None)
