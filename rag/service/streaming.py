"""A reply to a question as server-sent events, sentence by sentence."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from rag.answer import Asked, Listener, Looked
from rag.citing import Said
from rag.clock import Clock
from rag.search import Searcher
from rag.service.pool import Job, LateError, LeftError, Pool
from rag.service.problems import discreet, problem_of
from rag.service.work import Turn, leaving

log = logging.getLogger(__name__)

T = TypeVar("T")
Step = Looked | Said | Asked
Ask = Callable[[Searcher, Job[None], Listener], Asked]
Show = Callable[[Step, Searcher, Clock], BaseModel]

_NAMES: dict[type, str] = {Looked: "found", Said: "sentence", Asked: "reply"}
_LAST = Asked


class _Reply(EventSourceResponse):
    """Gives up the work when it is over, also where whoever asked has gone away."""

    def __init__(self, events: AsyncIterator[bytes], pool: Pool, job: Job[None]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store"})
        self._pool = pool
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Not at the end of the iterator: one that was never begun has none.
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pool.abandon(self._job)


async def stream(turn: Turn, question: str, ask: Ask, show: Show) -> EventSourceResponse:
    """Answer with `found`, then a `sentence` each, and last the whole `reply`.

    A question that is refused as such is refused before anything is sent. What fails later is
    told as `error`, with a problem as its data.

    Args:
        turn: Whose turn it is.
        question: To be encoded.
        ask: Answers, and tells the listener of each step.
        show: What is sent of a step.

    Raises:
        NonmunError: As `ask` does.
        FullError: Too many wait.
        LateError: Nothing was found in time.
        LeftError: Whoever asked has left.
    """
    pool = turn.work.pool_of(writes=True)
    more = turn.work.settings.generate.timeout_s if pool is turn.work.writing else 0.0
    seconds = turn.seconds(more)
    steps: asyncio.Queue[tuple[bytes, bool] | Exception] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def put(step: tuple[bytes, bool] | Exception) -> None:
        loop.call_soon_threadsafe(steps.put_nowait, step)

    def run(job: Job[None]) -> None:
        clock = Clock()

        def tell(step: Step) -> None:
            job.give_up()
            event = format_sse_event(
                event=_NAMES[type(step)], data_str=show(step, searcher, clock).model_dump_json()
            )
            put((event, isinstance(step, _LAST)))

        try:
            searcher = turn.work.live.searcher
            with turn.work.watched(job):
                asked = ask(searcher, job, Listener(tell, tell))
            turn.work.fared(asked.found.legs, asked.answer)
            tell(asked)
        # Whatever it is, it is told to whoever asked.
        except Exception as error:
            put(error)

    job = pool.submit(run, seconds, question)

    async def take() -> tuple[bytes, bool]:
        try:
            async with asyncio.timeout(max(0.0, job.left)):
                step = await steps.get()
        except TimeoutError:
            raise LateError(seconds) from None
        if isinstance(step, Exception):
            raise step
        return step

    try:
        first = await _unless_left(turn, take())
    except BaseException:
        pool.abandon(job)
        raise

    async def send() -> AsyncIterator[bytes]:
        event, is_last = first
        yield event
        try:
            while not is_last:
                event, is_last = await take()
                yield event
        # The status is sent already.
        except Exception as error:
            yield _broken(error, turn.work.live.store.folder)

    return _Reply(send(), pool, job)


async def _unless_left(turn: Turn, taking: Coroutine[Any, Any, T]) -> T:
    """What is taken, unless whoever asked leaves before.

    Raises:
        LeftError: They did.
    """
    task = asyncio.ensure_future(taking)
    async with leaving(turn.request) as left:
        try:
            await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise LeftError
            return task.result()
        finally:
            task.cancel()


def _broken(error: Exception, folder: Path) -> bytes:
    told = problem_of(error)
    if told.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("an answer broke off", exc_info=error)
    told.detail = discreet(told.detail, folder)
    body = json.dumps(told.model_dump(), ensure_ascii=False)
    return format_sse_event(event="error", data_str=body)
