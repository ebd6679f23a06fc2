"""Builds on top of others, and what a service notices of them."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.process import Service, running
from benchmarks.table import table
from index.digests import read_digests
from index.digests.sources import find_files
from index.store import Store

_BUILD = [sys.executable, "-c", "from rag.cli import main; main()", "build"]
_DAY = 16  # papers of a usual digest, at most
_RUNS = 5
_IDLE_SECONDS = 20


def measure_steps(corpus: Path, data: Path, scratch: Path) -> str:
    """A build with nothing new, and one that adds a day, each several times.

    Args:
        corpus: Digests.
        data: A folder in which they are published.
        scratch: A folder for it; in `before` it leaves what was published before the day.
    """
    digests = scratch / "digests"
    shutil.copytree(corpus, digests)
    day = _usual_day(digests)
    aside = scratch / day.name
    rows = [_row("nothing new", [_build(digests, data) for _ in range(_RUNS)])]
    day.rename(aside)
    before = scratch / "before"
    shutil.copytree(data, before)
    _build(digests, before)
    shutil.copy2(aside, day)
    added = []
    for _ in range(_RUNS):
        after = scratch / "after"
        shutil.copytree(before, after)
        added.append(_build(digests, after))
        shutil.rmtree(after)
    papers = len(read_digests([aside]).papers)
    rows.append(_row(f"a day is added, papers: {papers}", added))
    head = ["", "wall, median", "least, most", "peak memory", "encoded", "stages of the median"]
    return table(head, rows)


def measure_service(corpus: Path, data: Path, queries: Sequence[str]) -> str:
    """Searches while a full build runs beside them, and how soon a version is served."""
    environment = {
        "NONMUN_BUILD__SOURCES": json.dumps([str(corpus)]),
        "NONMUN_SERVER__ADMIN_KEY": "benchmark",
    }
    with _environment(environment), ExitStack() as stack:
        one, other = (stack.enter_context(running(data)) for _ in range(2))
        for query in queries[:20]:
            one.post("search", {"query": query})
        idle = _searches(one, queries, until=time.monotonic() + _IDLE_SECONDS)
        name = _admin(one, "index/builds", {"full": True})["id"]
        begin = time.perf_counter()
        busy = _searches(one, queries, build=name)
        seconds = time.perf_counter() - begin
        memory = one.memory()
        switched = [_switch(data, (one, other)) for _ in range(_RUNS)]
    rows = [
        ["idle", f"{len(idle):,}", *_spread(idle), ""],
        [
            f"during a full build of {seconds:.0f} s",
            f"{len(busy):,}",
            *_spread(busy),
            f"{_p95(busy) / _p95(idle):.1f} times",
        ],
    ]
    return "\n\n".join(
        [
            table(["`POST /v1/search`, one client", "requests", "median", "p95", "p95"], rows),
            f"After `nonmun rollback`, the replies of two services come from the other version"
            f" within {max(switched):.2f} s (median {statistics.median(switched):.2f} s of"
            f" {_RUNS}). Memory of the service after a build and the switches: {memory:.0f} MB.",
        ]
    )


def _usual_day(digests: Path) -> Path:
    """The digest with as many papers as a usual one, or nearly; of several the newest."""
    files, _ = find_files([digests])
    sizes = {file.path: len(read_digests([file.path]).papers) for file in files}
    usual = {path: size for path, size in sizes.items() if 0 < size <= _DAY} or sizes
    return max(sorted(usual), key=lambda path: (usual[path], str(path)))


def _build(digests: Path, data: Path) -> dict[str, Any]:
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*_BUILD, str(digests), "--data", str(data), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    out = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the build failed: {out.decode()}")
    return {**json.loads(out), "wall": time.perf_counter() - begin, "usage": usage}


def _row(name: str, built: Sequence[dict[str, Any]]) -> list[str]:
    ordered = sorted(built, key=lambda one: one["wall"])
    middle = ordered[len(ordered) // 2]
    usage: resource.struct_rusage = middle["usage"]
    stages = ", ".join(f"{key} {value:.2f}" for key, value in middle["seconds"].items())
    return [
        name,
        f"{middle['wall']:.2f} s",
        f"{ordered[0]['wall']:.2f}, {ordered[-1]['wall']:.2f}",
        f"{usage.ru_maxrss / 1024:.0f} MB",
        f"{middle['encoded']:,}",
        stages,
    ]


def _searches(
    service: Service, queries: Sequence[str], until: float = 0.0, build: str = ""
) -> list[float]:
    """Milliseconds of one search after the other, until a moment or the end of a build."""
    taken = []
    while True:
        for query in queries:
            begin = time.perf_counter()
            service.post("search", {"query": query, "top_k": 10})
            taken.append((time.perf_counter() - begin) * 1000)
            time.sleep(0.02)  # a person, or a program that does something with the reply
            if until and time.monotonic() > until:
                return taken
            if build and len(taken) % 20 == 0:
                state = service.get(f"index/builds/{build}")["state"]
                if state != "running":
                    if state != "done":
                        raise SystemExit(f"the build is {state}")
                    return taken


def _switch(data: Path, services: Sequence[Service]) -> float:
    """Seconds until all services reply from another version than now."""
    store = Store(data)
    live = store.live()
    wanted = next(one.version for one in store.versions() if one.version != live)
    begin = time.perf_counter()
    store.activate(wanted)
    for service in services:
        while service.post("search", {"query": "모델"})["index_version"] != wanted:
            time.sleep(0.01)
    return time.perf_counter() - begin


def _admin(service: Service, route: str, body: dict[str, Any]) -> Any:
    return service.post(route, body, {"Authorization": "Bearer benchmark"})


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _p95(taken: Sequence[float]) -> float:
    return statistics.quantiles(taken, n=20)[18]


def _spread(taken: Sequence[float]) -> tuple[str, str]:
    return f"{statistics.median(taken):.1f} ms", f"{_p95(taken):.1f} ms"
