"""The map over HTTP: what the snapshot has, without what is forgotten, sent once."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from index.snapshot import Snapshot
from index.store import Store
from rag import chart
from rag.search import Searcher
from rag.service import maps
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings

MAP = "/v1/map"
PLAIN = {"accept-encoding": "identity"}
DPO = "2305.18290"


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


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Searcher]:
    """The searchers whose maps were made."""
    made = list[Searcher]()

    def counted(searcher: Searcher) -> chart.Chart:
        made.append(searcher)
        return chart.draw(searcher)

    monkeypatch.setattr(maps, "draw", counted)
    return made


def read(client: TestClient) -> dict[str, Any]:
    reply = client.get(MAP)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_it_is_what_the_snapshot_has(client: TestClient, snapshot: Snapshot) -> None:
    found = read(client)
    assert list(found) == ["index_version", "papers", "topics", "total"]
    assert found["total"] == len(snapshot)
    assert found["index_version"] == snapshot.version
    papers = found["papers"]
    known = [snapshot.paper(row) for row in range(len(snapshot))]
    assert papers["ids"] == list(snapshot.ids)
    assert papers["titles"] == [one.title for one in known]
    assert papers["dates"] == [one.date and one.date.isoformat() for one in known]
    assert papers["votes"] == [one.votes for one in known]
    places = np.column_stack([papers["x"], papers["y"]])
    np.testing.assert_allclose(places, snapshot.projection.places, atol=0.00005001)
    assert papers["topics"] == snapshot.projection.regions.tolist()


def test_topics_have_labels_in_both_languages(client: TestClient, snapshot: Snapshot) -> None:
    found = read(client)
    topics = found["topics"]
    assert len(topics) == len(snapshot.projection.topics)
    for topic, wanted in zip(topics, snapshot.projection.topics, strict=True):
        assert topic["english"] == " · ".join(name.english for name in wanted.terms)
        assert topic["korean"] == " · ".join(name.korean for name in wanted.terms)
        assert (topic["level"], topic["parent"]) == (wanted.level, wanted.parent)
        assert (topic["x"], topic["y"]) == (wanted.x, wanted.y)
    for number, topic in enumerate(topics):
        inside = [
            one for one in found["papers"]["topics"] if number in (one, topics[one]["parent"])
        ]
        assert topic["papers"] == len(inside) > 0
    large = [topic["papers"] for topic in topics if topic["level"] == 0]
    assert sum(large) == len(snapshot)


def test_of_very_many_papers_the_newest_are_on_it_and_some_of_the_others(
    client: TestClient, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.projection.drawn.MOST", 12)
    monkeypatch.setattr("index.projection.drawn.NEWEST", 4)
    found = read(client)
    count = len(snapshot)
    assert found["total"] == count > 20
    rows = [list(snapshot.ids).index(name) for name in found["papers"]["ids"]]
    older = [at * (count - 4) // 8 for at in range(8)]
    assert rows == [*older, *range(count - 4, count)]
    assert found["papers"]["topics"] == snapshot.projection.regions[rows].tolist()
    places = np.column_stack([found["papers"]["x"], found["papers"]["y"]])
    np.testing.assert_allclose(places, snapshot.projection.places[rows], atol=0.00005001)
    assert found["papers"]["titles"] == [snapshot.paper(row).title for row in rows]
    # Topics count all of them.
    assert sum(topic["papers"] for topic in found["topics"] if topic["level"] == 0) == count


def test_what_is_forgotten_is_not_on_it(client: TestClient, own: Store) -> None:
    before = read(client)
    at = before["papers"]["ids"].index(DPO)
    own.forgotten.add([DPO])
    after = read(client)
    for name, column in before["papers"].items():
        if name != "topics":
            assert after["papers"][name] == column[:at] + column[at + 1 :]
    assert DPO not in client.get(MAP, headers=PLAIN).text
    own.forgotten.remove([DPO])
    assert read(client) == before


def test_a_region_of_forgotten_papers_is_gone_with_them(client: TestClient, own: Store) -> None:
    before = read(client)
    papers, topics = before["papers"], before["topics"]
    region = papers["topics"][0]
    inside = [n for n, own in zip(papers["ids"], papers["topics"], strict=True) if own == region]
    own.forgotten.add(inside)
    after = read(client)
    assert not set(inside) & set(after["papers"]["ids"])
    places = [(one["x"], one["y"]) for one in after["topics"] if one["level"]]
    gone = (topics[region]["x"], topics[region]["y"])
    assert places == [
        (one["x"], one["y"]) for one in topics if one["level"] and (one["x"], one["y"]) != gone
    ]
    label = dict(zip(papers["ids"], papers["topics"], strict=True))
    for name, number in zip(after["papers"]["ids"], after["papers"]["topics"], strict=True):
        topic, wanted = after["topics"][number], topics[label[name]]
        assert topic["english"] == wanted["english"]
        parent = after["topics"][topic["parent"]]
        assert parent["english"] == topics[wanted["parent"]]["english"]
        assert parent["level"] == 0


def test_with_everything_forgotten_it_is_empty(client: TestClient, own: Store) -> None:
    own.forgotten.add(read(client)["papers"]["ids"])
    found = read(client)
    assert all(column == [] for column in found["papers"].values())
    assert found["topics"] == []
    assert found["total"] == 0


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("identity", False),
        ("", False),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("br", False),
        ("gzippy", False),
    ],
)
def test_it_comes_compressed_to_who_takes_that(
    client: TestClient, accepted: str, zipped: bool
) -> None:
    with client.stream("GET", MAP, headers={"accept-encoding": accepted}) as reply:
        body = b"".join(reply.iter_raw())
    assert (reply.headers.get("content-encoding") == "gzip") == zipped
    assert reply.headers["vary"] == "Accept-Encoding"
    assert int(reply.headers["content-length"]) == len(body)
    plain = gzip.decompress(body) if zipped else body
    assert json.loads(plain) == read(client)
    assert len(body) < len(plain) or not zipped


def test_who_has_it_is_not_sent_it_again(client: TestClient, own: Store) -> None:
    tag = client.get(MAP).headers["etag"]
    for named in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        reply = client.get(MAP, headers={"if-none-match": named})
        assert reply.status_code == 304
        assert reply.content == b""
        assert reply.headers["etag"] == tag
        assert reply.headers["vary"] == "Accept-Encoding"
    assert client.get(MAP, headers={"if-none-match": '"other"'}).status_code == 200
    own.forgotten.add([DPO])
    reply = client.get(MAP, headers={"if-none-match": tag})
    assert reply.status_code == 200
    assert reply.headers["etag"] != tag


def test_a_browser_keeps_it_and_asks_whether_it_holds(client: TestClient) -> None:
    assert client.get(MAP).headers["cache-control"] == "private, no-cache"


def test_it_is_made_once_for_each_searcher(
    client: TestClient, own: Store, drawn: list[Searcher]
) -> None:
    for headers in (PLAIN, {}, {"if-none-match": '"other"'}):
        client.get(MAP, headers=headers)
    assert len(drawn) == 1
    own.forgotten.add([DPO])
    client.get(MAP)
    client.get(MAP)
    assert len(drawn) == 2
