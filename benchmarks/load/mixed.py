"""All kinds of questions while versions are switched."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from benchmarks.load.client import Target, get, post, search
from benchmarks.load.figures import Tally, memory
from benchmarks.load.loops import closed_loop, for_seconds, warm_up
from index.store import Store


@dataclass(frozen=True)
class Mixed:
    """What clients saw of the switches, and what they left behind.

    Attributes:
        swaps: How often another version was made live.
        rate: Replies a second.
        tally: What became of the requests.
        memory_begin: Megabytes once it was under way for a while.
        memory_most: The most from then on.
        memory_end: Megabytes at the end.
    """

    swaps: int
    rate: float
    tally: Tally
    memory_begin: float
    memory_most: float
    memory_end: float


def all_kinds(queries: Iterator[str], papers: Sequence[str], seed: int = 0) -> Iterator[bytes]:
    """Of ten requests about five searches, two questions, two for similar papers, a paper."""
    chance = random.Random(seed)
    while True:
        kind, paper = chance.random(), chance.choice(papers)
        if kind < 0.5:
            yield search(next(queries))
        elif kind < 0.7:
            yield post("/v1/ask", {"question": next(queries)})
        elif kind < 0.8:
            yield get(f"/v1/papers/{paper}/similar")
        elif kind < 0.9:
            yield post("/v1/similar", {"ids": [paper], "text": next(queries)})
        else:
            yield get(f"/v1/papers/{paper}")


async def mixed(
    target: Target,
    store: Store,
    other: str,
    requests: Iterator[bytes],
    clients: int = 8,
    seconds: float = 300.0,
    swaps: int = 20,
    settle_s: float = 30.0,
) -> Mixed:
    """Ask, and make one of two published versions live after the other.

    Args:
        target: The service; it follows the store.
        store: Its live version is served.
        other: The version that takes turns with it.
        requests: Such as `all_kinds` makes them.
        clients: How many ask side by side.
        seconds: For how long.
        swaps: How many versions are made live meanwhile, at even intervals.
        settle_s: After so long the memory counts.
    """
    await warm_up(target, requests)
    going, begin = for_seconds(seconds), time.perf_counter()
    memories: list[float] = []

    async def watch() -> None:
        while going():
            await asyncio.sleep(min(1.0, seconds / 20))
            if time.perf_counter() - begin >= settle_s:
                memories.append(memory(target.pid))

    async def switch() -> None:
        versions = cycle((other, str(store.live())))
        for _ in range(swaps):
            await asyncio.sleep(seconds / (swaps + 1))
            await asyncio.to_thread(store.activate, next(versions))

    tally, _, _ = await asyncio.gather(
        closed_loop(target, requests, clients, going), switch(), watch()
    )
    rate = len(tally.taken) / (time.perf_counter() - begin)
    return Mixed(swaps, rate, tally, memories[0], max(memories), memory(target.pid))
