"""Published versions over HTTP: which there are, another one served, a build taken up."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.build import build
from index.snapshot import Snapshot
from index.store import Store
from rag.service import live as live_module
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings

ADMIN_KEY = "an admin key for the tests"
ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}


def _problem(reply: Any, status: int) -> None:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Store, str, str]:
    """A store with two versions, the second live."""
    store = Store(tmp_path / "data")
    folder = tmp_path / "digests"
    folder.mkdir()
    versions = []
    for text in ("하나를 말한다.", "둘을 말한다."):
        (folder / "2024-01-01.md").write_text(
            f"### [T](https://arxiv.org/abs/2401.00001)\n\n- **What's New**: {text}\n",
            encoding="utf-8",
        )
        versions.append(build([folder], store).version)
    return store, versions[0], versions[1]


def _client(store: Store) -> TestClient:
    settings = Settings.model_validate({"data": store.folder, "server": {"admin_key": ADMIN_KEY}})
    live = Live(store, settings)
    live.refresh()
    return TestClient(create_app(live, settings), raise_server_exceptions=False)


def test_the_published_versions_are_listed(two: tuple[Store, str, str]) -> None:
    store, first, second = two
    body = _client(store).get("/v1/index").json()
    assert body["index_version"] == second
    assert {one["version"]: one["live"] for one in body["versions"]} == {
        first: False,
        second: True,
    }
    assert all(one["papers"] == 1 and one["bytes"] > 0 for one in body["versions"])


def test_another_version_is_served_at_once(two: tuple[Store, str, str]) -> None:
    store, first, _ = two
    client = _client(store)
    reply = client.post(f"/v1/index/versions/{first}/activate", headers=ADMIN)
    assert reply.status_code == 200
    assert reply.json()["index_version"] == first
    paper = client.get("/v1/papers/2401.00001").json()
    assert (paper["index_version"], paper["sections"][0]["text"]) == (first, "하나를 말한다.")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer wrong"}, 401), ({"Authorization": ADMIN_KEY}, 401)],
)
def test_the_admin_key_is_needed(
    two: tuple[Store, str, str], headers: dict[str, str], status: int
) -> None:
    store, first, second = two
    client = _client(store)
    _problem(client.post(f"/v1/index/versions/{first}/activate", headers=headers), status)
    assert store.live() == second


def test_without_a_key_in_the_settings_nobody_may(two: tuple[Store, str, str]) -> None:
    store, first, _ = two
    settings = Settings(data=store.folder)
    live = Live(store, settings)
    live.refresh()
    client = TestClient(create_app(live, settings), raise_server_exceptions=False)
    path = f"/v1/index/versions/{first}/activate"
    _problem(client.post(path), 403)
    _problem(client.post(path, headers={"Authorization": "Bearer "}), 401)


@pytest.mark.parametrize("name", ["abc", "..", "%2e%2e%2fversions", "live"])
def test_a_version_that_is_not_there_is_a_problem(two: tuple[Store, str, str], name: str) -> None:
    store, _, second = two
    reply = _client(store).post(f"/v1/index/versions/{name}/activate", headers=ADMIN)
    _problem(reply, 404)
    assert store.live() == second


def test_a_published_version_is_noticed(
    two: tuple[Store, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, first, second = two
    monkeypatch.setattr(live_module, "WATCH_SECONDS", 0.05)
    with _client(store) as client:
        assert client.get("/v1/papers/2401.00001").json()["index_version"] == second
        store.activate(first)
        served = threading.Event()
        for _ in range(100):
            if client.get("/v1/papers/2401.00001").json()["index_version"] == first:
                served.set()
                break
            served.wait(0.05)
        assert served.is_set()


def test_an_empty_key_in_the_settings_is_none(two: tuple[Store, str, str]) -> None:
    store, first, _ = two
    for key in ("", "  "):
        settings = Settings.model_validate({"data": store.folder, "server": {"admin_key": key}})
        live = Live(store, settings)
        live.refresh()
        client = TestClient(create_app(live, settings), raise_server_exceptions=False)
        path = f"/v1/index/versions/{first}/activate"
        _problem(client.post(path), 403)
        for shown in ("Bearer ", f"Bearer {key}"):
            _problem(client.post(path, headers={"Authorization": shown}), 401)


def test_a_version_is_tried_again_after_any_failure(
    two: tuple[Store, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, first, _ = two
    monkeypatch.setattr(live_module, "WATCH_SECONDS", 0.02)
    monkeypatch.setattr(live_module, "RETRY_SECONDS", 0.02)
    opened, tries = store.open_live, []

    def fail_at_first() -> Snapshot:
        tries.append(1)
        if len(tries) < 3:
            raise MemoryError("for the test")
        return opened()

    with _client(store) as client:
        monkeypatch.setattr(
            client.app.state.work.live.store,  # type: ignore[attr-defined]
            "open_live",
            fail_at_first,
        )
        store.activate(first)
        for _ in range(100):
            if client.get("/v1/papers/2401.00001").json()["index_version"] == first:
                break
            threading.Event().wait(0.05)
        assert client.get("/v1/papers/2401.00001").json()["index_version"] == first
        assert len(tries) == 3


def test_a_broken_version_is_not_taken_up(
    two: tuple[Store, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, first, second = two
    monkeypatch.setattr(live_module, "WATCH_SECONDS", 0.02)
    with _client(store) as client:
        (store.folder / "versions" / first / "votes.npy").write_bytes(b"")
        (store.folder / "live").write_text(first, encoding="utf-8")
        threading.Event().wait(0.3)
        assert client.get("/v1/papers/2401.00001").json()["index_version"] == second
