"""Builds over HTTP: a process of its own, one at a time, on the sources of the settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.build import build
from index.store import Store
from rag.service import builds as builds_module
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings

KEY = "an admin key for the tests"
ADMIN = {"Authorization": f"Bearer {KEY}"}
DIGEST = "### [T](https://arxiv.org/abs/2401.00001)\n\n- **What's New**: {text}\n"


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    folder = tmp_path / "digests"
    folder.mkdir()
    (folder / "2024-01-01.md").write_text(DIGEST.format(text="하나를 말한다."), encoding="utf-8")
    return folder


@pytest.fixture
def connect(digests: Path, tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    store = Store(tmp_path / "data")
    build([digests], store)
    with ExitStack() as stack:

        def connect(sources: list[str] | None = None, key: str | None = KEY) -> TestClient:
            settings = Settings.model_validate(
                {
                    "data": store.folder,
                    "build": {"sources": [str(digests)] if sources is None else sources},
                    "server": {"admin_key": key},
                }
            )
            live = Live(store, settings)
            live.refresh()
            app = create_app(live, settings)
            return stack.enter_context(TestClient(app, raise_server_exceptions=False))

        yield connect


def _wait(client: TestClient, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        body: dict[str, Any] = client.get(f"/v1/index/builds/{name}").json()
        if body["state"] != "running":
            return body
        time.sleep(0.1)
    raise AssertionError("the build did not end")


def test_a_build_is_started_followed_and_served(
    connect: Callable[..., TestClient], digests: Path
) -> None:
    client = connect()
    before = client.get("/v1/index").json()["index_version"]
    text = DIGEST.format(text="둘을 말한다.")
    (digests / "2024-01-01.md").write_text(text, encoding="utf-8")
    reply = client.post("/v1/index/builds", headers=ADMIN)
    assert reply.status_code == 202
    started = reply.json()
    assert (started["state"], started["finished"]) == ("running", None)
    assert reply.headers["location"] == f"/v1/index/builds/{started['id']}"
    done = _wait(client, started["id"])
    assert (done["state"], done["error"]) == ("done", None)
    assert done["index_version"] != before
    assert done["report"]["plan"]["changed"] == ["2401.00001"]
    deadline = time.monotonic() + 20
    while client.get("/v1/papers/2401.00001").json()["index_version"] == before:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_second_build_is_refused_with_the_id_of_the_first(
    connect: Callable[..., TestClient],
) -> None:
    client = connect()
    first = client.post("/v1/index/builds", json={"full": True}, headers=ADMIN).json()
    second = client.post("/v1/index/builds", headers=ADMIN)
    assert second.status_code == 409
    assert first["id"] in second.json()["detail"]
    assert _wait(client, first["id"])["report"]["carried"] == 0
    assert client.post("/v1/index/builds", headers=ADMIN).status_code == 202


def test_a_build_that_fails_says_why_and_the_live_version_stays(
    connect: Callable[..., TestClient],
) -> None:
    client = connect(["/no/such/folder"])
    before = client.get("/v1/index").json()["index_version"]
    started = client.post("/v1/index/builds", headers=ADMIN).json()
    done = _wait(client, started["id"])
    assert done["state"] == "failed"
    assert "no papers in the sources" in done["error"]
    assert client.get("/v1/index").json()["index_version"] == before


@pytest.mark.parametrize(
    ("sources", "key", "headers", "status"),
    [(None, KEY, {}, 401), (None, None, ADMIN, 403), ([], KEY, ADMIN, 409)],
)
def test_key_and_sources_are_needed(
    connect: Callable[..., TestClient],
    sources: list[str] | None,
    key: str | None,
    headers: dict[str, str],
    status: int,
) -> None:
    reply = connect(sources, key).post("/v1/index/builds", headers=headers)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"


def test_a_request_cannot_name_what_is_read(connect: Callable[..., TestClient]) -> None:
    reply = connect().post("/v1/index/builds", json={"sources": ["/etc"]}, headers=ADMIN)
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == "sources"


def test_an_unknown_build_is_a_problem(connect: Callable[..., TestClient]) -> None:
    reply = connect().get("/v1/index/builds/none")
    assert reply.status_code == 404
    assert "none" in reply.json()["detail"]


def test_only_the_last_builds_are_remembered(
    connect: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds_module, "KEPT", 1)
    client = connect(["/no/such/folder"])
    names = []
    for _ in range(2):
        names.append(client.post("/v1/index/builds", headers=ADMIN).json()["id"])
        _wait(client, names[-1])
    assert client.get(f"/v1/index/builds/{names[0]}").status_code == 404
    assert client.get(f"/v1/index/builds/{names[1]}").status_code == 200


def test_a_build_ends_with_the_service(digests: Path, tmp_path: Path) -> None:
    builds = builds_module.Builds(tmp_path / "other", [str(digests)])
    started = builds.start()
    builds.close()
    deadline = time.monotonic() + 10
    while True:
        found = builds.get(started.id)
        assert found
        if found.state is not builds_module.BuildState.RUNNING:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found.state is builds_module.BuildState.FAILED
    assert Store(tmp_path / "other").live() is None
