"""More requests than the service can serve, whether it keeps up or not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from benchmarks.load.client import Client, Target
from benchmarks.load.figures import Spread, Tally, memory
from benchmarks.load.loops import closed_loop, for_seconds
from benchmarks.load.steady import throughput

_CLIENTS = 16
_TICK_S = 0.005
_WINDOW_S = 0.5
_BACK = 0.9  # of the capacity: full speed, but for noise
_LOOK_S = 0.25


@dataclass(frozen=True)
class Overload:
    """What a service does with several times what it can serve.

    Attributes:
        capacity: Searches a second of 16 clients in a closed loop, before.
        times: How many times the capacity arrived in the end.
        arrived: Requests that were sent.
        unsent: Requests that were due while too many were under way.
        given_up: Requests without a reply when the load ended; the clients left.
        tally: What became of the others.
        rate: Accepted, a second.
        memory_before: Megabytes.
        memory_most: Megabytes while it went on.
        memory_after: Megabytes once searches ran at full speed again.
        recovered_s: Seconds from the end of the load until then; `None`: not within the limit.
    """

    capacity: float
    times: float
    arrived: int
    unsent: int
    given_up: int
    tally: Tally
    rate: float
    memory_before: float
    memory_most: float
    memory_after: float
    recovered_s: float | None

    @property
    def refused(self) -> Spread:
        """How long it took to be refused."""
        return Spread.of(self.tally.refused)

    @property
    def share_refused(self) -> float:
        """Of all that were sent."""
        return len(self.tally.refused) / self.arrived if self.arrived else 0.0


@dataclass
class _Arrivals:
    """Requests that are sent at their time, however many are under way."""

    target: Target
    requests: Iterator[bytes]
    most: int
    tally: Tally = field(default_factory=Tally)
    arrived: int = 0
    unsent: int = 0
    _idle: list[Client] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def send(self) -> None:
        """One more, over a connection that is idle or a new one."""
        if len(self._tasks) >= self.most:
            self.unsent += 1
            return
        self.arrived += 1
        task = asyncio.create_task(self._one(next(self.requests)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _one(self, request: bytes) -> None:
        client = self._idle.pop() if self._idle else Client(self.target)
        try:
            self.tally.note(await client.ask(request))
        except (OSError, ValueError) as error:
            self.tally.fail(error)
        self._idle.append(client)

    async def leave(self) -> int:
        """End all that is under way; tells how many those were."""
        left = list(self._tasks)
        for task in left:
            task.cancel()
        for task in left:
            with suppress(asyncio.CancelledError):
                await task
        for client in self._idle:
            client.close()
        return len(left)


async def overload(
    target: Target,
    requests: Iterator[bytes],
    seconds: float = 20.0,
    times: float = 10.0,
    most: int = 1000,
    capacity_s: float = 5.0,
    patience_s: float = 60.0,
) -> Overload:
    """Measure the capacity, go up to several times of it, leave, and see how long that is felt.

    Half of the time the rate rises, then it stays.

    Args:
        target: The service.
        requests: No two of them the same.
        seconds: How long requests arrive.
        times: How many times the capacity.
        most: How many are under way at once.
        capacity_s: How long the capacity is measured.
        patience_s: How long to wait for full speed afterwards.
    """
    capacity = (await throughput(target, requests, _CLIENTS, capacity_s)).rate
    before = most_memory = memory(target.pid)
    arrivals = _Arrivals(target, requests, most)
    begin, looked, due = time.perf_counter(), 0.0, 0.0
    now = 0.0
    while now < seconds:
        await asyncio.sleep(_TICK_S)
        since, now = now, time.perf_counter() - begin
        due += capacity * (1 + (times - 1) * min(1.0, 2 * now / seconds)) * (now - since)
        while due >= 1:
            arrivals.send()
            due -= 1
        if now - looked > _LOOK_S:
            looked, most_memory = now, max(most_memory, memory(target.pid))
    accepted = len(arrivals.tally.taken)
    given_up = await arrivals.leave()
    recovered = await full_speed_again(target, requests, capacity, patience_s)
    return Overload(
        capacity,
        times,
        arrivals.arrived,
        arrivals.unsent,
        given_up,
        arrivals.tally,
        accepted / now,
        before,
        most_memory,
        memory(target.pid),
        recovered,
    )


async def full_speed_again(
    target: Target, requests: Iterator[bytes], capacity: float, patience_s: float
) -> float | None:
    """Seconds until the end of the first window in which a service is as fast as it was."""
    tally, patient, back = Tally(), for_seconds(patience_s), asyncio.Event()

    async def look() -> float | None:
        begin = time.perf_counter()
        try:
            while patient():
                since, so_far = time.perf_counter(), len(tally.taken)
                await asyncio.sleep(_WINDOW_S)
                now = time.perf_counter()
                if (len(tally.taken) - so_far) / (now - since) >= _BACK * capacity:
                    return now - begin
            return None
        finally:
            back.set()

    going: Callable[[], bool] = lambda: not back.is_set()  # noqa: E731
    found, _ = await asyncio.gather(look(), closed_loop(target, requests, _CLIENTS, going, tally))
    return found
