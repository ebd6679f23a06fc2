"""The OpenAPI document and the service say the same, whatever is asked.

A few requests of every kind by default; thousands with `-m long`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, BaseSchema, Case, CheckFunction, GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from index.store import Store
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings

Operation = APIOperation[Any, Any, Any, Any]

KEY = "contract"
SECONDS = 2.0
FEW, MANY, IN_ALL = 8, 160, 5_000
OPERATIONS = [
    "POST /v1/search",
    "POST /v1/ask",
    "POST /v1/similar",
    "GET /v1/papers/{paper}",
    "GET /v1/papers/{paper}/similar",
    "GET /v1/map",
    "GET /v1/index",
    "POST /v1/index/versions/{version}/activate",
    "POST /v1/index/builds",
    "GET /v1/index/builds",
    "GET /v1/index/builds/{build}",
    "POST /v1/index/builds/{build}/cancel",
    "GET /healthz",
    "GET /readyz",
]
# What no JSON schema says: a request that fits it may be refused for these reasons alone.
BEYOND_SCHEMAS = ("should have a word in it", "name a paper or give a text")
PAPER = "2305.18290"
SEARCH = "/v1/search"
JSON = {"content-type": "application/json"}


class Caller(StrEnum):
    """Who asks."""

    NOBODY = "nobody"
    ADMIN = "admin"

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {KEY}"} if self is Caller.ADMIN else {}


@dataclass
class Run:
    """Requests that were sent, and what was wrong with the replies, once each."""

    asked: int = 0
    wrong: dict[tuple[str, ...], str] = field(default_factory=dict)

    def ask(self, case: Case[Any], caller: Caller) -> None:
        """Send one, and check the reply in every way there is."""
        self.asked += 1
        response = case.call(headers=caller.headers)
        excluded: list[CheckFunction] = []
        if _is_beyond_schemas(response):
            excluded.append(positive_data_acceptance)
        if response.status_code == 504 and "X-Request-Timeout" in case.headers:
            excluded.append(not_a_server_error)  # it may ask for no time at all
        try:
            case.validate_response(
                response,
                excluded_checks=excluded,
                headers=caller.headers,
                transport_kwargs={"headers": caller.headers},
            )
        except FailureGroup as group:
            kinds = sorted({type(one).__name__ for one in group.exceptions})
            self.wrong.setdefault(
                (case.operation.label, str(response.status_code), *kinds), str(group)
            )

    def report(self) -> str:
        return "\n\n".join(f"{' '.join(kind)}\n{text}" for kind, text in self.wrong.items())


def _is_beyond_schemas(response: Any) -> bool:
    if response.status_code != 422:
        return False
    body = response.json()
    reasons = [error["allowed"] for error in body["errors"]] or [body["detail"]]
    return all(reason.startswith(BEYOND_SCHEMAS) for reason in reasons)


def _explore(
    run: Run,
    document: BaseSchema,
    operation: Operation,
    caller: Caller,
    examples: int,
) -> None:
    """Ask what the document's bounds suggest, then what chance does, right and wrong."""
    modes = list(GenerationMode)
    generation = document.config.generation_for(operation=operation)
    for case in document.iter_coverage_cases(
        operation, generation_modes=modes, generation_config=generation
    ):
        run.ask(case, caller)
    for mode in modes:

        @hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=examples == FEW,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def ask(case: Case[Any]) -> None:
            run.ask(case, caller)

        try:
            ask()
        except Unsatisfiable:
            # A path that is any text can't be wrong.
            assert mode is GenerationMode.NEGATIVE
            assert not operation.body


@pytest.fixture(scope="module")
def app(store: Store, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """A service of its own data and without sources, so that no request builds anything."""
    folder = tmp_path_factory.mktemp("contract") / "data"
    shutil.copytree(store.folder, folder)
    settings = Settings.model_validate(
        {"data": folder, "server": {"admin_key": KEY, "anonymous": True}}
    )
    live = Live(Store(folder), settings)
    live.refresh()
    return create_app(live, settings)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def document(app: FastAPI, client: TestClient) -> BaseSchema:
    load_all_checks()
    config = SchemathesisConfig.from_dict({"checks": {"max_response_time": SECONDS}})
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=config)


@pytest.fixture(scope="module")
def operations(document: BaseSchema) -> dict[str, Operation]:
    found = {}
    for one in document.get_all_operations():
        assert isinstance(one, Ok), one
        operation = one.ok()
        found[operation.label] = operation
    return found


@pytest.fixture(scope="module")
def paths(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()["paths"]
    return found


class TestEveryRequest:
    def test_none_is_left_out(self, operations: dict[str, object]) -> None:
        assert sorted(operations) == sorted(OPERATIONS)

    @pytest.mark.parametrize("caller", Caller)
    @pytest.mark.parametrize("label", OPERATIONS)
    def test_is_replied_to_as_documented(
        self,
        document: BaseSchema,
        operations: dict[str, Operation],
        label: str,
        caller: Caller,
    ) -> None:
        run = Run()
        _explore(run, document, operations[label], caller, FEW)
        assert run.asked >= 3
        assert not run.wrong, run.report()

    @pytest.mark.long
    def test_is_replied_to_as_documented_thousands_of_times(
        self, document: BaseSchema, operations: dict[str, Operation]
    ) -> None:
        run = Run()
        for operation in operations.values():
            for caller in Caller:
                _explore(run, document, operation, caller, MANY)
        assert not run.wrong, run.report()
        assert run.asked >= IN_ALL

    def test_that_would_build_builds_nothing(self, client: TestClient) -> None:
        reply = client.post("/v1/index/builds", headers=Caller.ADMIN.headers)
        assert reply.status_code == 409
        assert client.get("/v1/index/builds").json() == {"builds": []}


class TestTheChecks:
    """What the checks above notice, so that their silence means something."""

    @pytest.fixture
    def operation(self, operations: dict[str, Operation]) -> Any:
        return operations["POST /v1/search"]

    @pytest.mark.parametrize(
        ("spoil", "kind"),
        [
            (lambda reply: setattr(reply, "status_code", 500), "ServerError"),
            (lambda reply: setattr(reply, "status_code", 418), "UndefinedStatusCode"),
            (lambda reply: setattr(reply, "elapsed", SECONDS + 0.1), "ResponseTimeExceeded"),
            (
                lambda reply: reply.headers.update({"content-type": ["text/html"]}),
                "UndefinedContentType",
            ),
            (lambda reply: setattr(reply, "content", b'{"papers": 1}'), "JsonSchemaError"),
        ],
        ids=["500", "status", "slow", "type", "body"],
    )
    def test_notice_a_reply_that_is_spoilt(
        self, operation: Any, spoil: Callable[[Any], None], kind: str
    ) -> None:
        case = operation.Case(body={"query": "모델"}, media_type="application/json")
        case.validate_response(case.call())
        reply = case.call()
        spoil(reply)
        with pytest.raises(FailureGroup) as caught:
            case.validate_response(reply)
        assert kind in {type(one).__name__ for one in caught.value.exceptions}


def _nested(depth: int) -> bytes:
    return b'{"query": "a", "filters": ' + b"[" * depth + b"]" * depth + b"}"


class TestOddBodies:
    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 422),
            (b"null", 422),
            (b"[]", 422),
            (b'{"query": "a"', 400),
            (b"\xff\xfe", 400),
            (b"[" * 100_000, 400),
            (_nested(900), 422),
            (_nested(50_000), 400),
            (b'{"query": "a", "top_k": NaN}', 422),
            (b'{"query": "a", "top_k": Infinity}', 422),
            (b'{"query": "a", "top_k": 1e400}', 422),
            (b'{"query": "a", "top_k": %s}' % (b"9" * 400), 422),
            (b'{"query": "a", "top_k": %s}' % (b"9" * 5000), 400),
            (b'{"query": "a", "top_k": true}', 422),
            (b'{"query": "a", "top_k": "1"}', 422),
            (b'{"query": "a", "top_k": 1.5}', 422),
            (b'{"query": "\\ud800"}', 422),
            (b'{"query": "a", "filters": {"ids": ["\\ud800"]}}', 422),
            (b'{"query": "a", "\\ud800": 1}', 422),
            (b'{"query": "a", "\\u0000": 1}', 422),
            (b'{"query": "\\u0000"}', 422),
            (b'{"query": "a\\u0000b"}', 200),
            (b'{"query": "a", "filters": {"since": "2024-02-30"}}', 422),
            (b"x" * 1_000_001, 413),
        ],
        ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else str(value),
    )
    def test_get_a_reply_that_is_documented(
        self, client: TestClient, paths: dict[str, Any], body: bytes, status: int
    ) -> None:
        reply = client.post(SEARCH, content=body, headers=JSON)
        assert reply.status_code == status, reply.text
        assert str(status) in paths[SEARCH]["post"]["responses"]
        json.loads(reply.text, parse_constant=pytest.fail)  # no NaN goes back
        if status != 200:
            _is_problem(reply)

    @pytest.mark.parametrize("label", [one for one in OPERATIONS if one.startswith("POST")])
    def test_over_the_limit_are_documented(self, paths: dict[str, Any], label: str) -> None:
        method, path = label.split(" ")
        assert "413" in paths[path][method.lower()]["responses"]

    @pytest.mark.parametrize("path", [SEARCH, "/v1/ask", "/v1/similar", "/v1/index/builds"])
    @pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
    def test_of_another_type_are_refused(
        self, client: TestClient, paths: dict[str, Any], path: str, kind: str
    ) -> None:
        headers = {**Caller.ADMIN.headers, **({"content-type": kind} if kind else {})}
        reply = client.post(path, content=b'{"query": "a"}', headers=headers)
        assert reply.status_code == 415
        _is_problem(reply)
        assert "415" in paths[path]["post"]["responses"]

    def test_whole_numbers_may_be_written_as_json_allows(self, client: TestClient) -> None:
        # JSON Schema's integers are numbers without a fraction: 2.0 is one.
        reply = client.post(SEARCH, content=b'{"query": "a", "top_k": 2.0}', headers=JSON)
        assert reply.status_code == 200
        assert len(reply.json()["papers"]) == 2


class TestOddAddresses:
    @pytest.mark.parametrize(
        "name",
        [
            "%2F",
            "%00",
            "a%00b",
            "%ff%fe",
            "%ED%A0%80",
            "..%2f..%2flive",
            "%2e%2e/x",
            "b" * 5000,
            "%20",
        ],
        ids=lambda name: name[:20],
    )
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/v1/papers/{}"),
            ("GET", "/v1/papers/{}/similar"),
            ("GET", "/v1/index/builds/{}"),
            ("POST", "/v1/index/builds/{}/cancel"),
            ("POST", "/v1/index/versions/{}/activate"),
        ],
    )
    def test_are_not_found(self, client: TestClient, method: str, path: str, name: str) -> None:
        reply = client.request(method, path.format(name), headers=Caller.ADMIN.headers)
        assert reply.status_code == 404
        _is_problem(reply)
        assert len(reply.content) < 1000, "what is wrong is shown in short"

    def test_say_nothing_of_the_disk(self, client: TestClient, app: FastAPI) -> None:
        path = "/v1/index/versions/nope/activate"
        reply = client.post(path, headers=Caller.ADMIN.headers)
        assert str(app.state.work.live.store.folder) not in reply.text

    @pytest.mark.parametrize("path", ["/healthz/", "/v1/index/", "/v1/search/", "/v1/papers"])
    def test_with_a_slash_too_many_or_few_lead_nowhere(self, client: TestClient, path: str) -> None:
        # A redirect would be made of the Host header, and isn't documented.
        reply = client.get(path, headers={"host": "elsewhere.example"})
        assert reply.status_code == 404
        assert "location" not in reply.headers

    @pytest.mark.parametrize("query", ["top_k=", "top_k=NaN", "top_k=%00", "top_k=" + "9" * 5000])
    def test_with_a_parameter_that_is_wrong_are_refused(
        self, client: TestClient, query: str
    ) -> None:
        reply = client.get(f"/v1/papers/{PAPER}/similar?{query}")
        assert reply.status_code == 422
        _is_problem(reply)

    def test_with_a_parameter_that_is_unknown_are_refused(self, client: TestClient) -> None:
        reply = client.get(f"/v1/papers/{PAPER}/similar?topk=1")
        assert reply.status_code == 422
        _is_problem(reply)


class TestMethods:
    @pytest.mark.parametrize("path", ["/healthz", "/readyz"])
    def test_health_may_be_asked_for_without_a_body(self, client: TestClient, path: str) -> None:
        reply = client.head(path)
        assert (reply.status_code, reply.content) == (200, b"")

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "FOO"])
    @pytest.mark.parametrize("path", [SEARCH, "/v1/index", "/v1/index/builds", "/healthz"])
    def test_that_are_not_there_are_answered_with_all_that_are(
        self, client: TestClient, paths: dict[str, Any], method: str, path: str
    ) -> None:
        reply = client.request(method, path)
        assert reply.status_code == 405
        allowed = set(reply.headers["allow"].split(", "))
        assert allowed - {"HEAD", "OPTIONS"} == {one.upper() for one in paths[path]} - {"HEAD"}
        _is_problem(reply)


class TestTheDocument:
    def test_a_stream_is_described_event_by_event(self, paths: dict[str, Any]) -> None:
        content = paths["/v1/ask"]["post"]["responses"]["200"]["content"]
        described = content["text/event-stream"]
        event = described.get("itemSchema", described.get("schema"))
        assert event["properties"]["event"]["enum"] == ["found", "sentence", "reply", "error"]

    def test_where_a_build_is_found_is_documented(self, paths: dict[str, Any]) -> None:
        accepted = paths["/v1/index/builds"]["post"]["responses"]["202"]
        assert "Location" in accepted["headers"]


def _is_problem(reply: Any) -> None:
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == reply.status_code
