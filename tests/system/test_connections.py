"""Connections that are slow, idle, too many or no HTTP, against a service as a user runs it."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest

from index.store import Store
from tests.services import Service

IDLE_S = 1.0
MOST = 20
SEARCH = b'{"query": "a"}'
HEAD = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def service(store: Store) -> Iterator[Service]:
    limits = {"NONMUN_SERVER__IDLE_S": str(IDLE_S), "NONMUN_SERVER__CONNECTIONS": str(MOST)}
    with Service(store.folder, **limits) as running:
        yield running


def _connect(service: Service) -> socket.socket:
    parts = urlsplit(service.url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def _rest(connection: socket.socket) -> bytes:
    """All that comes until the service closes."""
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def _status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def _health(connection: socket.socket) -> int | None:
    """The status of a whole reply, which may come in pieces; `None` where it was closed."""
    reply = HTTPResponse(connection)
    try:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reply.begin()
    except ConnectionError:  # RemoteDisconnected is one
        return None
    reply.read()
    return reply.status


def _still_answers(service: Service) -> None:
    assert service.search("강화 학습")["papers"]


def test_one_that_says_nothing_is_closed(service: Service) -> None:
    with _connect(service) as idle:
        begun = time.monotonic()
        assert _rest(idle) == b""
        assert IDLE_S * 0.9 < time.monotonic() - begun < IDLE_S + 2


def test_one_that_has_asked_and_then_says_nothing_is_closed(service: Service) -> None:
    with _connect(service) as kept:
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        begun = time.monotonic()
        assert _status(_rest(kept)) == 200
        assert IDLE_S * 0.9 < time.monotonic() - begun < IDLE_S + 2


def test_a_head_that_drips_is_cut_off_with_a_408(service: Service) -> None:
    with _connect(service) as slow:
        begun = time.monotonic()
        slow.setblocking(True)
        slow.settimeout(0.05)
        reply = b""
        for byte in HEAD * 100:
            try:
                slow.sendall(bytes([byte]))
                reply += slow.recv(1000)
            except TimeoutError:
                continue
            except OSError:
                break
            if reply or time.monotonic() - begun < IDLE_S * 0.8:
                break
        assert _status(reply) == 408
        assert time.monotonic() - begun < IDLE_S + 2


def test_a_body_that_drips_is_cut_off_with_a_408(service: Service) -> None:
    with _connect(service) as slow:
        slow.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        begun = time.monotonic()
        reply = _rest(slow)
        assert _status(reply) == 408
        assert b"application/problem+json" in reply
        assert time.monotonic() - begun < IDLE_S + 2


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000, 431),  # it never ends
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"x" * 400_000, 414),
        (b"what is this?\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # it speaks TLS
        (b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n", 400),
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length: 14\r\nContent-Length: 15\r\n\r\n" + SEARCH, 400),
        (HEAD + b"Content-Length: x\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (HEAD + b"Content-Length: 99999999999\r\n\r\n", 413),
    ],
)
def test_what_is_no_request_is_refused(service: Service, sent: bytes, status: int) -> None:
    with _connect(service) as odd:
        odd.sendall(sent)
        assert _status(_rest(odd)) == status
    _still_answers(service)


def test_one_that_reads_nothing_is_cut_off(service: Service) -> None:
    """With a reply that no buffer on the way takes whole."""
    before = service.memory()
    asked = b'{"query": "model", "top_k": 100, "passages_per_paper": 20}'
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(asked) + asked
    with _connect(service) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(1)
        begun = time.monotonic()
        try:
            for _ in range(10_000):
                deaf.sendall(request)
                assert time.monotonic() - begun < 20
        except OSError:
            pass
    _still_answers(service)
    assert service.memory() < before + 50


def test_what_was_cut_off_is_counted(service: Service) -> None:
    with _connect(service) as odd:
        odd.sendall(b"no request\r\n\r\n")
        _rest(odd)
    with _connect(service) as slow:
        slow.sendall(b"GET / HT")
        assert _status(_rest(slow)) == 408
    with _connect(service) as asking:
        asking.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        told = _rest(asking).decode()
    for reason in ("no_request", "too_slow"):
        found = re.search(rf'nonmun_refused_total\{{reason="{reason}"\}} (\S+)', told)
        assert found
        assert float(found.group(1)) >= 1


def test_two_requests_in_one_piece_are_both_answered(service: Service) -> None:
    one = HEAD + b"Content-Length: %d\r\n\r\n" % len(SEARCH) + SEARCH
    with _connect(service) as both:
        both.sendall(one + one)
        assert _rest(both).count(b"HTTP/1.1 200 OK") == 2


def test_a_request_that_follows_in_one_piece_has_the_same_limits(service: Service) -> None:
    with _connect(service) as both:
        both.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nX: ")
        try:
            for _ in range(100):
                both.sendall(b"x" * 4_000)
                time.sleep(0.005)
        except OSError:
            pass
        reply = _rest(both)
        assert len(reply) < 10_000
        assert b"431" in reply or not reply.count(b"HTTP/1.1") > 1
    _still_answers(service)


def test_of_too_many_that_never_asked_the_oldest_makes_room(service: Service) -> None:
    with ExitStack() as open_ones:
        idle = [open_ones.enter_context(_connect(service)) for _ in range(3 * MOST)]
        begun = time.monotonic()
        _still_answers(service)
        assert time.monotonic() - begun < IDLE_S
        assert _rest(idle[0]) == b""
        assert time.monotonic() - begun < IDLE_S  # at once, not when its time was over


def test_a_crowd_that_never_asks_drives_out_nobody_who_has(service: Service) -> None:
    for _ in range(10):  # a busy machine may take longer than one may be idle
        with ExitStack() as open_ones:
            kept = open_ones.enter_context(_connect(service))
            assert _health(kept) == 200
            begun = time.monotonic()
            # It has been idle for longer than any of these.
            crowd = [open_ones.enter_context(_connect(service)) for _ in range(3 * MOST)]
            assert _rest(crowd[0]) == b""
            status = _health(kept)
            if status or time.monotonic() - begun < IDLE_S * 0.8:
                break
    assert status == 200


def test_where_all_are_at_work_another_is_told_to_come_later(service: Service) -> None:
    with ExitStack() as open_ones:
        busy = [open_ones.enter_context(_connect(service)) for _ in range(MOST)]
        for one in busy:  # the body is to come
            one.sendall(HEAD + b"Content-Length: 14\r\n\r\n")
        deadline = time.monotonic() + IDLE_S
        while True:
            with _connect(service) as another:
                another.sendall(
                    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                reply = _rest(another)
            if _status(reply) == 503:
                break
            assert time.monotonic() < deadline
        assert b"retry-after: 1\r\n" in reply
        for one in busy:
            one.sendall(SEARCH)
        assert all(_status(one.recv(100)) == 200 for one in busy)
