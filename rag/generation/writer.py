"""Who writes: a port, and the adapter for servers that speak OpenAI's chat protocol."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

from index.errors import SettingsError
from rag.generation.errors import Fallback, GenerationError
from rag.generation.settings import WriterSettings

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI
    from openai.types.chat import ChatCompletionMessageParam

log = logging.getLogger(__name__)

_AHEAD = 256  # pieces that wait to be read
# Everything else the client adds is about this machine, or from OPENAI_... variables.
_HEADERS = frozenset({"host", "accept", "accept-encoding", "connection", "user-agent"}) | {
    "content-type",
    "content-length",
}


class Writer(Protocol):
    """Writes a text. Safe to use from several threads."""

    def write(self, messages: Sequence[dict[str, str]], seconds: float) -> Iterator[str]:
        """Write an answer, piece by piece.

        Args:
            messages: In the form of OpenAI's chat protocol.
            seconds: How long that may take, from the first piece's request to the end.

        Raises:
            GenerationError: It did not come, or not to its end.
        """


class OpenAIWriter:
    """`Writer` over the `openai` client."""

    def __init__(self, settings: WriterSettings) -> None:
        """Prepare to write; nothing is sent yet.

        Raises:
            SettingsError: A setting can't be used, or the package is not installed.
        """
        _check(settings)
        self._settings = settings
        self._key = settings.api_key.strip()
        self._calls = threading.local()
        self._client = self._open()

    def write(self, messages: Sequence[dict[str, str]], seconds: float) -> Iterator[str]:
        """Write an answer, piece by piece, in at most so many seconds.

        The server is read in a thread of its own: what only drips, or sits in the look-up of
        a name, keeps that thread and not the caller.

        Raises:
            GenerationError: The server didn't answer, or not to its end.
        """
        call = _Call(time.monotonic() + seconds)
        threading.Thread(
            target=self._run, args=(call, messages), name="writer", daemon=True
        ).start()
        try:
            while (piece := call.next()) is not None:
                yield piece
        finally:
            call.hang_up()

    def _run(self, call: _Call, messages: Sequence[dict[str, str]]) -> None:
        self._calls.current = call
        reason = None
        try:
            self._read(call, messages)
        except Full:
            return  # nobody reads any more
        # Whatever a server or the library comes up with: the caller has to fall back.
        except Exception as error:
            reason = _reason(error, call.answered)
            if not call.is_over:
                status = getattr(error, "status_code", None)
                # The error's text may repeat the key.
                log.warning("no answer: %s (%s, %s)", reason, type(error).__name__, status)
        with suppress(Full):
            call.put(reason)

    def _read(self, call: _Call, messages: Sequence[dict[str, str]]) -> None:
        stream = self._client.chat.completions.create(
            model=self._settings.model,
            messages=cast("list[ChatCompletionMessageParam]", list(messages)),
            temperature=0,
            max_tokens=self._settings.max_tokens,
            stream=True,
            timeout=call.left(),
        )
        call.answered = True
        with stream:
            if not stream.response.headers.get("content-type", "").startswith("text/event-stream"):
                raise GenerationError(Fallback.MALFORMED)
            finished = False
            for chunk in stream:
                for choice in chunk.choices[:1]:
                    if choice.delta is not None and choice.delta.content:
                        call.put(_text(choice.delta.content))
                    finished = finished or choice.finish_reason is not None
            if not finished:  # a stream that breaks off between two lines looks like one that ends
                raise GenerationError(Fallback.MALFORMED)

    def _open(self) -> OpenAI:
        try:
            import httpx2
            from openai import OpenAI
        except ImportError:
            raise SettingsError(
                "generated answers need the openai client; pip install 'nonmun[generate]'"
            ) from None
        client = httpx2.Client(
            event_hooks={"request": [self._prepare]},
            # A call is ended by its connection, so no two share one.
            limits=httpx2.Limits(max_keepalive_connections=0),
            # Nobody but the server of the settings is to be told what is asked.
            follow_redirects=False,
        )
        # None would be taken from OPENAI_... variables; `_prepare` sets the true key.
        return OpenAI(
            base_url=self._settings.base_url,
            api_key="-",
            admin_api_key="",
            organization="",
            project="",
            webhook_secret="",
            max_retries=0,
            http_client=client,
        )

    def _prepare(self, request: httpx2.Request) -> None:
        """Send what the settings say and nothing else, over a connection that can be ended."""
        for name in set(request.headers) - _HEADERS:
            del request.headers[name]
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        request.extensions["trace"] = self._calls.current.trace


class _Call:
    """One request: what came, and the connection that it comes over."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._pieces: Queue[str | Fallback | None] = Queue(_AHEAD)
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.answered = False
        self.is_over = False

    def left(self) -> float:
        """How many seconds are left; never 0, which some take for no limit."""
        return max(self._deadline - time.monotonic(), 0.001)

    def put(self, piece: str | Fallback | None) -> None:
        """Hand on a piece, the reason why there are no more, or `None` at the end.

        Raises:
            Full: Nobody took one in time.
        """
        if self.is_over:
            raise Full
        self._pieces.put(piece, timeout=self.left())

    def next(self) -> str | None:
        """The next piece; `None` at the end.

        Raises:
            GenerationError: There will be none.
        """
        try:
            late = time.monotonic() >= self._deadline
            piece = Fallback.TIMED_OUT if late else self._pieces.get(timeout=self.left())
        except Empty:
            piece = Fallback.TIMED_OUT
        if isinstance(piece, Fallback):
            raise GenerationError(piece)
        return piece

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Note the connection, as the HTTP library reports it."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
            if self.is_over:
                self.hang_up()

    def hang_up(self) -> None:
        """End the connection, also under a thread that is waiting for it."""
        self.is_over = True
        with self._lock, suppress(OSError):
            if self._socket is not None:
                # Past TLS: whoever waits there would be handed half of a closing conversation.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        with suppress(Empty):  # let go of a thread that waits for room
            while True:
                self._pieces.get_nowait()


def _text(content: object) -> str:
    if not isinstance(content, str):
        raise GenerationError(Fallback.MALFORMED)
    return content


def _reason(error: Exception, answered: bool) -> Fallback:
    """What an error means, before the server answered or after."""
    import openai

    match error:
        case GenerationError():
            return error.reason
        case openai.APITimeoutError():
            return Fallback.TIMED_OUT
        case openai.RateLimitError():
            return Fallback.RATE_LIMITED
        case openai.APIStatusError():
            return Fallback.REFUSED if error.status_code < 500 else Fallback.FAILED
        case openai.APIConnectionError():
            return Fallback.MALFORMED if answered else Fallback.UNREACHABLE
        case openai.APIError():
            return Fallback.FAILED
    return Fallback.MALFORMED


def _check(settings: WriterSettings) -> None:
    """Refuse what would fail at the first question, or tell the key to a log."""
    try:
        url = urlsplit(settings.base_url)
        whole = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise SettingsError(
            "the base URL of generated answers should be as in http://127.0.0.1:8080/v1"
        )
    if url.username is not None or url.password is not None or url.query or url.fragment:
        raise SettingsError(
            "the base URL of generated answers can hold no user, password, query or fragment:"
            " it is logged; a key has a setting of its own"
        )
    if not settings.model.strip():
        raise SettingsError("generated answers need the name of a model")
    key = settings.api_key.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise SettingsError(
            "the API key of generated answers has characters that no HTTP header can carry"
        )
    if settings.max_tokens < 1 or not 0 < settings.timeout_s < float("inf"):
        raise SettingsError(
            "max_tokens and timeout_s of generated answers should be above 0, these are"
            f" {settings.max_tokens} and {settings.timeout_s}"
        )
