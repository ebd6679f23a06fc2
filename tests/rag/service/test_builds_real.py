"""Builds over HTTP as they are: `nonmun build` in a process of its own, and what is served then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.build import build
from index.store import Store
from rag.service import builds as builds_module
from rag.service import live as live_module
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings

WaitFor = Callable[..., dict[str, Any]]

BUILDS = "/v1/index/builds"
DIGEST = "### [T](https://arxiv.org/abs/2401.00001)\n\n- **What's New**: {text}\n"


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    folder = tmp_path / "digests"
    folder.mkdir()
    (folder / "2024-01-01.md").write_text(DIGEST.format(text="하나를 말한다."), encoding="utf-8")
    return folder


@pytest.fixture
def client(
    digests: Path, builds_data: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A service of one paper, which looks for another version when it is told to, and only then."""
    monkeypatch.setattr(live_module, "WATCH_SECONDS", 3600.0)
    monkeypatch.setattr(builds_module, "NICE", 0)  # beside other tests it would take minutes
    store = Store(builds_data)
    build([digests], store)
    settings = Settings.model_validate(
        {
            "data": store.folder,
            "build": {"sources": [str(digests)]},
            "server": {"admin_key": "a key"},
        }
    )
    live = Live(store, settings)
    live.refresh()
    app = create_app(live, settings)
    with TestClient(app, headers={"Authorization": "Bearer a key"}) as client:
        yield client


def _ended(build: dict[str, Any]) -> bool:
    return bool(build["state"] != "running")


def test_what_was_built_is_served_at_once(
    client: TestClient, digests: Path, wait_for: WaitFor
) -> None:
    before = client.get("/v1/index").json()["index_version"]
    text = DIGEST.format(text="둘을 말한다.")
    (digests / "2024-01-01.md").write_text(text, encoding="utf-8")
    (digests / "broken.md").write_text("\n### no link\n", encoding="utf-8")
    done = wait_for(client, client.post(BUILDS).json()["id"], _ended)
    assert (done["state"], done["error"]) == ("done", None)
    assert done["index_version"] != before
    assert done["report"]["plan"]["changed"] == ["2401.00001"]
    (problem,) = done["problems"]
    assert (problem["file"], problem["line"]) == ("broken.md", 2)
    assert "no link" in problem["reason"]
    deadline = time.monotonic() + 20
    while client.get("/v1/papers/2401.00001").json()["index_version"] != done["index_version"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_that_is_cancelled_leaves_the_live_version_and_nothing_else(
    client: TestClient, builds_data: Path, wait_for: WaitFor
) -> None:
    before = client.get("/v1/index").json()
    name = client.post(BUILDS, json={"full": True}).json()["id"]
    wait_for(client, name, lambda _: list(builds_data.glob("staging-*")))
    assert client.post(f"{BUILDS}/{name}/cancel").json()["state"] == "cancelled"
    assert list(builds_data.glob("staging-*")) == []
    assert client.get("/v1/index").json() == before
    done = wait_for(client, client.post(BUILDS, json={"full": True}).json()["id"], _ended)
    assert (done["state"], done["report"]["encoded"]) == ("done", 1)


def test_one_that_fails_says_why_and_the_live_version_stays(
    client: TestClient, digests: Path, wait_for: WaitFor
) -> None:
    before = client.get("/v1/index").json()
    (digests / "2024-01-01.md").unlink()
    failed = wait_for(client, client.post(BUILDS).json()["id"], _ended)
    assert failed["state"] == "failed"
    assert "no papers in the sources" in failed["error"]
    assert client.get("/v1/index").json() == before
