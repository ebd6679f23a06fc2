"""How a request is worked on: in a pool of threads, with a deadline, for somebody who waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from index.scoring import Leg
from index.stages import watched
from rag.citing import Answer
from rag.clock import Clock
from rag.composing import Composer, open_composer
from rag.legs import Status
from rag.search import Searcher
from rag.service.cache import Asked, Kept, Replies
from rag.service.live import Live
from rag.service.maps import Maps
from rag.service.observing import Metrics, RequestWatcher
from rag.service.pool import Job, Pool
from rag.service.schemas import SearchReply, SimilarReply
from rag.settings import Settings

T = TypeVar("T")
Reply = SearchReply | SimilarReply
Look = Callable[[Searcher, Clock, Job[bytes]], Reply]

_OPERATIONS = 2  # at a time; they read and write files
_OPERATIONS_WAITING = 32
_OPERATION_S = 60.0
_MARGIN_S = 0.5  # for what is sent instead of an answer that was not written in time
_LEAST_S = 0.1
_LEAST_WANTED_S = 0.001
_MEGABYTE = 1_000_000
_FINE = frozenset({Status.OK, Status.OFF})


class Work:
    """What a process works with: pools of threads, replies that are kept, who writes answers."""

    def __init__(self, live: Live, settings: Settings, metrics: Metrics) -> None:
        """Start nothing yet.

        Raises:
            SettingsError: Who is to write answers can't be opened.
        """
        server = settings.server
        self.live = live
        self.settings = settings
        self.metrics = metrics
        self.replies = Replies(server.cache_mb * _MEGABYTE)
        self.maps = Maps()
        self.composer: Composer | None = open_composer(settings.generate.settings())
        self.searching = Pool(
            "search",
            server.threads,
            server.queue,
            live.prepare,
            server.batch,
            server.batch_wait_ms / 1000,
            metrics,
        )
        # Who waits for a language model does nothing meanwhile, and keeps nobody from searching.
        self.writing = Pool("write", settings.generate.concurrency, server.queue)
        self.operating = Pool("operate", _OPERATIONS, _OPERATIONS_WAITING)

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return self.searching.waiting + self.writing.waiting + self.operating.waiting

    def pool_of(self, *, writes: bool) -> Pool:
        """Where a request is worked on: one that may have an answer written, or a search."""
        return self.writing if writes and self.composer else self.searching

    def stop(self) -> None:
        """Let the threads end."""
        for pool in (self.searching, self.writing, self.operating):
            pool.stop()

    def watched(self, job: Job[Any]) -> AbstractContextManager[None]:
        """Measure what a thread does for a job, and give it up where nobody waits for it."""
        return watched(RequestWatcher(self.metrics, job.give_up))

    def fared(self, legs: dict[Leg, Status], answer: Answer | None = None) -> None:
        """Count what became of a search."""
        for leg, status in legs.items():
            self.metrics.leg_fared(leg, status)
        if answer is not None:
            self.metrics.answered(answer)


class Turn:
    """The turn of a request to be worked on."""

    def __init__(self, request: Request, wanted: float | None) -> None:
        """Wait for nothing yet.

        Args:
            request: Whose turn it is.
            wanted: How many seconds it wants to wait; `None` leaves it to the settings.
        """
        self.work: Work = request.app.state.work
        self.request = request
        self._wanted = wanted

    def seconds(self, more: float = 0.0) -> float:
        """How long the request may take: what it wants, or the settings' time and some more."""
        server = self.work.settings.server
        wanted = server.timeout_s + more if self._wanted is None else self._wanted
        return min(wanted, server.max_timeout_s)

    async def search(
        self, kind: str, asked: BaseModel | str, text: str | None, look: Look
    ) -> Response:
        """Reply to a search, from what is kept if it was asked before.

        Args:
            kind: What is asked for.
            asked: The request, or all that it says.
            text: What will be encoded for it.
            look: Finds the reply.
        """
        key: Asked = (kind, asked if isinstance(asked, str) else asked.model_dump_json())

        def answer(job: Job[bytes]) -> bytes:
            work, clock, searcher = self.work, Clock(), self.work.live.searcher
            kept = work.replies.get(searcher, key)
            work.metrics.cache_asked(kept is not None)
            if kept is None:
                kept = self._look(look, searcher, clock, job, key)
            elif kept.answer:
                work.metrics.answered(kept.answer)
            return kept.reply(clock.ms())

        return _json(await self.take(self.work.searching, answer, self.seconds(), text))

    async def write(self, look: Look) -> Response:
        """Reply with an answer that somebody has to write; none of these is kept."""

        def answer(job: Job[bytes]) -> bytes:
            clock, searcher = Clock(), self.work.live.searcher
            return self._look(look, searcher, clock, job).reply(clock.ms())

        seconds = self.seconds(self.work.settings.generate.timeout_s)
        return _json(await self.take(self.work.writing, answer, seconds))

    def composer(self, job: Job[Any]) -> Composer | None:
        """Who writes, if anybody does, and stops in time to say something else instead."""
        composer = self.work.composer
        if composer is None:
            return None
        left = max(_LEAST_S, job.left - _MARGIN_S)
        return replace(composer, seconds=min(composer.seconds, left))

    async def operate(self, work: Callable[[], T]) -> T:
        """Do what is no search."""
        return await self.take(self.work.operating, lambda _: work(), _OPERATION_S)

    async def take(
        self,
        pool: Pool,
        work: Callable[[Job[T]], T],
        seconds: float,
        text: str | None = None,
    ) -> T:
        """Have work done in a pool, for as long as somebody waits for it."""
        async with leaving(self.request) as left:
            return await pool.run(work, seconds, text, left)

    def _look(
        self,
        look: Look,
        searcher: Searcher,
        clock: Clock,
        job: Job[bytes],
        key: Asked | None = None,
    ) -> Kept:
        with self.work.watched(job):
            reply = look(searcher, clock, job)
        answer = getattr(reply, "answer", None)
        self.work.fared(reply.legs, answer)
        kept = Kept.of(reply.model_dump_json().encode(), answer)
        if key is not None and _FINE.issuperset(reply.legs.values()):
            self.work.replies.put(searcher, key, kept)
        return kept


def _no_null(schema: dict[str, Any]) -> None:
    """What is not given is no header, and not the word null."""
    number = next(one for one in schema.pop("anyOf") if one["type"] == "number")
    schema.update(number)


async def _turn(
    request: Request,
    wanted: Annotated[
        float | None,
        Header(
            alias="X-Request-Timeout",
            ge=_LEAST_WANTED_S,
            allow_inf_nan=False,
            description="Seconds to wait at most; more than the service allows is cut to that",
            json_schema_extra=_no_null,
        ),
    ] = None,
) -> Turn:
    return Turn(request, wanted)


Turned = Annotated[Turn, Depends(_turn)]


@asynccontextmanager
async def leaving(request: Request) -> AsyncIterator[asyncio.Task[None]]:
    """Tell when a client leaves: a task that is done then."""

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(left())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
