"""Every request: its id, its line in the log, what is counted of it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.service.observing import Metrics, request_id
from tests.rag.service.observing.enclosing import observe

QUERY = "검색 증강 생성은 어떻게 하나?"
SECRET = "s3cr3t-key-of-a-client"


class RefusesDeletes:
    """Answers before a request gets to the app, as limits do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = scope["type"] == "http" and scope["method"] == "DELETE"
        answer = JSONResponse(None, 403) if refused else self._app
        await answer(scope, receive, send)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def app(metrics: Metrics, tmp_path: Path) -> FastAPI:
    app = FastAPI()
    router = APIRouter()

    @router.get("/papers/{paper:path}/similar")
    def get_similar(paper: str) -> str | None:
        return request_id()

    @router.post("/search")
    async def post_search(request: Request) -> int:
        request.scope["state"]["key_name"] = "team-a"
        return len((await request.json())["query"])

    @app.get("/fails")
    def get_fails() -> None:
        raise ValueError(QUERY)

    @app.get("/missing")
    def get_missing() -> None:
        raise HTTPException(404)

    @app.get("/healthz")
    def get_health() -> str:
        return "ok"

    @app.get("/stream")
    def get_stream(fail: bool = False) -> StreamingResponse:
        def parts() -> Iterator[bytes]:
            yield b"one"
            if fail:
                raise ValueError("broke off")
            yield b"three"

        return StreamingResponse(parts())

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        logging.getLogger("rag").error("failed for %s", request_id())
        return JSONResponse({"status": 500}, 500)

    observe(app, metrics)
    app.add_middleware(RefusesDeletes)
    app.include_router(router, prefix="/v1")
    (tmp_path / "index.html").write_text("<p>")
    app.mount("/web", StaticFiles(directory=tmp_path))
    return app


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, raise_server_exceptions=False)


def counted(metrics: Metrics) -> dict[tuple[str, str, str], float]:
    """How many requests, by route, method and status."""
    return {
        (one.labels["route"], one.labels["method"], one.labels["status"]): one.value
        for family in text_string_to_metric_families(metrics.render().content.decode())
        for one in family.samples
        if one.name == "nonmun_requests_total"
    }


def test_a_plain_id_is_taken_and_returned(client: TestClient) -> None:
    name = "Run_7.a-" + "b" * 120
    reply = client.get("/v1/papers/1/similar", headers={"X-Request-ID": name})
    assert reply.json() == reply.headers["X-Request-ID"] == name


@pytest.mark.parametrize(
    "hostile",
    [b"", b"a b", b"\r\nX: y", b"a\nb", b"a\r\nX: y", b"b" * 129, b"c" * 10_000, "id한".encode()],
)
def test_any_other_id_is_replaced(app: FastAPI, hostile: bytes) -> None:
    headers = dict(_call(app, "/healthz", headers=[(b"x-request-id", hostile)])[0]["headers"])
    assert re.fullmatch(rb"[0-9a-f]{32}", headers[b"x-request-id"])


def test_requests_without_an_id_get_one_each(client: TestClient) -> None:
    names = {client.get("/healthz").headers["X-Request-ID"] for _ in range(3)}
    assert len(names) == 3


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/missing", 404),
        ("POST", "/healthz", 405),
        ("GET", "/fails", 500),
    ],
)
def test_errors_have_the_id_too(
    client: TestClient,
    method: str,
    path: str,
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    reply = client.request(method, path, headers={"X-Request-ID": "a1"})
    assert reply.status_code == status
    assert reply.headers.get_list("X-Request-ID") == ["a1"]
    if status == 500:  # what is logged of the error is told apart by it as well
        assert "failed for a1" in caplog.messages


def test_what_a_middleware_refuses_has_the_id_and_is_counted(
    client: TestClient, metrics: Metrics
) -> None:
    reply = client.delete("/healthz")
    assert reply.status_code == 403
    assert reply.headers["X-Request-ID"]
    assert counted(metrics) == {("unknown", "DELETE", "403"): 1}


def test_an_id_that_the_app_sets_is_not_sent_beside_ours(metrics: Metrics) -> None:
    app = FastAPI()

    @app.get("/")
    def get_root() -> JSONResponse:
        return JSONResponse(1, headers={"X-Request-ID": "theirs"})

    observe(app, metrics)
    reply = TestClient(app).get("/", headers={"X-Request-ID": "a1"})
    assert reply.headers.get_list("X-Request-ID") == ["a1"]


def test_requests_are_counted_by_template(client: TestClient, metrics: Metrics) -> None:
    for paper in range(5):
        client.get(f"/v1/papers/2401.0000{paper}/similar?top_k={paper}")
        client.get(f"/nowhere/{paper}")
        client.get(f"/web/{paper}")
    client.get("/fails")
    client.get("/docs")
    client.get("/web/index.html")
    client.put("/healthz")
    assert counted(metrics) == {
        ("/v1/papers/{paper}/similar", "GET", "200"): 5,
        ("unknown", "GET", "404"): 5,
        ("/web/{path}", "GET", "404"): 5,
        ("/web/{path}", "GET", "200"): 1,
        ("/fails", "GET", "500"): 1,
        ("/docs", "GET", "200"): 1,
        ("/healthz", "PUT", "405"): 1,
    }


def test_no_method_makes_a_series_of_its_own(
    client: TestClient, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rag")
    for place in range(20):
        client.request(f"X{place}", f"/{place}")
    client.request("get", "/healthz")  # as httpx sends it: GET
    assert counted(metrics) == {("unknown", "other", "404"): 20, ("/healthz", "GET", "200"): 1}
    shown = [one.getMessage()[:18] for one in _access(caplog)]
    assert shown == ["other unknown 404 "] * 20


def test_the_time_is_measured_by_template(client: TestClient, metrics: Metrics) -> None:
    client.get("/v1/papers/a/similar")
    text = metrics.render().content.decode()
    assert 'nonmun_request_seconds_count{route="/v1/papers/{paper}/similar"} 1.0' in text


def _access(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.name == "rag.access"]


def test_a_line_a_request(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rag")
    client.get("/v1/papers/a%20b/similar?text=hidden")
    client.post("/v1/search", json={"query": QUERY})
    plain, named = _access(caplog)
    assert re.fullmatch(
        r"GET /v1/papers/\{paper\}/similar 200 [\d.]+ ms 34 bytes", plain.getMessage()
    )
    assert re.fullmatch(r"POST /v1/search 200 [\d.]+ ms 2 bytes key team-a", named.getMessage())
    assert not hasattr(plain, "key")
    fields = {name: named.__dict__[name] for name in ("method", "route", "status", "bytes", "key")}
    assert fields == {
        "method": "POST",
        "route": "/v1/search",
        "status": 200,
        "bytes": 2,
        "key": "team-a",
    }


def test_what_machines_ask_is_logged_for_debugging_only(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "rag")
    client.get("/healthz")
    client.get("/docs")
    assert [one.levelname for one in _access(caplog)] == ["DEBUG", "INFO"]


def test_neither_queries_nor_keys_are_logged(
    client: TestClient, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("Authorization", "X-API-Key", "Cookie", "X-Request-ID"):
        value = f"Bearer {SECRET}"
        client.post("/v1/search", json={"query": QUERY}, headers={name: value})
        client.get("/nowhere", params={"query": QUERY, "key": SECRET}, headers={name: value})
    ours = [one for one in caplog.records if one.name.startswith("rag")]
    assert len(_access(caplog)) == 8
    told = "".join(str(one.__dict__) for one in ours) + metrics.render().content.decode()
    assert SECRET not in told
    assert QUERY not in told


def test_responses_pass_as_they_come(metrics: Metrics) -> None:
    """The second part is not made before the first has been sent."""
    sent: list[bytes] = []
    at_second: list[bytes] = []
    app = FastAPI()

    @app.get("/")
    async def get_root() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            at_second.extend(sent)
            yield b"two"

        return StreamingResponse(parts())

    observe(app, metrics)
    _call(app, "/", sent=sent)
    assert at_second == [b"one"]
    assert sent == [b"one", b"two", b""]


def test_bytes_of_a_stream_are_counted(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rag")
    client.get("/stream")
    assert _access(caplog)[0].__dict__["bytes"] == 8


def test_a_response_that_breaks_off_counts_as_failed(client: TestClient, metrics: Metrics) -> None:
    client.get("/stream?fail=true")
    assert counted(metrics) == {("/stream", "GET", "500"): 1}


def test_an_error_that_nothing_answers_counts_as_failed(metrics: Metrics) -> None:
    async def fails(request: Request) -> Response:
        raise KeyboardInterrupt

    app = FastAPI()
    app.add_route("/", fails)
    observe(app, metrics)
    with pytest.raises(KeyboardInterrupt):
        _call(app, "/")
    assert counted(metrics) == {("/", "GET", "500"): 1}


def test_a_client_that_leaves_before_the_response_is_told_apart(metrics: Metrics) -> None:
    app = FastAPI()

    @app.post("/gone")
    async def post_gone(request: Request) -> None:
        while not await request.is_disconnected():
            await asyncio.sleep(0)
        raise ClientDisconnect

    @app.post("/late")
    async def post_late(request: Request) -> int:
        while not await request.is_disconnected():
            await asyncio.sleep(0)
        return 1  # reaches nobody

    observe(app, metrics)
    with pytest.raises(ClientDisconnect):
        _call(app, "/gone", "POST", leaves=True)
    _call(app, "/late", "POST", leaves=True)
    assert counted(metrics) == {("/gone", "POST", "499"): 1, ("/late", "POST", "499"): 1}


def test_a_client_that_leaves_amid_a_stream_is_no_failure(metrics: Metrics) -> None:
    app = FastAPI()

    @app.get("/")
    def get_root() -> StreamingResponse:
        return StreamingResponse(iter([b"one", b"two"]))

    observe(app, metrics)
    with pytest.raises(ClientDisconnect):
        _call(app, "/", gone_after=1)
    assert counted(metrics) == {("/", "GET", "200"): 1}


def test_two_requests_at_once_keep_their_ids(metrics: Metrics) -> None:
    app = FastAPI()
    both = asyncio.Barrier(2)

    @app.get("/")
    async def get_root() -> str | None:
        await both.wait()
        return request_id()

    observe(app, metrics)

    async def ask_both() -> list[list[Message]]:
        ids = b"first", b"second"
        asked = (_exchange(app, "/", headers=[(b"x-request-id", one)]) for one in ids)
        return await asyncio.gather(*asked)

    bodies = [sent[1]["body"] for sent in asyncio.run(ask_both())]
    assert bodies == [b'"first"', b'"second"']


def test_a_request_leaves_no_id_behind(app: FastAPI) -> None:
    async def ask_and_look() -> str | None:
        await _exchange(app, "/healthz")
        return request_id()

    assert asyncio.run(ask_and_look()) is None


def _call(app: FastAPI, path: str, method: str = "GET", **more: Any) -> list[Message]:
    return asyncio.run(_exchange(app, path, method, **more))


async def _exchange(
    app: FastAPI,
    path: str,
    method: str = "GET",
    headers: list[tuple[bytes, bytes]] | None = None,
    sent: list[bytes] | None = None,
    leaves: bool = False,
    gone_after: int | None = None,
) -> list[Message]:
    """A request to an app, as no client library would send or drop it; what was sent back."""
    messages: list[Message] = []
    incoming: list[Message] = [{"type": "http.request", "body": b""}]
    incoming += [{"type": "http.disconnect"}] * leaves

    async def receive() -> Message:
        if not incoming:
            await asyncio.Event().wait()
        return incoming.pop(0) if len(incoming) > leaves else incoming[0]

    async def send(message: Message) -> None:
        messages.append(message)
        if message["type"] == "http.response.body":
            if sent is not None:
                sent.append(message["body"])
            if gone_after is not None and len(messages) > gone_after:
                raise OSError("gone")

    scope = {
        "type": "http",
        # From this on, what is sent to nobody is an OSError.
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers or [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await app(scope, receive, send)
    return messages
