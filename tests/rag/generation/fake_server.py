"""A server on the loopback that speaks OpenAI's chat protocol as badly as it is told to."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Conversation(BaseHTTPRequestHandler):
    """One connection; the script says what to do with it."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen = Seen(self.path, dict(self.headers.items()), json.loads(body))
        self.server.fake.seen.append(seen)
        self.close_connection = True
        try:
            self.server.fake.script(self)
        except OSError:
            self.server.fake.hung_up.set()

    def begin(self, status: int = 200, kind: str = "text/event-stream") -> None:
        """Send the head; the body ends with the connection."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()

    def send(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()

    def wait(self, seconds: float) -> None:
        """Do nothing, but not after the test's end."""
        self.server.fake.over.wait(seconds)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fake: Fake


Script = Callable[[Conversation], None]


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Fake:
    """A running server: where it is, what it does next, what came."""

    script: Script
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve(script: Script) -> Iterator[Fake]:
    """A server on a free port until the block ends."""
    fake = Fake(script)
    server = _Server(("127.0.0.1", 0), Conversation)
    server.fake = fake
    fake.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> str:
    """The address of a port where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> str:
    """One chunk as a server sends it."""
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "fake",
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}],
        **more,
    }
    return f"data: {json.dumps(chunk)}\n\n"


def say(*pieces: str, finish: str | None = "stop", done: bool = True) -> Script:
    """A good stream; without `finish` it is one that just ends."""

    def script(to: Conversation) -> None:
        to.begin()
        to.send(event({"role": "assistant", "content": None}))
        for piece in pieces:
            to.send(event({"content": piece}))
        if finish:
            to.send(event(finish=finish))
        if done:
            to.send("data: [DONE]\n\n")

    return script


def raw(body: str, status: int = 200, kind: str = "text/event-stream") -> Script:
    """Any reply."""

    def script(to: Conversation) -> None:
        to.begin(status, kind)
        to.send(body)

    return script


def answer_status(status: int, message: str = "no") -> Script:
    """An error as OpenAI reports it."""
    return raw(json.dumps({"error": {"message": message}}), status, "application/json")


def hang(after_head: bool) -> Script:
    """Accept, and never answer."""

    def script(to: Conversation) -> None:
        if after_head:
            to.begin()
        to.wait(30)

    return script


def slow(seconds: float, *pieces: str) -> Script:
    """Answer well, but late."""

    def script(to: Conversation) -> None:
        to.wait(seconds)
        say(*pieces)(to)

    return script


def drip(text: str, seconds: float, status_line: bool = False) -> Script:
    """A byte every so often, of the body or of the head: never silent for long, never done."""

    def script(to: Conversation) -> None:
        if status_line:
            to.send("HTTP/1.1 200 OK\r\nX-Slow: ")
        else:
            to.begin()
        for byte in (text * 1000)[:1000]:
            to.send(byte)
            to.wait(seconds)
            if to.server.fake.over.is_set():
                return

    return script


def break_off(*pieces: str) -> Script:
    """Promise more than is sent, then reset the connection."""

    def script(to: Conversation) -> None:
        to.send_response(200)
        to.send_header("Content-Type", "text/event-stream")
        to.send_header("Content-Length", "100000")
        to.end_headers()
        for piece in pieces:
            to.send(event({"content": piece}))

    return script


def endless(pieces: Sequence[str], seconds: float = 0.0) -> Script:
    """Say the same again and again, until the other side hangs up."""

    def script(to: Conversation) -> None:
        to.begin()
        while not to.server.fake.over.is_set():
            for piece in pieces:
                to.send(event({"content": piece}))
            time.sleep(seconds)

    return script
