"""The scenarios by name: each against a service of its own, each a part of the page."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.load import printing
from benchmarks.load.client import Target, search
from benchmarks.load.crowd import crowd
from benchmarks.load.leaving import leaving
from benchmarks.load.mixed import all_kinds, mixed
from benchmarks.load.overload import overload
from benchmarks.load.questions import distinct
from benchmarks.load.slow import slow
from benchmarks.load.steady import overhead, throughput
from index.store import Store
from rag.search import Searcher
from tests.services import Service


class Scenario(StrEnum):
    """What is done to the service."""

    THROUGHPUT = "throughput"
    OVERHEAD = "overhead"
    OVERLOAD = "overload"
    MIXED = "mixed"
    SLOW = "slow"
    LEAVING = "leaving"
    CONNECTIONS = "connections"


@dataclass(frozen=True)
class Bench:
    """What the scenarios run on.

    Attributes:
        data: The published versions; only read.
        texts: Questions, made distinct before they are asked.
        scratch: A folder for a copy of `data` whose versions are switched.
        seconds: How long a scenario lasts; `None` leaves it to each.
        variables: Settings of the service, as environment variables.
    """

    data: Path
    texts: Sequence[str]
    scratch: Path
    seconds: float | None
    variables: Mapping[str, str]

    @contextmanager
    def service(self, data: Path | None = None) -> Iterator[Target]:
        """A service of its own for each scenario: none finds what another left."""
        with Service(data or self.data, **self.variables) as running:
            yield Target.of(running.url, running.process.pid)

    def queries(self) -> Iterator[str]:
        """Questions of which none is asked twice."""
        return distinct(self.texts)

    def lasting(self, usual: float) -> float:
        """The seconds that were asked for, or the usual ones."""
        return usual if self.seconds is None else self.seconds


def run(scenario: Scenario, bench: Bench) -> str:
    """Run one and put what was measured into words."""
    return _RUNS[scenario](bench)


def _throughput(bench: Bench) -> str:
    with bench.service() as target:
        requests = map(search, bench.queries())
        measured = [
            asyncio.run(throughput(target, requests, clients, bench.lasting(15.0)))
            for clients in (1, 16)
        ]
        return printing.throughputs(measured, target)


def _overhead(bench: Bench) -> str:
    searcher = Searcher(Store(bench.data).open_live())
    with bench.service() as target:
        return printing.overhead(
            asyncio.run(overhead(target, searcher, bench.queries(), bench.lasting(20.0)))
        )


def _overload(bench: Bench) -> str:
    with bench.service() as target:
        requests = map(search, bench.queries())
        return printing.overload(asyncio.run(overload(target, requests, bench.lasting(20.0))))


def _mixed(bench: Bench) -> str:
    copy = bench.scratch / "mixed"
    shutil.copytree(bench.data, copy)
    store = Store(copy)
    live = store.live()
    others = [one.version for one in store.versions() if one.version != live]
    if not live or not others:
        return f"Not measured: {bench.data} has only one version."
    known = _papers(store, others[0]) & _papers(store, live)
    seconds = bench.lasting(300.0)
    with bench.service(copy) as target:
        requests = all_kinds(bench.queries(), sorted(known))
        measured = asyncio.run(
            mixed(
                target, store, others[0], requests, seconds=seconds, settle_s=min(30.0, seconds / 3)
            )
        )
    shutil.rmtree(copy)
    return printing.mixed(measured, seconds)


def _papers(store: Store, version: str) -> set[str]:
    store.activate(version)
    return set(store.open_live().ids)


def _slow(bench: Bench) -> str:
    with bench.service() as target:
        requests = map(search, bench.queries())
        return printing.slow(asyncio.run(slow(target, requests, bench.lasting(60.0))))


def _leaving(bench: Bench) -> str:
    with bench.service() as target:
        return printing.leaving(asyncio.run(leaving(target, map(search, bench.queries()))))


def _connections(bench: Bench) -> str:
    with bench.service() as target:
        requests = map(search, bench.queries())
        return printing.crowd(asyncio.run(crowd(target, requests, seconds=bench.lasting(15.0))))


_RUNS: dict[Scenario, Callable[[Bench], str]] = {
    Scenario.THROUGHPUT: _throughput,
    Scenario.OVERHEAD: _overhead,
    Scenario.OVERLOAD: _overload,
    Scenario.MIXED: _mixed,
    Scenario.SLOW: _slow,
    Scenario.LEAVING: _leaving,
    Scenario.CONNECTIONS: _connections,
}
