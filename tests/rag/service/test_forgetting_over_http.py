"""What is forgotten while the service runs is gone with the next request."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.build import build
from index.errors import SnapshotError
from index.forgotten import DenyList, Forgotten
from index.store import Store
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings

DPO, LORA, QLORA = "2305.18290", "2106.09685", "2305.14314"
QUESTION = "보상 모델 없이 선호를 학습하는 방법은?"


@pytest.fixture
def own(store: Store, tmp_path: Path) -> Store:
    """A store of its own, to forget in."""
    shutil.copytree(store.folder, tmp_path / "own")
    return Store(tmp_path / "own")


@pytest.fixture
def client(own: Store) -> Iterator[TestClient]:
    settings = Settings(data=own.folder)
    live = Live(Store(own.folder), settings)
    live.refresh()
    with TestClient(create_app(live, settings), raise_server_exceptions=False) as client:
        yield client


def _found(client: TestClient, path: str, **body: Any) -> list[str]:
    reply = client.post(f"/v1/{path}", json={"top_k": 100, **body})
    assert reply.status_code == 200, reply.text
    return [paper["id"] for paper in reply.json()["papers"]]


def _problem(reply: Any, status: int) -> str:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    detail: str = reply.json()["detail"]
    return detail


def test_the_next_request_finds_it_no_more(client: TestClient, own: Store) -> None:
    every = set(_found(client, "search", query=QUESTION))
    assert {DPO, LORA} <= every
    own.forgotten.add([LORA], ["chelsea finn"])  # another process
    gone = {LORA, DPO}
    assert set(_found(client, "search", query=f"{QUESTION} {LORA}")) == every - gone
    assert set(_found(client, "ask", question=QUESTION)) == every - gone
    assert set(_found(client, "similar", ids=[QLORA])) == every - gone - {QLORA}
    assert _found(client, "search", query=QUESTION, filters={"ids": [LORA, QLORA]}) == [QLORA]
    assert _found(client, "search", query=QUESTION, filters={"authors": ["Chelsea Finn"]}) == []


def test_its_own_pages_are_gone_too(client: TestClient, own: Store) -> None:
    requests: list[tuple[str, str, Any]] = [
        ("GET", f"/v1/papers/{LORA}", None),
        ("GET", f"/v1/papers/{LORA}v1", None),
        ("GET", f"/v1/papers/{LORA}/similar", None),
        ("POST", "/v1/similar", {"ids": [LORA]}),
        ("POST", "/v1/similar", {"ids": [QLORA], "not_ids": [LORA]}),
    ]
    for method, path, body in requests:
        assert client.request(method, path, json=body).status_code == 200
    own.forgotten.add([LORA])
    for method, path, body in requests:
        detail = _problem(client.request(method, path, json=body), 404)
        assert detail.startswith(f"no paper '{LORA}")


def test_what_is_taken_back_is_back_with_the_next_request(client: TestClient, own: Store) -> None:
    own.forgotten.add([LORA])
    _problem(client.get(f"/v1/papers/{LORA}"), 404)
    own.forgotten.remove([LORA])
    assert client.get(f"/v1/papers/{LORA}").json()["id"] == LORA


def test_where_all_is_forgotten_the_service_goes_on(client: TestClient, own: Store) -> None:
    own.forgotten.add(own.open_live().ids)
    assert _found(client, "search", query=QUESTION) == []
    assert client.post("/v1/ask", json={"question": QUESTION}).json()["answerable"] is False
    assert client.get("/readyz").status_code == 200
    assert client.get("/v1/index").status_code == 200


def test_a_request_that_changes_nothing_makes_no_new_searcher(own: Store) -> None:
    live = Live(own, Settings(data=own.folder))
    live.refresh()
    first = live.searcher
    assert live.searcher is first
    own.forgotten.add([LORA])
    second = live.searcher
    assert live.searcher is second is not first
    assert second.snapshot is first.snapshot
    assert second.reranker is first.reranker


def test_what_is_forgotten_before_the_start_is_not_served(own: Store) -> None:
    own.forgotten.add([LORA])
    live = Live(own, Settings(data=own.folder))
    live.refresh()
    assert live.searcher.row_of(LORA) is None


class TestABrokenList:
    def test_what_was_forgotten_stays_so_and_the_service_says_it_is_not_well(
        self, client: TestClient, own: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        own.forgotten.add([LORA])
        _problem(client.get(f"/v1/papers/{LORA}"), 404)
        assert client.get("/readyz").status_code == 200
        whole = own.forgotten.path.read_bytes()
        own.forgotten.path.write_bytes(whole[:-9])
        with caplog.at_level(logging.ERROR):
            for _ in range(3):
                _problem(client.get(f"/v1/papers/{LORA}"), 404)
                assert LORA not in _found(client, "search", query=LORA)
        assert len([one for one in caplog.records if one.levelno == logging.ERROR]) == 1
        assert "forgotten.json is broken" in caplog.text
        assert "forgotten.json is broken" in _problem(client.get("/readyz"), 503)
        own.forgotten.path.write_bytes(whole)
        assert client.get("/readyz").status_code == 200
        _problem(client.get(f"/v1/papers/{LORA}"), 404)

    def test_each_time_it_breaks_it_is_logged(
        self, client: TestClient, own: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        own.forgotten.add([LORA])
        whole = own.forgotten.path.read_bytes()
        with caplog.at_level(logging.ERROR):
            for content in (b"{", whole, b"{", b'{"papers": 3}'):
                own.forgotten.path.write_bytes(content)
                client.get(f"/v1/papers/{LORA}")
        assert len(caplog.records) == 3

    def test_nothing_is_served_where_it_was_never_read(self, own: Store) -> None:
        own.forgotten.path.write_text("{", encoding="utf-8")
        live = Live(own, Settings(data=own.folder))
        with pytest.raises(SnapshotError, match=r"forgotten\.json is broken"):
            live.refresh()
        with pytest.raises(SnapshotError):
            _ = live.searcher


class TestAnotherVersion:
    @pytest.fixture
    def two(self, tmp_path: Path) -> tuple[Store, str, str]:
        """A store with two versions, the second live; a paper of both is forgotten."""
        store, folder = Store(tmp_path / "data"), tmp_path / "digests"
        folder.mkdir()
        versions = []
        for text in ("하나를 말한다.", "둘을 말한다."):
            entries = "".join(
                f"### [T](https://arxiv.org/abs/{name})\n\n- **What's New**: {text}\n\n"
                for name in ("2401.00001", "2401.00002")
            )
            (folder / "2024-01-01.md").write_text(entries, encoding="utf-8")
            versions.append(build([folder], store).version)
        return store, versions[0], versions[1]

    def test_it_is_forgotten_there_too(self, two: tuple[Store, str, str]) -> None:
        store, first, _ = two
        live = Live(store, Settings(data=store.folder))
        live.refresh()
        store.forgotten.add(["2401.00001"])
        assert live.searcher.row_of("2401.00001") is None
        store.activate(first)
        live.refresh()
        assert live.searcher.snapshot.version == first
        assert live.searcher.row_of("2401.00001") is None
        assert live.searcher.row_of("2401.00002") is not None

    def test_with_a_broken_list_it_is_forgotten_as_it_was(
        self, two: tuple[Store, str, str]
    ) -> None:
        store, first, _ = two
        store.forgotten.add(["2401.00001"])
        live = Live(store, Settings(data=store.folder))
        live.refresh()
        store.forgotten.path.write_text("{", encoding="utf-8")
        store.activate(first)
        live.refresh()
        assert live.searcher.snapshot.version == first
        assert live.searcher.row_of("2401.00001") is None

    def test_one_that_is_taken_up_meanwhile_is_not_lost(
        self, two: tuple[Store, str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A request has taken the old version's searcher when the new one comes."""
        store, first, _ = two
        live = Live(store, Settings(data=store.folder))
        live.refresh()
        store.activate(first)
        read = DenyList.read

        def read_late(self: DenyList) -> Forgotten:
            monkeypatch.setattr(DenyList, "read", read)
            live.refresh()
            store.forgotten.add(["2401.00001"])
            return read(self)

        monkeypatch.setattr(DenyList, "read", read_late)
        for _ in range(2):
            assert live.searcher.snapshot.version == first
            assert live.searcher.row_of("2401.00001") is None
