"""Replies that are kept: the same to the byte, of the same searcher, and no more than allowed."""

from __future__ import annotations

import gc
import json
import re
from typing import Any

import pytest

from index.build import build
from index.store import Store
from rag.search import Searcher
from rag.service.cache import Kept, Replies
from tests.rag.service.guarded import guarded

QUERY = {"query": "강화 학습", "top_k": 3}


def _timeless(text: str) -> str:
    return re.sub(r'"took_ms":[\d.e-]+', "", text)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made = list[str]()
    search = Searcher.search

    def counted(self: Searcher, text: str, *more: Any) -> Any:
        made.append(text)
        return search(self, text, *more)

    monkeypatch.setattr(Searcher, "search", counted)
    return made


@pytest.mark.parametrize(
    ("path", "body"),
    [("search", QUERY), ("ask", {"question": "강화 학습은 무엇인가?"})],
)
def test_the_second_time_nothing_is_searched(
    store: Store, searches: list[str], path: str, body: dict[str, Any]
) -> None:
    with guarded(store) as client:
        first = client.post(f"/v1/{path}", json=body)
        count = len(searches)
        second = client.post(f"/v1/{path}", json=body)
        assert len(searches) == count
        assert _timeless(first.text) == _timeless(second.text)
        assert second.json()["took_ms"] < first.json()["took_ms"]
        text = client.get("/metrics").text
        assert 'nonmun_cache_requests_total{result="hit"} 1.0' in text
        assert 'nonmun_cache_requests_total{result="miss"} 1.0' in text


@pytest.mark.parametrize(
    "other",
    [{"top_k": 4}, {"passages_per_paper": 1}, {"filters": {"min_votes": 1}}, {"query": "강화학습"}],
)
def test_another_request_is_another_reply(
    store: Store, searches: list[str], other: dict[str, Any]
) -> None:
    with guarded(store) as client:
        client.post("/v1/search", json=QUERY)
        count = len(searches)
        client.post("/v1/search", json={**QUERY, **other})
        assert len(searches) == count + 1


def test_one_set_to_none_keeps_none(store: Store, searches: list[str]) -> None:
    with guarded(store, cache_mb=0) as client:
        for _ in range(2):
            client.post("/v1/search", json=QUERY)
        assert searches.count(QUERY["query"]) == 2  # type: ignore[arg-type]


def test_what_was_found_without_a_leg_is_not_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with guarded(store) as client:
        with monkeypatch.context() as patch:
            patch.setattr("index.fusion.score_late", lambda *_: 1 / 0)
            assert client.post("/v1/search", json=QUERY).json()["legs"]["late"] == "failed"
        assert client.post("/v1/search", json=QUERY).json()["legs"]["late"] == "ok"


def test_it_goes_with_what_is_forgotten_and_with_the_version(
    store: Store, samples: Any, tmp_path: Any
) -> None:
    own = Store(tmp_path / "data")
    first, *others = sorted(samples.glob("*.md"))
    build([first], own)
    with guarded(own) as client:
        before = client.post("/v1/search", json=QUERY).json()
        own.forgotten.add([before["papers"][0]["id"]])
        after = client.post("/v1/search", json=QUERY).json()
        assert before["papers"][0]["id"] not in [one["id"] for one in after["papers"]]
        built = build([first, *others], own)
        client.app.state.work.live.refresh()  # type: ignore[attr-defined]
        reply = client.post("/v1/search", json=QUERY).json()
        assert reply["index_version"] == built.version


def _kept(text: str) -> Kept:
    return Kept.of(json.dumps({"text": text, "took_ms": 1.5}, separators=(",", ":")).encode(), None)


class TestReplies:
    def test_what_it_took_is_put_in_anew(self) -> None:
        reply = {"a": 'says ,"took_ms":7, in a text', "took_ms": 1.25, "z": 1}
        body = json.dumps(reply, separators=(",", ":")).encode()
        assert json.loads(Kept.of(body, None).reply(9.5)) == {**reply, "took_ms": 9.5}
        last = {"a": 1, "took_ms": 3.0}
        body = json.dumps(last, separators=(",", ":")).encode()
        assert json.loads(Kept.of(body, None).reply(0.001)) == {**last, "took_ms": 0.001}

    def test_what_was_not_asked_for_the_longest_makes_room(self, searcher: Searcher) -> None:
        replies = Replies(3_500)
        for name in "abc":
            replies.put(searcher, ("search", name), _kept(name * 1_000))
        assert replies.get(searcher, ("search", "a"))
        replies.put(searcher, ("search", "d"), _kept("d" * 1_000))
        held = [name for name in "abcd" if replies.get(searcher, ("search", name))]
        assert held == ["a", "c", "d"]

    def test_one_that_is_too_large_is_not_kept(self, searcher: Searcher) -> None:
        replies = Replies(1_000)
        replies.put(searcher, ("search", "a"), _kept("a" * 2_000))
        assert replies.get(searcher, ("search", "a")) is None

    def test_they_keep_no_searcher_alive(self, searcher: Searcher) -> None:
        replies = Replies(10_000)
        own = Searcher(searcher.snapshot)
        replies.put(own, ("search", "a"), _kept("a"))
        assert replies.get(own, ("search", "a"))
        assert replies.get(searcher, ("search", "a")) is None
        del own
        gc.collect()
        assert len(replies._kept) == 0
