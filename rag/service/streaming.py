"""A reply to a question as server-sent events, sentence by sentence."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from queue import SimpleQueue

from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from rag.answer import Asked, Listener, Looked
from rag.citing import Said
from rag.service.problems import problem_of

log = logging.getLogger(__name__)

Event = Looked | Said | Asked | Exception
Ask = Callable[[Listener], Asked]
Show = Callable[[Looked | Said | Asked], BaseModel]

_NAMES: dict[type, str] = {Looked: "found", Said: "sentence", Asked: "reply"}


class _GoneError(Exception):
    """Nobody listens any more."""


class _Reply(EventSourceResponse):
    """Says when it is over, also where whoever asked has gone away."""

    def __init__(self, events: Iterator[bytes], over: threading.Event) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store"})
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Not at the end of the iterator: the thread that ran it last may keep hold of it.
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._over.set()


def stream(ask: Ask, show: Show) -> EventSourceResponse:
    """Answer with `found`, then a `sentence` each, and last the whole `reply`.

    A question that is refused as such is refused before anything is sent. What fails later is
    told as `error`, with a problem as its data.

    Args:
        ask: Answers, and tells the listener what it is given of each step.
        show: What is sent of a step.

    Raises:
        NonmunError: As `ask` does.
    """
    events: SimpleQueue[Event] = SimpleQueue()
    gone = threading.Event()

    def tell(event: Looked | Said) -> None:
        if gone.is_set():
            raise _GoneError
        events.put(event)

    def run() -> None:
        try:
            events.put(ask(Listener(tell, tell)))
        except _GoneError:
            log.info("nobody waits for the rest of an answer")
        # Whatever it is, it is told to whoever asked.
        except Exception as error:
            events.put(error)

    threading.Thread(target=run, name="answer", daemon=True).start()
    first = events.get()
    if isinstance(first, Exception):
        raise first

    def send() -> Iterator[bytes]:
        event: Event = first
        yield _encode(event, show)
        while not isinstance(event, Asked | Exception):
            event = events.get()
            yield _encode(event, show)

    return _Reply(send(), gone)


def _encode(event: Event, show: Show) -> bytes:
    if isinstance(event, Exception):
        told = problem_of(event)
        if told.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("an answer broke off", exc_info=event)
        body = json.dumps(told.model_dump(), ensure_ascii=False)
        return format_sse_event(event="error", data_str=body)
    return format_sse_event(event=_NAMES[type(event)], data_str=show(event).model_dump_json())
