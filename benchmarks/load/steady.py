"""Searches at the speed at which the service replies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.load.client import Client, Target, search
from benchmarks.load.figures import Spread, Tally
from benchmarks.load.loops import closed_loop, for_seconds, warm_up
from rag.search import Searcher

_BLOCK = 10  # searches by turns


@dataclass(frozen=True)
class Throughput:
    """What some clients in a closed loop got.

    Attributes:
        clients: How many.
        rate: Replies with status 200, a second.
        tally: What became of the requests.
        client_share: Of one CPU, what the client itself used.
    """

    clients: int
    rate: float
    tally: Tally
    client_share: float


@dataclass(frozen=True)
class Overhead:
    """One client over HTTP, and the search alone in the client's process.

    Attributes:
        http: Milliseconds of the requests.
        alone: Milliseconds of `Searcher.search` with the same queries.
        tally: What became of the requests.
    """

    http: Spread
    alone: Spread
    tally: Tally

    @property
    def ratio(self) -> float:
        """How many times as long it takes over HTTP, by medians."""
        return self.http.median / self.alone.median


async def throughput(
    target: Target, requests: Iterator[bytes], clients: int = 16, seconds: float = 15.0
) -> Throughput:
    """Ask as fast as the service replies.

    Args:
        target: The service.
        requests: No two of them the same.
        clients: How many ask side by side.
        seconds: For how long.
    """
    await warm_up(target, requests)
    wall, own = time.perf_counter(), time.process_time()
    tally = await closed_loop(target, requests, clients, for_seconds(seconds))
    wall, own = time.perf_counter() - wall, time.process_time() - own
    return Throughput(clients, len(tally.taken) / wall, tally, own / wall)


async def overhead(
    target: Target, searcher: Searcher, queries: Iterator[str], seconds: float = 20.0
) -> Overhead:
    """Compare the two by turns, so that noise hits both.

    Args:
        target: The service.
        searcher: The same index, opened in this process.
        queries: No two of them the same.
        seconds: For how long.
    """
    await warm_up(target, map(search, queries))
    for _ in range(_BLOCK):
        searcher.search(next(queries))
    tally, alone, going = Tally(), [], for_seconds(seconds)
    async with Client(target) as client:
        while going():
            block = [next(queries) for _ in range(_BLOCK)]
            for query in block:
                tally.note(await client.ask(search(query)))
            for query in block:
                begin = time.perf_counter()
                searcher.search(query)
                alone.append((time.perf_counter() - begin) * 1000)
            await asyncio.sleep(0)
    return Overhead(tally.spread, Spread.of(alone), tally)


async def single_median(target: Target, requests: Iterator[bytes], count: int) -> float:
    """Median milliseconds of some requests, one after the other."""
    left = iter(range(count))
    tally = await closed_loop(target, requests, 1, lambda: next(left, None) is not None)
    return median(tally.taken) if tally.taken else float("nan")
