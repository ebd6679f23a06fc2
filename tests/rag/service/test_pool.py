"""The pool: a bounded queue, batches, deadlines, and nobody worked for in vain."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from rag.service.pool import FullError, Job, LateError, LeftError, Pool

SOON = 5.0


class Gate:
    """Work that waits until it is let through."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.let = threading.Event()
        self.done: list[str] = []

    def work(self, name: str) -> Callable[[Job[str]], str]:
        def run(job: Job[str]) -> str:
            self.begun.release()
            assert self.let.wait(SOON)
            self.done.append(name)
            return name

        return run


class Seen:
    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.waits: list[float] = []

    def queue_left(self, seconds: float) -> None:
        self.waits.append(seconds)

    def batch_encoded(self, size: int) -> None:
        self.sizes.append(size)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.let.set()


async def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.002)


def test_work_is_done_in_another_thread_and_what_it_raises_comes_back() -> None:
    def fail(job: Job[str]) -> str:
        raise KeyError("for the test")

    async def check() -> None:
        pool = Pool("p", 1, 1)
        assert await pool.run(lambda _: threading.current_thread().name, SOON) == "p-0"
        with pytest.raises(KeyError, match="for the test"):
            await pool.run(fail, SOON)
        assert await pool.run(lambda _: 1, SOON) == 1

    asyncio.run(check())


def test_beyond_the_queue_it_is_refused_at_once(gate: Gate) -> None:
    async def check() -> None:
        pool = Pool("p", 2, 3)
        tasks = [asyncio.create_task(pool.run(gate.work(str(n)), SOON)) for n in range(5)]
        await _until(lambda: pool.waiting == 3)
        begun = time.monotonic()
        with pytest.raises(FullError) as refused:
            await pool.run(gate.work("too many"), SOON)
        assert time.monotonic() - begun < 0.5
        assert refused.value.seconds >= 1
        gate.let.set()
        assert await asyncio.gather(*tasks) == ["0", "1", "2", "3", "4"]
        assert await pool.run(gate.work("again"), SOON) == "again"

    asyncio.run(check())


def test_a_queue_of_none_takes_what_an_idle_thread_can_do(gate: Gate) -> None:
    async def check() -> None:
        pool = Pool("p", 1, 0)
        first = asyncio.create_task(pool.run(gate.work("first"), SOON))
        await _until(lambda: pool.waiting == 0 and gate.begun.acquire(blocking=False))
        with pytest.raises(FullError):
            await pool.run(gate.work("second"), SOON)
        gate.let.set()
        assert await first == "first"

    asyncio.run(check())


def test_who_asks_when_it_is_busy_for_long_is_told_to_come_later(gate: Gate) -> None:
    async def check() -> None:
        pool = Pool("p", 1, 40)
        for _ in range(20):
            await pool.run(lambda _: time.sleep(0.05), SOON)
        tasks = [asyncio.create_task(pool.run(gate.work("x"), 60)) for _ in range(41)]
        await _until(lambda: pool.waiting == 40)
        with pytest.raises(FullError) as refused:
            await pool.run(gate.work("x"), SOON)
        assert 2 <= refused.value.seconds <= 4  # 40 of them, a twentieth of a second each
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert pool.waiting == 0

    asyncio.run(check())


def test_what_is_late_is_given_up_and_never_begun(gate: Gate) -> None:
    async def check() -> None:
        pool = Pool("p", 1, 5)
        first = asyncio.create_task(pool.run(gate.work("first"), SOON))
        await asyncio.sleep(0)
        with pytest.raises(LateError, match=r"0\.05 s"):
            await pool.run(gate.work("late"), 0.05)
        assert pool.waiting == 0
        gate.let.set()
        await first
        await pool.run(gate.work("last"), SOON)
        assert gate.done == ["first", "last"]

    asyncio.run(check())


def test_work_under_way_ends_at_its_next_stage_when_its_time_is_over() -> None:
    ended = threading.Event()

    def endless(job: Job[str]) -> str:
        try:
            while True:
                job.give_up()
                time.sleep(0.002)
        finally:
            ended.set()

    async def check() -> None:
        pool = Pool("p", 1, 5)
        with pytest.raises(LateError):
            await pool.run(endless, 0.05)
        assert await asyncio.to_thread(ended.wait, SOON)
        assert await pool.run(lambda _: "next", SOON) == "next"

    asyncio.run(check())


def test_who_has_left_is_not_worked_for(gate: Gate) -> None:
    async def check() -> None:
        pool = Pool("p", 1, 5)
        first = asyncio.create_task(pool.run(gate.work("first"), SOON))
        await asyncio.sleep(0)
        left = asyncio.get_running_loop().create_future()
        second = asyncio.create_task(pool.run(gate.work("second"), SOON, left=left))
        await asyncio.sleep(0)
        left.set_result(None)
        with pytest.raises(LeftError):
            await second
        gate.let.set()
        await first
        await pool.run(gate.work("last"), SOON)
        assert gate.done == ["first", "last"]

    asyncio.run(check())


class TestAhead:
    """What waits is prepared together, by a thread of its own."""

    def test_what_waits_together_is_prepared_together(self, gate: Gate) -> None:
        seen, prepared = Seen(), list[list[str]]()

        async def check() -> None:
            pool = Pool("p", 1, 20, lambda texts: prepared.append(list(texts)), 4, 30.0, seen)
            first = asyncio.create_task(pool.run(gate.work("first"), SOON, "first"))
            await asyncio.to_thread(gate.begun.acquire)
            others = [
                asyncio.create_task(pool.run(gate.work(str(n)), SOON, f"text {n % 3}"))
                for n in range(4)
            ]
            await _until(lambda: len(prepared) == 1)
            assert pool.waiting == 4
            gate.let.set()
            assert await first == "first"
            assert await asyncio.gather(*others) == ["0", "1", "2", "3"]

        asyncio.run(check())
        assert prepared == [["text 0", "text 1", "text 2"]]  # the same text once
        assert seen.sizes == [3]
        assert len(seen.waits) == 5

    def test_no_more_of_them_than_a_batch_holds(self, gate: Gate) -> None:
        prepared: list[Sequence[str]] = []

        async def check() -> None:
            pool = Pool("p", 1, 20, prepared.append, 4)
            first = asyncio.create_task(pool.run(gate.work("first"), SOON))
            await asyncio.to_thread(gate.begun.acquire)
            others = [
                asyncio.create_task(pool.run(gate.work(str(n)), SOON, str(n))) for n in range(9)
            ]
            await _until(lambda: sum(map(len, prepared)) == 9)
            gate.let.set()
            await asyncio.gather(first, *others)

        asyncio.run(check())
        assert max(map(len, prepared)) <= 4

    def test_who_comes_to_an_idle_pool_is_not_kept_waiting_for_others(self) -> None:
        prepared: list[Sequence[str]] = []

        async def check() -> None:
            pool = Pool("p", 2, 5, prepared.append, 8, batch_wait=30.0)
            await asyncio.wait_for(pool.run(lambda _: 1, SOON, "text"), 2)

        asyncio.run(check())
        assert prepared == []

    def test_an_idle_thread_does_not_wait_for_what_is_prepared(self, gate: Gate) -> None:
        let, preparing = threading.Event(), threading.Event()

        def prepare(texts: Sequence[str]) -> None:
            preparing.set()
            let.wait(SOON)

        async def check() -> None:
            pool = Pool("p", 1, 5, prepare, 1)
            first = asyncio.create_task(pool.run(gate.work("first"), SOON, "a"))
            await asyncio.to_thread(gate.begun.acquire)
            held = asyncio.create_task(pool.run(gate.work("held"), SOON, "b"))
            assert await asyncio.to_thread(preparing.wait, SOON)
            other = asyncio.create_task(pool.run(gate.work("other"), SOON, "c"))
            gate.let.set()
            assert await first == "first"
            assert await other == "other"
            # Nor where it was idle already when somebody came.
            assert await pool.run(gate.work("later"), SOON, "d") == "later"
            assert not held.done()
            let.set()
            assert await held == "held"

        asyncio.run(check())

    def test_what_can_not_be_prepared_is_tried_by_itself(self, gate: Gate) -> None:
        def fail(texts: Sequence[str]) -> None:
            raise ValueError("for the test")

        async def check() -> None:
            pool = Pool("p", 1, 5, fail, 8)
            tasks = [asyncio.create_task(pool.run(gate.work(n), SOON, n)) for n in "abc"]
            await asyncio.to_thread(gate.begun.acquire)
            gate.let.set()
            assert await asyncio.gather(*tasks) == ["a", "b", "c"]

        asyncio.run(check())

    def test_what_is_given_up_while_it_is_prepared_is_never_begun(self, gate: Gate) -> None:
        let, preparing = threading.Event(), threading.Event()

        def prepare(texts: Sequence[str]) -> None:
            preparing.set()
            let.wait(SOON)

        async def check() -> None:
            pool = Pool("p", 1, 5, prepare, 1)
            first = asyncio.create_task(pool.run(gate.work("first"), SOON, "a"))
            await asyncio.to_thread(gate.begun.acquire)
            late = asyncio.create_task(pool.run(gate.work("late"), 0.1, "b"))
            assert await asyncio.to_thread(preparing.wait, SOON)
            with pytest.raises(LateError):
                await late
            let.set()
            gate.let.set()
            await first
            await _until(lambda: pool.waiting == 0)
            await pool.run(gate.work("last"), SOON)
            assert gate.done == ["first", "last"]

        asyncio.run(check())


def test_a_stopped_pool_lets_its_threads_end_and_can_begin_again() -> None:
    async def check() -> None:
        pool = Pool("stopping", 2, 5)
        await pool.run(lambda _: None, SOON)
        pool.stop()
        await _until(
            lambda: not [one for one in threading.enumerate() if one.name.startswith("stopping")]
        )
        assert await pool.run(lambda _: "again", SOON) == "again"
        pool.stop()

    asyncio.run(check())


def test_many_at_once_all_come_back_with_their_own() -> None:
    """Some late, some given up, all accounted for: nothing is mixed up, nothing hangs."""

    async def one(pool: Pool, number: int) -> int | None:
        def work(job: Job[int]) -> int:
            time.sleep(0.0005 * (number % 4))
            return number

        try:
            return await pool.run(work, 0.01 if number % 7 == 0 else SOON, f"t{number % 13}")
        except LateError:
            assert number % 7 == 0
            return None

    async def check() -> None:
        pool = Pool("p", 3, 1000, lambda texts: None, 8, 0.0002)
        found = await asyncio.gather(*(one(pool, n) for n in range(600)))
        assert all(value is None or value == number for number, value in enumerate(found))
        assert all(found[number] == number for number in range(600) if number % 7)
        assert pool.waiting == 0

    asyncio.run(check())
