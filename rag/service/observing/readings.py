"""What is read when metrics are asked for, so that no request has to keep it up to date."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from prometheus_client import ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from index.journal import Build, BuildState

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """What is served: a version, its papers, and when it was built, where that is known."""

    version: str
    papers: int
    built: datetime | None


class Readings(Collector):
    """Reads what is served, what is built, and how many requests wait."""

    def __init__(
        self,
        served: Callable[[], Served | None] = lambda: None,
        builds: Callable[[], Sequence[Build]] = lambda: (),
        waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        """Read nothing yet.

        Args:
            served: What is served, if anything is.
            builds: The last builds, newest first.
            waiting: How many requests wait for their turn in this process.
        """
        self._served = served
        self._builds = builds
        self._waiting = waiting

    def collect(self) -> Iterator[Metric]:
        """All that can be read; what can't is left out, and the log says why."""
        for part in (self._of_index, self._of_builds, self._of_queue):
            try:
                yield from part()
            # Whatever is wrong, it is by the other metrics that somebody finds out.
            except Exception:
                log.exception("a part of the metrics can't be read")

    def _of_index(self) -> list[Metric]:
        served = self._served()
        if served is None:
            return []
        info = GaugeMetricFamily("nonmun_index_info", "The version served", labels=["version"])
        info.add_metric([served.version], 1)
        found = [info, _gauge("nonmun_index_papers", "Papers of the version served", served.papers)]
        if served.built:
            age = (datetime.now(UTC) - served.built).total_seconds()
            found.append(_gauge("nonmun_index_age_seconds", "Since the version was built", age))
        return found

    def _of_builds(self) -> list[Metric]:
        states = [build.state for build in self._builds()]
        running = BuildState.RUNNING in states
        found = [_gauge("nonmun_build_running", "Whether a build is running", running)]
        last = next((state for state in states if state is not BuildState.RUNNING), None)
        if last:
            told = "What became of the build that ended last"
            family = GaugeMetricFamily("nonmun_last_build_state", told, labels=["state"])
            for state in BuildState:
                if state is not BuildState.RUNNING:
                    family.add_metric([state], state is last)
            found.append(family)
        return found

    def _of_queue(self) -> list[Metric]:
        return [_gauge("nonmun_queue_length", "Requests that wait for their turn", self._waiting())]


class ProcessReadings(Collector):
    """What the system tells of this process."""

    def __init__(self) -> None:
        self._collector = ProcessCollector(registry=CollectorRegistry())

    def collect(self) -> Iterable[Metric]:
        """The memory, time and files of this process."""
        return self._collector.collect()


class OfThisProcess(Collector):
    """Names the process in some metrics: of several workers, another one may tell next time."""

    def __init__(self, collector: Collector, prefixes: tuple[str, ...]) -> None:
        self._collector = collector
        self._prefixes = prefixes

    def collect(self) -> Iterator[Metric]:
        """The same metrics, those that begin with a prefix with a label `pid`."""
        pid = {"pid": str(os.getpid())}
        for metric in self._collector.collect():
            if metric.name.startswith(self._prefixes):
                metric.samples = [
                    one._replace(labels={**one.labels, **pid}) for one in metric.samples
                ]
            yield metric


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value)
