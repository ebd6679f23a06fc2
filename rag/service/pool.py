"""A few threads that do the work of requests, and a queue before them that has an end."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)

_PATIENCE_S = 0.05  # with what is prepared, before an idle thread looks for something else
_KEPT = 0.9  # of what was known of how long a job takes, when another has ended


class AbandonedError(BaseException):
    """Nobody waits for this work any more.

    No `Exception`: where one leg of a search may fail, the search would go on.
    """


class FullError(Exception):
    """The queue is full; `seconds` is when there may be room again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many requests wait; try again in {seconds} s")
        self.seconds = seconds


class LateError(Exception):
    """The time for a request is over, after so many `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not done within {seconds:g} s")
        self.seconds = seconds


class LeftError(Exception):
    """Whoever asked has left."""


class Observer(Protocol):
    """Is told what happens in a pool."""

    def queue_left(self, seconds: float) -> None:
        """How long a job was in the queue before it began."""

    def batch_encoded(self, size: int) -> None:
        """So many queries were prepared together."""


class Job(Generic[T]):
    """Work that a thread does, unless nobody waits for it any more."""

    def __init__(self, work: Callable[[Job[T]], T], text: str | None, seconds: float) -> None:
        self.text = text
        self.seconds = seconds
        self.asked = time.monotonic()
        self.deadline = self.asked + seconds
        self.abandoned = False
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[T] = self._loop.create_future()
        self._context = contextvars.copy_context()

    def give_up(self) -> None:
        """End the work if nobody waits for it.

        Raises:
            AbandonedError: Its time is over, or whoever asked has left.
        """
        if self.abandoned or time.monotonic() > self.deadline:
            raise AbandonedError

    @property
    def left(self) -> float:
        """Seconds left, perhaps below 0."""
        return self.deadline - time.monotonic()

    def run(self) -> None:
        """Do it, in a thread of the pool."""
        result: T | None = None
        failure: BaseException | None = None
        try:
            self.give_up()
            result = self._context.run(self._work, self)
        # Whatever it is, it is told to whoever asked.
        except BaseException as error:
            failure = error
        with suppress(RuntimeError):  # the service has stopped meanwhile
            self._loop.call_soon_threadsafe(self._end, result, failure)

    def _end(self, result: Any, failure: BaseException | None) -> None:
        if self.ended.done():
            return
        if isinstance(failure, AbandonedError):
            self.ended.cancel()
        elif failure is not None:
            self.ended.set_exception(failure)
        else:
            self.ended.set_result(result)


class Pool:
    """Does jobs in a bounded number of threads.

    A job that comes when nobody waits is begun at once. While the threads are at work, a thread of
    its own prepares those that wait, all that there are at a time: it encodes, in long pieces
    that need nothing of Python, what the others then only read. Two threads that each do both take
    Python's lock from each other all the time, and get an eighth less done.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        queue: int,
        prepare: Callable[[Sequence[str]], None] | None = None,
        batch: int = 1,
        batch_wait: float = 0.0,
        observer: Observer | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            name: Of the threads.
            threads: Jobs that are done at a time.
            queue: Jobs that may wait.
            prepare: Called with the texts of jobs that wait.
            batch: How many texts at most.
            batch_wait: Seconds that it waits for more of them.
            observer: Is told what happens.
        """
        self._name = name
        self._count = threads
        self._queue = queue
        self._prepare = prepare
        self._batch = batch
        self._batch_wait = batch_wait
        self._observer = observer
        self._lock = threading.Lock()
        self._work_there = threading.Condition(self._lock)
        self._texts_there = threading.Condition(self._lock)
        self._waiting: deque[Job[Any]] = deque()  # to be prepared
        self._ready: deque[Job[Any]] = deque()
        self._preparing = 0
        self._busy = 0
        self._stopping: threading.Event | None = None  # that of the threads there are
        self._seconds = 0.02  # that a job takes; learned as they end

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._waiting) + self._preparing + len(self._ready)

    @property
    def is_full(self) -> bool:
        """Whether another job would be refused."""
        return self.waiting >= self._queue + self._count - self._busy

    @property
    def retry_after(self) -> int:
        """Seconds until those that wait now will have had their turn, at least 1."""
        return max(1, math.ceil(self.waiting * self._seconds / self._count))

    async def run(
        self,
        work: Callable[[Job[T]], T],
        seconds: float,
        text: str | None = None,
        left: asyncio.Future[Any] | None = None,
    ) -> T:
        """Do work in one of the threads.

        Args:
            work: What to do; it is given its job, to give it up where nobody waits for it.
            seconds: How long it may take, the time in the queue included.
            text: What is to be encoded for it.
            left: Done when whoever asked has left.

        Raises:
            FullError: Too many wait.
            LateError: It was not done in time; it is given up.
            LeftError: Whoever asked has left; it is given up.
        """
        job = self.submit(work, seconds, text)
        try:
            waited_for = {job.ended} if left is None else {job.ended, left}
            await asyncio.wait(waited_for, timeout=job.left, return_when=asyncio.FIRST_COMPLETED)
            if job.ended.done() and not job.ended.cancelled():
                return job.ended.result()
            if left is not None and left.done():
                raise LeftError
            raise LateError(seconds)
        finally:
            self.abandon(job)

    def submit(self, work: Callable[[Job[T]], T], seconds: float, text: str | None) -> Job[T]:
        """Put work into the queue.

        Raises:
            FullError: Too many wait.
        """
        job = Job(work, text, seconds)
        with self._lock:
            self._start()
            idle = self._count - self._busy
            if self.is_full:
                raise FullError(self.retry_after)
            if self._prepare is None or text is None or self.waiting < idle:
                self._ready.append(job)
                self._work_there.notify()
            else:
                self._waiting.append(job)
                self._texts_there.notify()
        return job

    def abandon(self, job: Job[Any]) -> None:
        """Nobody waits for a job any more: it is not begun, or given up at its next stage."""
        if job.ended.done():
            return
        job.abandoned = True
        job.ended.cancel()
        with self._lock:
            for jobs in (self._waiting, self._ready):
                with suppress(ValueError):
                    jobs.remove(job)

    def stop(self) -> None:
        """Let the threads end when nothing waits; another job would start others."""
        with self._lock:
            if self._stopping is not None:
                self._stopping.set()
            self._stopping = None
            self._work_there.notify_all()
            self._texts_there.notify_all()

    def _start(self) -> None:
        """Start the threads with the first job: a process that is forked has none of them yet."""
        if self._stopping is not None:
            return
        self._stopping = threading.Event()
        threads = [(f"{self._name}-{number}", self._run) for number in range(self._count)]
        if self._prepare is not None:
            threads.append((f"{self._name}-ahead", self._run_ahead))
        for name, target in threads:
            threading.Thread(target=target, args=(self._stopping,), name=name, daemon=True).start()

    def _run(self, stopping: threading.Event) -> None:
        while (job := self._next(stopping)) is not None:
            begun = time.monotonic()
            if self._observer:
                self._observer.queue_left(begun - job.asked)
            job.run()
            taken = time.monotonic() - begun
            with self._lock:
                self._busy -= 1
                self._seconds = _KEPT * self._seconds + (1 - _KEPT) * taken

    def _next(self, stopping: threading.Event) -> Job[Any] | None:
        """A job to do; `None` when the pool is stopped."""
        with self._lock:
            while not (self._ready or self._waiting):
                if stopping.is_set():
                    return None
                # To be woken by every one that waits would leave nothing to prepare together.
                self._work_there.wait(_PATIENCE_S if self._preparing else None)
            self._busy += 1
            # One that is not prepared yet is better done than waited for.
            return (self._ready or self._waiting).popleft()

    def _run_ahead(self, stopping: threading.Event) -> None:
        while (jobs := self._next_texts(stopping)) is not None:
            self._prepare_all(jobs)
            with self._lock:
                self._preparing = 0
                self._ready.extend(job for job in jobs if not job.abandoned)
                self._work_there.notify(len(jobs))

    def _next_texts(self, stopping: threading.Event) -> list[Job[Any]] | None:
        """Jobs to prepare; `None` when the pool is stopped."""
        with self._lock:
            while not self._waiting:
                if stopping.is_set():
                    return None
                self._texts_there.wait()
            if len(self._waiting) < self._batch and self._batch_wait:
                self._texts_there.wait(self._batch_wait)
            self._preparing = min(self._batch, len(self._waiting))
            return [self._waiting.popleft() for _ in range(self._preparing)]

    def _prepare_all(self, jobs: Sequence[Job[Any]]) -> None:
        texts = list(dict.fromkeys(job.text for job in jobs if job.text is not None))
        if self._prepare is None or not texts:
            return
        if self._observer:
            self._observer.batch_encoded(len(texts))
        try:
            self._prepare(texts)
        # Each of them will meet what is wrong by itself, and tell whoever asked.
        except Exception as error:
            log.debug("queries are encoded one by one: %s", error)
