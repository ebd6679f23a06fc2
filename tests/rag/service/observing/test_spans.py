"""Traces: a span a request, and within it one a stage."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue

import pytest
from fastapi import Body, FastAPI, HTTPException
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from index.errors import SettingsError
from index.stages import Stage, stage, watched
from rag.search import Searcher
from rag.service.observing import Metrics, RequestWatcher, current_span, open_tracer
from rag.service.observing import otel as adapter
from rag.service.observing.otel import OpenTelemetry
from tests.rag.service.observing.enclosing import observe

QUERY = "검색 증강 생성은 문서를 어떻게 찾나?"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def client(exported: InMemorySpanExporter, searcher: Searcher) -> TestClient:
    app, metrics = FastAPI(), Metrics()

    @app.post("/v1/search")
    def post_search(query: str = Body()) -> int:
        with watched(RequestWatcher(metrics)):
            return len(searcher.search(query).hits)

    @app.get("/v1/papers/{paper}")
    def get_paper(paper: str) -> None:
        raise HTTPException(404)

    @app.get("/fails")
    def get_fails() -> None:
        with watched(RequestWatcher(metrics)), stage(Stage.READ), stage(Stage.ANSWER):
            raise ValueError(QUERY)

    observe(app, metrics, OpenTelemetry(SimpleSpanProcessor(exported), "nonmun"))
    return TestClient(app, raise_server_exceptions=False)


def _request(exported: InMemorySpanExporter) -> ReadableSpan:
    (found,) = (one for one in exported.get_finished_spans() if one.kind is SpanKind.SERVER)
    return found


def _id(span: ReadableSpan) -> int:
    assert span.context
    return int(span.context.span_id)


def test_a_search_is_a_tree(client: TestClient, exported: InMemorySpanExporter) -> None:
    client.post("/v1/search", json=QUERY, headers={"X-Request-ID": "a1"})
    request, spans = _request(exported), exported.get_finished_spans()
    assert request.name == "POST /v1/search"
    assert request.parent is None
    assert request.resource.attributes["service.name"] == "nonmun"
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/search",
        "http.response.status_code": 200,
        "nonmun.request_id": "a1",
    }
    names = {_id(one): one.name for one in spans}
    tree = {(names[one.parent.span_id], one.name) for one in spans if one.parent}
    stages = {str(one) for one in Stage} - {"encode"}
    assert {(request.name, one) for one in ("lexical", "dense", "late", "fuse")} <= tree
    assert ("dense", "encode") in tree
    for parent, name in tree:
        assert name in {"encode"} | stages
        assert parent in stages if name == "encode" else parent == request.name
    assert len({one.context.trace_id for one in spans if one.context}) == 1
    for one in spans:
        assert request.start_time <= one.start_time <= one.end_time <= request.end_time  # type: ignore[operator]


def test_no_text_of_a_query_is_traced(client: TestClient, exported: InMemorySpanExporter) -> None:
    client.post("/v1/search", json=QUERY)
    client.get("/fails", params={"query": QUERY}, headers={"Authorization": "Bearer s3cr3t"})
    told = "".join(one.to_json(indent=None) for one in exported.get_finished_spans())
    told = told.encode().decode("unicode_escape")
    assert "POST /v1/search" in told
    assert QUERY not in told
    assert "s3cr3t" not in told
    assert "ValueError" not in told


def test_the_parent_is_the_clients(client: TestClient, exported: InMemorySpanExporter) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
    client.get("/v1/papers/1", headers=headers)
    request = _request(exported)
    assert request.parent
    assert request.parent.span_id == int(PARENT, 16)
    assert request.context
    assert request.context.trace_id == int(TRACE, 16)
    assert request.context.trace_state.to_header() == "vendor=1"


@pytest.mark.parametrize(
    "hostile", ["", "x" * 10_000, f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01-x"]
)
def test_no_other_parent_is_taken(
    client: TestClient, exported: InMemorySpanExporter, hostile: str
) -> None:
    client.get("/v1/papers/1", headers={"traceparent": hostile})
    assert _request(exported).parent is None


def test_what_the_client_does_not_sample_is_not_traced(
    client: TestClient, exported: InMemorySpanExporter
) -> None:
    client.post("/v1/search", json=QUERY, headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert exported.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("method", "path", "name", "status", "code"),
    [
        ("GET", "/v1/papers/1", "GET /v1/papers/{paper}", 404, StatusCode.UNSET),
        ("GET", "/nowhere", "GET", 404, StatusCode.UNSET),
        ("BREW", "/v1/papers/1", "HTTP /v1/papers/{paper}", 405, StatusCode.UNSET),
        ("GET", "/fails", "GET /fails", 500, StatusCode.ERROR),
    ],
)
def test_what_became_of_a_request_is_told(
    client: TestClient,
    exported: InMemorySpanExporter,
    method: str,
    path: str,
    name: str,
    status: int,
    code: StatusCode,
) -> None:
    client.request(method, path)
    request = _request(exported)
    assert request.name == name
    assert request.status.status_code is code
    assert request.attributes
    assert request.attributes["http.response.status_code"] == status
    assert request.attributes["http.request.method"] == ("GET" if method == "GET" else "_OTHER")
    assert ("error.type" in request.attributes) is (status == 500)
    assert ("http.route" in request.attributes) is (path != "/nowhere")


def test_spans_of_stages_that_fail_end(client: TestClient, exported: InMemorySpanExporter) -> None:
    client.get("/fails")
    assert [one.name for one in exported.get_finished_spans()] == ["answer", "read", "GET /fails"]


def test_without_tracing_there_is_no_span() -> None:
    app = FastAPI()

    @app.get("/")
    def get_root() -> bool:
        return current_span() is None

    observe(app, Metrics())
    assert TestClient(app).get("/").json() is True


class _Collector(BaseHTTPRequestHandler):
    got: SimpleQueue[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.got.put((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[HTTPServer]:
    _Collector.got = SimpleQueue()
    with HTTPServer(("127.0.0.1", 0), _Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_collector_is_sent_all_there_is_at_the_end(collector: HTTPServer) -> None:
    tracing = open_tracer(f"http://127.0.0.1:{collector.server_port}/v1/traces", "ours")
    tracing.begin("a1", []).answer("GET", "/healthz", 200)
    tracing.shutdown()
    path, body = _Collector.got.get_nowait()
    assert path == "/v1/traces"
    (sent,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert sent.scope_spans[0].spans[0].name == "GET /healthz"
    attributes = {one.key: one.value.string_value for one in sent.resource.attributes}
    assert attributes["service.name"] == "ours"


def test_a_collector_that_hangs_does_not_hold_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "SHUTDOWN_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        tracing = open_tracer(f"http://127.0.0.1:{hanging.getsockname()[1]}/v1/traces")
        tracing.begin("a1", []).answer("GET", "/healthz", 200)
        begun = time.monotonic()
        tracing.shutdown()
        assert time.monotonic() - begun < 2


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "rag.service.observing.otel")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"pip install 'nonmun\[otel\]'"):
        open_tracer("http://127.0.0.1:1/v1/traces")


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(SettingsError, match="not 'localhost:4318'"):
        open_tracer("localhost:4318")
