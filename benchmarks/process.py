"""Whole processes: a full build, and the service."""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.table import table

_COMMAND = [sys.executable, "-c", "from rag.cli import main; main()"]


def measure_build(corpus: Path, data: Path, environment: dict[str, str] | None = None) -> str:
    """A full build into an empty folder."""
    rows = []
    for name in ("full build",):
        begin = time.perf_counter()
        process = subprocess.Popen(
            [*_COMMAND, "build", str(corpus), "--data", str(data), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
        out = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        if status:
            raise SystemExit(f"the build failed: {out.decode()}")
        report = json.loads(out)
        rows.append(_row(name, report, seconds, usage, data))
    head = ["", "wall", "peak memory", "passages encoded", "stages over 1 s", "on disk"]
    counts = (
        f"{report['entries']:,} entries in {report['files']:,} files, {report['papers']:,} papers,"
        f" {report['passages']:,} passages, {len(report['problems'])} problems,"
        f" {len(report['notes'])} noted."
    )
    return f"{counts}\n\n{table(head, rows)}"


def _row(
    name: str, report: dict[str, Any], seconds: float, usage: resource.struct_rusage, data: Path
) -> list[str]:
    folder = data / "versions" / str(report["version"])
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    stages = {key: value for key, value in report["seconds"].items() if value >= 1}
    return [
        name,
        f"{seconds:.1f} s",
        f"{usage.ru_maxrss / 1024:.0f} MB",
        f"{report['encoded']:,}",
        ", ".join(f"{key} {value:.1f}" for key, value in stages.items()),
        f"{size / 1e6:.1f} MB",
    ]


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    pid: int
    started: float

    def get(self, route: str) -> Any:
        """Read a reply."""
        with urllib.request.urlopen(f"{self.url}/v1/{route}", timeout=30) as reply:
            return json.load(reply)

    def post(self, route: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        """Send a request and read the reply."""
        request = urllib.request.Request(
            f"{self.url}/v1/{route}",
            json.dumps(body).encode(),
            {"content-type": "application/json", **(headers or {})},
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found.group(1)) / 1024 if found else 0.0


@contextmanager
def running(data: Path) -> Iterator[Service]:
    """Serve an index on a free port of the loopback, and stop."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*_COMMAND, "serve", "--data", str(data), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a line a request
        text=True,
        # The same questions are asked again and again here, and a kept reply measures nothing.
        env={**os.environ, "NONMUN_SERVER__CACHE_MB": "0"},
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://\S+", line)
        if not found:
            raise SystemExit(f"the service did not start: {line}")
        yield Service(found.group(), process.pid, time.perf_counter() - begin)
    finally:
        process.terminate()
        process.wait(timeout=30)


def measure_service(service: Service, queries: Sequence[str], rounds: int = 3) -> str:
    """One request at a time, by a client in another process than the service."""
    rows = []
    for route, field in (("search", "query"), ("ask", "question")):
        service.post(route, {field: "준비 warm up"})
        whole, inside = [], []
        for _ in range(rounds):
            for query in queries:
                begin = time.perf_counter()
                reply = service.post(route, {field: query, "top_k": 10})
                whole.append((time.perf_counter() - begin) * 1000)
                inside.append(reply["took_ms"])
        p95 = statistics.quantiles(whole, n=20)[18]
        rows.append(
            [
                f"`POST /v1/{route}`, {len(whole)} requests",
                f"{statistics.median(whole):.1f} ms",
                f"{p95:.1f} ms",
                f"{statistics.median(inside):.1f} ms",
            ]
        )
    rows.append(["memory of the process", f"{service.memory():.0f} MB", "", ""])
    rows.append(["start to ready", f"{service.started:.1f} s", "", ""])
    return table(["", "median", "p95", "of it in the search (`took_ms`)"], rows)


def score(service: Service, evaluation: Path) -> str:
    """What a scorer of question files says of the service; it is run as it is."""
    files = sorted(map(str, evaluation.glob("*.jsonl")))
    done = subprocess.run(
        [sys.executable, str(evaluation / "score.py"), "--url", service.url, *files],
        capture_output=True,
        text=True,
        check=True,
    )
    scores = json.loads(done.stdout)
    names = ("questions", "recall@1", "recall@10", "mrr@10", "section@1")
    rows = [
        [group, *(values[name] for name in names)] for group, values in scores["known_item"].items()
    ]
    parts = [table(["", *names], rows)]
    for name in ("topical", "abstention", "mismatch"):
        if name in scores:
            facts = ", ".join(f"{key} {value}" for key, value in scores[name].items())
            parts.append(f"{name}: {facts}")
    return "\n\n".join(parts)
