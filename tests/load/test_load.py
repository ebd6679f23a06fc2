"""What the service keeps to whatever its clients do; no speeds, which are in docs/benchmarks.md."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.load.crowd import crowd
from benchmarks.load.leaving import leaving
from benchmarks.load.mixed import all_kinds, mixed
from benchmarks.load.overload import overload
from benchmarks.load.questions import distinct
from benchmarks.load.slow import slow
from benchmarks.load.steady import overhead, throughput
from index.build import build
from index.store import Store
from rag.search import Searcher
from tests.load.serving import serving

pytestmark = pytest.mark.slow

GROWTH_MB = 60.0  # what memory may rise and fall by
QUEUE, TIMEOUT_S = 32, 5.0
IDLE_S = 2.0
CONNECTIONS = 200
OTHERS = 40  # sockets of a service that are no client's, and clients that are just leaving


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory, store: Store, samples: Path) -> Store:
    """The samples, and before them the samples without a digest."""
    folder = tmp_path_factory.mktemp("load") / "data"
    shutil.copytree(store.folder, folder)
    copy = Store(folder)
    whole = copy.live()
    assert whole
    build(sorted(samples.glob("*.md"))[:-1], copy)
    copy.activate(whole)
    return copy


def test_sixteen_clients_are_all_served(store: Store, searches: Iterator[bytes]) -> None:
    with serving(store) as target:
        measured = asyncio.run(throughput(target, searches, clients=16, seconds=4))
    assert measured.tally.failed == 0, measured.tally.errors
    assert measured.tally.refused == []
    assert measured.tally.degraded == 0
    assert measured.rate > 0


def test_http_and_the_search_alone_are_measured_by_turns(
    store: Store, searcher: Searcher, texts: list[str]
) -> None:
    with serving(store) as target:
        measured = asyncio.run(overhead(target, searcher, distinct(texts), seconds=2))
    assert measured.tally.failed == 0, measured.tally.errors
    assert measured.http.count == measured.alone.count > 0
    assert measured.ratio > 0


def test_too_much_is_refused_and_soon_over(store: Store, searches: Iterator[bytes]) -> None:
    with serving(store, queue=QUEUE, timeout_s=TIMEOUT_S) as target:
        measured = asyncio.run(overload(target, searches, seconds=6, most=400, capacity_s=2))
    assert measured.tally.failed == 0, measured.tally.errors
    assert measured.tally.degraded == 0
    assert measured.tally.refused
    assert measured.tally.without_retry == 0
    # Nobody waits for longer than a request may take, neither for a reply nor for a refusal.
    assert measured.tally.spread.p99 < (TIMEOUT_S + 1) * 1000
    assert measured.refused.p99 < (TIMEOUT_S + 1) * 1000
    assert measured.rate > measured.capacity / 3
    assert measured.recovered_s is not None
    assert measured.memory_most < measured.memory_before + GROWTH_MB


def test_all_kinds_while_versions_are_switched(two_versions: Store, texts: list[str]) -> None:
    live = two_versions.live()
    other = next(one.version for one in two_versions.versions() if one.version != live)
    known = _papers(two_versions, other) & _papers(two_versions, str(live))
    requests = all_kinds(distinct(texts), sorted(known))
    with serving(two_versions) as target:
        measured = asyncio.run(
            mixed(target, two_versions, other, requests, seconds=12, swaps=8, settle_s=4)
        )
    assert measured.tally.failed == 0, measured.tally.errors
    assert measured.tally.refused == []
    assert measured.tally.degraded == 0
    assert measured.memory_end < measured.memory_begin + GROWTH_MB


def _papers(store: Store, version: str) -> set[str]:
    store.activate(version)
    return set(store.open_live().ids)


def test_slow_clients_are_cut_off_and_others_notice_nothing(
    store: Store, searches: Iterator[bytes]
) -> None:
    with serving(store, idle_s=IDLE_S) as target:
        measured = asyncio.run(
            slow(target, searches, seconds=5 * IDLE_S, writers=50, readers=20, before_s=2)
        )
    assert measured.beside.failed == 0, measured.beside.errors
    assert measured.beside.refused == []
    assert measured.beside.degraded == 0
    for kind in ("headers", "bodies"):
        assert len(measured.cut[kind].after) == measured.cut[kind].count, kind
        assert max(measured.cut[kind].after) < 3 * IDLE_S, kind
    assert measured.held < OTHERS
    assert measured.memory_after < measured.memory_before + GROWTH_MB


def test_clients_that_leave_leave_nothing_behind(store: Store, searches: Iterator[bytes]) -> None:
    with serving(store, queue=QUEUE) as target:
        measured = asyncio.run(leaving(target, searches, count=300))
    assert measured.beside.failed == 0, measured.beside.errors
    assert measured.normal_after_s is not None
    # What nobody waits for is not done.
    assert sum(rose for name, rose in measured.counted.items() if "client_left" in name) > 0
    assert measured.held < OTHERS
    assert measured.memory_after < measured.memory_before + GROWTH_MB


def test_a_crowd_is_held_within_the_limit(store: Store, searches: Iterator[bytes]) -> None:
    with serving(store, idle_s=IDLE_S, connections=CONNECTIONS) as target:
        measured = asyncio.run(crowd(target, searches, count=1000, seconds=3 * IDLE_S))
    assert measured.before.failed == 0, measured.before.errors
    # Whoever was there before the crowd is served as before.
    assert measured.beside.failed == 0, measured.beside.errors
    assert measured.beside.taken
    assert measured.beside.refused == []
    assert measured.held < CONNECTIONS + OTHERS
    assert measured.still_open <= CONNECTIONS
    assert measured.held_after < OTHERS
    assert measured.memory_beside < measured.memory_before + GROWTH_MB
