"""What finds no room is refused before anything is done for it, and cheaply."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.store import Store
from rag.service.pool import Pool
from tests.rag.service.guarded import KEYS, guarded

SEARCHES = [
    ("POST", "/v1/search"),
    ("POST", "/v1/ask"),
    ("POST", "/v1/similar"),
    ("GET", "/v1/papers/2305.18290"),
    ("GET", "/v1/papers/2305.18290/similar"),
]
OTHERS = [("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/v1/index"), ("GET", "/metrics")]


@pytest.fixture
def full(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A service whose searches have no room."""
    with guarded(store, keys=KEYS, anonymous=True) as client:
        searching = client.app.state.work.searching  # type: ignore[attr-defined]
        was = Pool.is_full.fget  # type: ignore[attr-defined]
        monkeypatch.setattr(Pool, "is_full", property(lambda self: self is searching or was(self)))
        yield client


@pytest.mark.parametrize(("method", "path"), SEARCHES)
def test_a_search_is_refused(full: TestClient, method: str, path: str) -> None:
    reply = full.request(method, path, content=b"this is not even JSON")
    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-request-id"]
    assert reply.headers["content-security-policy"]
    assert "try again in" in reply.json()["detail"]


@pytest.mark.parametrize(("method", "path"), OTHERS)
def test_what_is_no_search_is_not(full: TestClient, method: str, path: str) -> None:
    assert full.request(method, path).status_code == 200


def test_nothing_of_the_body_is_read(full: TestClient) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/search",
        "raw_path": b"/v1/search",
        "query_string": b"",
        "headers": [(b"content-length", b"1000000")],
        "client": ("192.0.2.1", 1),
    }
    asyncio.run(full.app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 503


def test_they_are_logged_all_together(full: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            full.post("/v1/search", json={"query": "a"})
    told = [one for one in caplog.records if "queue is full" in one.message]
    assert 1 <= len(told) < 10
    assert not [one for one in caplog.records if one.name == "rag.access"]
    text = full.get("/metrics").text
    assert 'nonmun_refused_total{reason="queue_full"} 50.0' in text
    assert 'status="503"} 50.0' in text
