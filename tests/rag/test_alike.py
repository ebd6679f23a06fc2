"""Similar papers of a cluster are those of the snapshot that was pushed."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from index.cluster.gathering import Gatherer
from index.forgotten import NOTHING, Forgotten
from index.scoring import Leg
from index.snapshot import Snapshot
from rag.errors import QueryError, UnknownPaperError
from rag.filters import Filters
from rag.legs import Status
from rag.search import NO_FILTERS, Searcher
from rag.similar import Similar, similar
from tests.index.cluster.memory import MemoryTables
from tests.index.cluster.pushed import gatherer

NOTES = "선호 데이터로 언어 모델을 정렬하는 방법. Retrieval augmented generation."


@pytest.fixture(scope="module")
def tables() -> MemoryTables:
    return MemoryTables()


@pytest.fixture(scope="module")
def memory(
    tables: MemoryTables, snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory
) -> Gatherer:
    return gatherer(tables, snapshot, tmp_path_factory.mktemp("cache"))


def told(found: Similar) -> list[object]:
    return [
        (one.hit.paper, replace(one.because), [p.passage.id for p in one.hit.passages][:1])
        for one in found.hits
    ]


def assert_same(found: Similar, wanted: Similar) -> None:
    assert told(found) == told(wanted)
    scores = [one.hit.score for one in wanted.hits]
    assert [one.hit.score for one in found.hits] == pytest.approx(scores, abs=1e-3)
    assert found.legs == wanted.legs


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("away", [0, 1])
def test_papers_like_some_are_the_same(
    memory: Gatherer, snapshot: Snapshot, seed: int, away: int
) -> None:
    chosen = random.Random(seed).sample(list(snapshot.ids), 1 + seed % 3 + away)
    ids, not_ids = chosen[away:], chosen[:away]
    local, cluster = Searcher(snapshot), Searcher(memory.snapshot)
    wanted = similar(local, ids, not_ids, top_k=8)
    assert_same(similar(cluster, ids, not_ids, top_k=8), wanted)


def test_papers_like_a_text_are_the_same(memory: Gatherer, snapshot: Snapshot) -> None:
    wanted = similar(Searcher(snapshot), text=NOTES, top_k=8, diversity=0.3)
    found = similar(Searcher(memory.snapshot), text=NOTES, top_k=8, diversity=0.3)
    assert_same(found, wanted)


@pytest.mark.parametrize("forgotten", [NOTHING, Forgotten(frozenset({"2005.11401"}))])
@pytest.mark.parametrize("filters", [NO_FILTERS, Filters(min_votes=10)])
def test_filters_and_what_is_forgotten_leave_the_same(
    memory: Gatherer, snapshot: Snapshot, forgotten: Forgotten, filters: Filters
) -> None:
    local = Searcher(snapshot, forgotten=forgotten)
    cluster = Searcher(memory.snapshot, forgotten=forgotten)
    paper = snapshot.ids[3]
    wanted = similar(local, [paper], top_k=8, filters=filters)
    assert_same(similar(cluster, [paper], top_k=8, filters=filters), wanted)


def test_few_are_gathered_of_many(
    memory: Gatherer, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.alike._BY_EACH", 12)
    monkeypatch.setattr("rag.alike._LEAST", 12)
    seen: list[int] = []
    read = memory._reader.snapshot

    def count(rows: list[int], *args: object, **more: object) -> Snapshot:
        seen.append(len(rows))
        return read(rows, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(memory._reader, "snapshot", count)
    paper = snapshot.ids[20]
    wanted = similar(Searcher(snapshot), [paper], top_k=4)
    assert_same(similar(Searcher(memory.snapshot), [paper], top_k=4), wanted)
    assert 0 < max(seen) < len(snapshot)


def test_mistakes_are_told_as_of_a_snapshot(memory: Gatherer, snapshot: Snapshot) -> None:
    cluster = Searcher(memory.snapshot)
    with pytest.raises(UnknownPaperError, match="no paper 'none' here"):
        similar(cluster, ["none"])
    with pytest.raises(QueryError, match="name a paper or give a text"):
        similar(cluster)
    with pytest.raises(QueryError, match="can't be both"):
        similar(cluster, [snapshot.ids[0]], [snapshot.ids[0]])


def test_a_leg_that_the_cluster_does_not_search_fails(
    memory: Gatherer, tables: MemoryTables, snapshot: Snapshot
) -> None:
    tables.broken = {"search centre"}
    try:
        found = similar(Searcher(memory.snapshot), [snapshot.ids[0]])
    finally:
        tables.broken = set()
    assert found.legs[Leg.DENSE] is Status.FAILED
    assert found.legs[Leg.LEXICAL] is Status.OK
    assert found.hits


def test_a_background_of_some_papers_is_about_that_of_all(
    tables: MemoryTables,
    snapshot: Snapshot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("index.cluster.background.MOST", 30)
    memory = gatherer(MemoryTables(), snapshot, tmp_path)
    assert isinstance(memory._threads, ThreadPoolExecutor)
    same = 0
    for paper in snapshot.ids[::9]:
        wanted = similar(Searcher(snapshot), [paper], top_k=5).hits
        found = similar(Searcher(memory.snapshot), [paper], top_k=5).hits
        same += len({o.hit.paper.id for o in wanted} & {o.hit.paper.id for o in found})
    assert same >= 0.8 * 5 * len(snapshot.ids[::9])
