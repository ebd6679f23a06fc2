"""Services that read what is published in a cluster, and keep nothing but a cache."""

from __future__ import annotations

import gc
import logging
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.cluster import ClusterSettings
from index.cluster.forgetting import ClusterForgotten
from index.cluster.pushing import push
from index.cluster.store import ClusterStore
from index.cluster.versions import ClusterVersions
from index.errors import ClusterError
from index.forgotten import NOTHING, Forgotten
from index.snapshot import Snapshot
from rag.chart import draw
from rag.filters import Filters
from rag.search import Searcher
from rag.service.app import create_app
from rag.service.live import Live
from rag.service.problems import problem_of
from rag.settings import SearchGroup, ServerGroup, Settings, WeightsGroup
from tests.index.cluster.memory import MemoryTables
from tests.index.cluster.pushed import another

QUESTION = "검색 증강 생성에서 환각을 줄이는 방법"
SOON = 5.0


@pytest.fixture(autouse=True)
def asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is soon enough, and too long for a test."""
    monkeypatch.setattr("index.cluster.store.POLL_S", 0.2)


@pytest.fixture
def tables(snapshot: Snapshot) -> MemoryTables:
    tables = MemoryTables()
    ClusterForgotten(tables, "nonmun").write(NOTHING)
    push(snapshot, ClusterVersions(tables, "nonmun"), 3)
    return tables


@pytest.fixture
def versions(tables: MemoryTables) -> ClusterVersions:
    return ClusterVersions(tables, "nonmun")


@pytest.fixture
def serve(tables: MemoryTables, tmp_path: Path) -> Iterator[Callable[[str], TestClient]]:
    opened: list[TestClient] = []

    def serve(name: str, standby: int = 0) -> TestClient:
        cluster = ClusterSettings(uri="memory", standby=standby)
        store = ClusterStore(cluster, tmp_path / name, lambda _: tables)
        settings = Settings(data=tmp_path / name, server=ServerGroup(cache_mb=0))
        live = Live(store, settings)
        live.refresh()
        client = TestClient(create_app(live, settings), raise_server_exceptions=False)
        opened.append(client.__enter__())
        return opened[-1]

    yield serve
    for client in opened:
        client.__exit__(None, None, None)


def soon(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + SOON
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.1)
    return True


def ask(client: TestClient, text: str = QUESTION, **more: Any) -> dict[str, Any]:
    reply = client.post("/v1/search", json={"query": text, **more})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_a_service_replies_as_one_that_has_the_files(
    serve: Callable[[str], TestClient], client: TestClient, snapshot: Snapshot
) -> None:
    served = serve("one")
    for path, asked in (
        ("/v1/search", {"query": QUESTION}),
        ("/v1/search", {"query": "attention", "filters": {"min_votes": 5}}),
        ("/v1/search", {"query": "1706.03762"}),
        ("/v1/ask", {"question": QUESTION}),
        ("/v1/similar", {"ids": ["1706.03762"], "text": "선호 학습"}),
    ):
        found, wanted = (one.post(path, json=asked).json() for one in (served, client))
        for reply in (found, wanted):
            reply.pop("took_ms")
            reply.pop("index_version")
        assert _rounded(found) == _rounded(wanted)
    paper = served.get("/v1/papers/https://arxiv.org/abs/1706.03762v3").json()
    wanted = client.get("/v1/papers/1706.03762").json()
    assert paper | {"index_version": ""} == wanted | {"index_version": ""}
    assert served.get("/v1/papers/none").status_code == 404
    index = served.get("/v1/index").json()
    wanted = client.get("/v1/index").json()
    assert (index["sections"], index["since"]) == (wanted["sections"], wanted["since"])
    assert served.get("/readyz").json()["status"] == "ready"


def test_the_map_is_that_of_the_snapshot(
    tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
) -> None:
    store = ClusterStore(ClusterSettings(uri="memory"), tmp_path, lambda _: tables)
    opened = store.open_live()
    author = snapshot.paper(5).authors[0]
    some = Forgotten(frozenset({snapshot.ids[0]}), frozenset({author}))
    for forgotten in (NOTHING, some):
        wanted = draw(Searcher(snapshot, forgotten=forgotten))
        assert draw(Searcher(opened, forgotten=forgotten)) == wanted
    store.close()


def test_no_forgotten_paper_is_on_the_map_however_many_there_are(
    tables: MemoryTables, snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ClusterStore(ClusterSettings(uri="memory"), tmp_path, lambda _: tables)
    opened, look_up = store.open_live(), tables.look_up
    monkeypatch.setattr("index.cluster.gathering.MOST_FOUND", 10)
    monkeypatch.setattr(tables, "look_up", lambda *asked: look_up(*asked)[:10])
    some = Forgotten(frozenset(snapshot.ids[3:35]))
    wanted = draw(Searcher(snapshot, forgotten=some))
    assert draw(Searcher(opened, forgotten=some)) == wanted
    store.close()


def test_a_cache_that_is_deleted_while_it_is_served_is_not_missed(
    serve: Callable[[str], TestClient], client: TestClient, tmp_path: Path
) -> None:
    served = serve("one")
    shutil.rmtree(tmp_path / "one")
    assert ask(served)["papers"]
    assert served.get("/v1/index").status_code == 200
    assert served.get("/v1/map").json() == client.get("/v1/map").json()


@pytest.fixture
def lives(tables: MemoryTables, tmp_path: Path) -> Iterator[list[Live]]:
    """Two services' searchers, each with a connection and a cache of its own."""
    lives = []
    for name in ("one", "two"):
        store = ClusterStore(ClusterSettings(uri="memory"), tmp_path / name, lambda _: tables)
        lives.append(Live(store, Settings(data=tmp_path / name)))
        lives[-1].refresh()
        lives[-1].watch()
    yield lives
    for live in lives:
        live.close()


def test_all_services_switch_soon_and_back(
    lives: list[Live], versions: ClusterVersions, snapshot: Snapshot, tmp_path: Path
) -> None:
    first, second = snapshot.version, another(snapshot, tmp_path / "another")

    def all_serve(version: str) -> bool:
        return all(live.searcher.snapshot.version == version for live in lives)

    assert all_serve(first)
    assert not any(live.trouble for live in lives)
    push(second, versions, 3)
    assert soon(lambda: all_serve(second.version))
    versions.activate(first)
    assert soon(lambda: all_serve(first))
    assert not any(live.trouble for live in lives)


def test_what_is_forgotten_is_soon_gone_and_what_is_taken_back_is_found(
    lives: list[Live], tables: MemoryTables
) -> None:
    first = lives[0].searcher.search(QUESTION, 1).hits[0].paper.id

    def finds() -> set[bool]:
        found = [live.searcher.search(QUESTION, 1).hits[0].paper.id for live in lives]
        return {one == first for one in found}

    listed = ClusterForgotten(tables, "nonmun")
    listed.write(Forgotten(frozenset({first})))
    assert soon(lambda: finds() == {False})
    assert lives[0].searcher.holding([first]).row_of(first) is None
    listed.write(NOTHING)
    assert soon(lambda: finds() == {True})


def test_a_cluster_that_is_gone_is_told_and_service_resumes_by_itself(
    serve: Callable[[str], TestClient], tables: MemoryTables, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve("one")
    wanted = ask(served)["papers"]
    tables.broken = {"all"}
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            reply = served.post("/v1/search", json={"query": "diffusion"})
            assert reply.status_code == 503
            assert reply.json()["detail"] == "the cluster does not do what is asked; see the log"
    told = [line for line in caplog.messages if line.endswith("the cluster is gone")]
    assert len([line for line in told if line.startswith("the cluster does not")]) <= 1
    assert told
    assert served.get("/readyz").status_code == 503
    assert "gone" not in served.get("/readyz").text
    assert served.get("/healthz").status_code == 200
    tables.broken = set()
    assert ask(served)["papers"] == wanted
    assert soon(lambda: served.get("/readyz").status_code == 200)
    assert soon(lambda: served.get("/readyz").json()["trouble"] is None)


def test_papers_that_stand_by_answer_when_the_cluster_is_gone(
    serve: Callable[..., TestClient], tables: MemoryTables, snapshot: Snapshot
) -> None:
    served = serve("one", standby=20)
    kept = f"/v1/papers/{snapshot.ids[-1]}"
    assert ask(served)["legs"]["dense"] == "ok"
    tables.broken = {"all"}
    assert soon(lambda: served.get(kept).status_code == 200)
    found = ask(served)
    assert found["legs"] == {**found["legs"], "lexical": "ok", "dense": "failed"}
    assert {one["id"] for one in found["papers"]} <= set(snapshot.ids[-20:])
    assert served.post("/v1/ask", json={"question": QUESTION}).status_code == 200
    assert served.get(f"/v1/papers/{snapshot.ids[0]}").status_code == 503
    ready = served.get("/readyz")
    assert ready.status_code == 200
    assert "the newest 20 of 45 papers are searched" in ready.json()["trouble"]
    tables.broken = set()
    assert soon(lambda: ask(served)["legs"]["dense"] == "ok")
    assert soon(lambda: served.get("/readyz").json()["trouble"] is None)


def test_a_leg_that_is_not_searched_is_told_in_legs(
    serve: Callable[[str], TestClient], tables: MemoryTables
) -> None:
    served = serve("one")
    tables.broken = {"search terms"}
    legs = ask(served)["legs"]
    assert (legs["lexical"], legs["dense"]) == ("failed", "ok")
    ready = served.get("/readyz")
    assert ready.status_code == 503
    assert "lexical" in ready.json()["detail"]
    tables.broken = set()
    assert ask(served)["legs"]["lexical"] == "ok"


def test_one_that_starts_before_anything_is_published_says_how_to(tmp_path: Path) -> None:
    store = ClusterStore(ClusterSettings(uri="memory"), tmp_path, lambda _: MemoryTables())
    with pytest.raises(Exception, match="nothing is published in memory under nonmun; run nonmun"):
        Live(store, Settings(data=tmp_path)).refresh()


def test_what_is_told_of_a_version_that_cannot_be_read_does_not_name_the_store(
    tables: MemoryTables, snapshot: Snapshot, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = ClusterSettings(uri="http://store.internal:19530")
    store = ClusterStore(address, tmp_path / "data", lambda _: tables)
    settings = Settings(data=tmp_path / "data")
    other = another(snapshot, tmp_path / "another")
    push(other, ClusterVersions(tables, "nonmun"), 3)
    look_up = tables.look_up

    def fails(table: str, *more: Any) -> Any:
        if other.version in table and more[0][0].values != [0]:  # the seal is there
            raise ClusterError(f"{address.uri} does not do what is asked")
        return look_up(table, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "look_up", fails)
        live = Live(store, settings)
        live.refresh()
    assert live.searcher.snapshot.version == snapshot.version
    assert f"{snapshot.version} is used instead" in str(live.trouble)
    assert "internal" not in str(live.trouble)
    assert "store.internal" in caplog.text
    tables.unpoint("nonmun_live")
    with TestClient(create_app(live, settings), raise_server_exceptions=False) as served:
        assert soon(lambda: "still served" in str(live.trouble))
        assert "internal" not in served.get("/readyz").text
    with pytest.raises(Exception, match=r"nothing is published in http://store") as told:
        live.refresh()
    assert "internal" not in problem_of(told.value).detail


def test_a_version_that_was_replaced_is_let_go_at_once(
    tables: MemoryTables, versions: ClusterVersions, snapshot: Snapshot, tmp_path: Path
) -> None:
    """It holds papers that were read, and those that stand by."""
    cluster = ClusterSettings(uri="memory", standby=20)
    store = ClusterStore(cluster, tmp_path / "data", lambda _: tables)
    live = Live(store, Settings(data=tmp_path / "data"))
    live.refresh()
    live.searcher.search(QUESTION)
    before = weakref.ref(live.searcher.snapshot.elsewhere)
    push(another(snapshot, tmp_path / "another"), versions, 3)
    gc.collect()
    gc.disable()
    try:
        assert soon(lambda: _refreshed(live) != snapshot.version)
        assert soon(lambda: before() is None)
    finally:
        gc.enable()
    store.close()


def _refreshed(live: Live) -> str:
    live.refresh()
    return live.searcher.snapshot.version


def test_what_is_live_is_asked_for_no_more_often_than_said(
    lives: list[Live], tables: MemoryTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.cluster.store.POLL_S", 1.0)
    time.sleep(0.5)
    tables.calls.clear()
    time.sleep(2.5)
    assert tables.calls.count("target") <= 3 * len(lives)


def test_what_is_forgotten_is_gone_while_another_version_is_opened(
    lives: list[Live],
    tables: MemoryTables,
    versions: ClusterVersions,
    snapshot: Snapshot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A store takes minutes to load a large version."""
    first = lives[0].searcher.search(QUESTION, 1).hits[0].paper.id
    other = another(snapshot, tmp_path / "another")
    opening, opened = threading.Event(), threading.Event()
    load = tables.load

    def slowly(table: str) -> None:
        if threading.current_thread().name == "watch-live":
            opening.set()
            opened.wait(SOON * 2)
        load(table)

    push(other, versions, 3)
    monkeypatch.setattr(tables, "load", slowly)
    versions.activate(other.version)
    try:
        assert opening.wait(SOON)
        ClusterForgotten(tables, "nonmun").write(Forgotten(frozenset({first})))
        assert soon(lambda: lives[0].searcher.search(QUESTION, 1).hits[0].paper.id != first)
        assert not opened.is_set()
    finally:
        opened.set()


def test_what_stands_by_is_not_kept_for_when_the_store_is_there_again(
    tables: MemoryTables, tmp_path: Path
) -> None:
    """Where the dense leg is off nothing failed, and still not all papers were searched."""
    cluster = ClusterSettings(uri="memory", standby=5)
    store = ClusterStore(cluster, tmp_path / "data", lambda _: tables)
    weights = WeightsGroup(dense=0, title=0)
    settings = Settings(data=tmp_path / "data", search=SearchGroup(weights=weights))
    live = Live(store, settings)
    live.refresh()
    with TestClient(create_app(live, settings), raise_server_exceptions=False) as served:
        wanted = ask(served, "diffusion")["papers"]
        tables.broken = {"all"}
        assert soon(lambda: served.post("/v1/search", json={"query": "x"}).status_code == 200)
        assert ask(served, QUESTION)["legs"]["dense"] == "failed"
        few = ask(served, "attention")["papers"]
        tables.broken = set()
        assert soon(lambda: served.get("/readyz").json()["trouble"] is None)
        assert ask(served, "attention")["papers"] != few
        assert ask(served, "diffusion")["papers"] == wanted
    store.close()


def test_a_name_that_is_no_text_names_nothing(tables: MemoryTables, tmp_path: Path) -> None:
    """As a terminal gives what is no UTF-8."""
    store = ClusterStore(ClusterSettings(uri="memory"), tmp_path, lambda _: tables)
    searcher = Searcher(store.open_live())
    name = ("\udcff",)
    for filters in (Filters(authors=name), Filters(ids=name), Filters(sections=name)):
        assert searcher.search(QUESTION, filters=filters).hits == ()
    assert searcher.holding(["\udcff"]).row_of("\udcff") is None
    store.close()


def test_a_searcher_of_a_cluster_is_a_searcher(
    tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
) -> None:
    store = ClusterStore(ClusterSettings(uri="memory"), tmp_path, lambda _: tables)
    searcher = Searcher(store.open_live())
    wanted = Searcher(snapshot).search(QUESTION).hits
    assert [hit.paper for hit in searcher.search(QUESTION).hits] == [hit.paper for hit in wanted]
    store.close()


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 3) if isinstance(value, float) else value
