"""The section on peers: the same passages, the same encoder, the same clients, by turns."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from benchmarks.load import client
from benchmarks.load.client import Client, Target
from benchmarks.load.figures import Tally, memory, shown
from benchmarks.load.questions import distinct, of_file, of_titles
from benchmarks.load.steady import Throughput, throughput
from benchmarks.peers import environment, txtai_side
from benchmarks.table import table
from index.questions import Question, read_questions
from index.snapshot import Snapshot
from index.store import Store
from tests.services import Service

_FIRST = 10
_PASSAGES = 30  # as many as nonmun's reply has at the most: ten papers with three each
_CLIENTS = (1, 16)
_ROUNDS = 3
_START_S = 120.0


@dataclass(frozen=True)
class Side:
    """How one of the two is asked.

    Attributes:
        name: As it stands in the table.
        request: Question -> request.
        papers: Reply -> papers, best first, each once.
    """

    name: str
    request: Callable[[str], bytes]
    papers: Callable[[Any], list[str]]


def _of_passages(reply: Any) -> list[str]:
    return list(dict.fromkeys(row["id"].partition("#")[0] for row in reply))


NONMUN = Side("nonmun", client.search, lambda reply: [hit["id"] for hit in reply["papers"]])
TXTAI = Side(
    "txtai", lambda text: client.get(f"/search?query={quote(text)}&limit={_PASSAGES}"), _of_passages
)


@dataclass(frozen=True)
class Measured:
    """What one of the two did.

    Attributes:
        runs: By number of clients.
        memory: Megabytes after all.
        found: Papers of each question of the evaluation, best first.
    """

    runs: list[Throughput]
    memory: float
    found: list[list[str]]


def section(data: Path, evaluation: Path | None, seconds: float = 15.0) -> str:
    """Serve the same passages with both, measure, compare.

    The environment has to be installed.

    Args:
        data: Published versions; the live one is served.
        evaluation: A folder with `questions.jsonl`; `None` asks the titles of the index.
        seconds: How long each is asked, by each number of clients.
    """
    snapshot = Store(data).open_live()
    texts = of_file(evaluation) if evaluation else of_titles(snapshot)
    asked = read_questions([evaluation / "questions.jsonl"]) if evaluation else []
    questions = [one for one in asked if one.known_item]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        begin = time.perf_counter()
        count = _index(snapshot, folder)
        indexed_s = time.perf_counter() - begin
        del snapshot
        with Service(data) as service, _serving(folder) as theirs:
            ours = Target.of(service.url, service.process.pid)
            measured = _measure({NONMUN: ours, TXTAI: theirs}, texts, questions, seconds)
    parts = [_speed(measured)]
    if questions:
        parts.append(_quality(measured, questions))
    parts.append(
        f"{environment.versions()}; its hybrid index of the same {count:,} passages, titles before"
        f" them, with the same encoder took {indexed_s:.0f} s. It replies with {_PASSAGES}"
        " passages, nonmun with ten papers and three passages of each, highlighted. No question is"
        f" asked twice; the two were asked by turns, {_ROUNDS} times each."
    )
    return "\n\n".join(parts)


def _index(snapshot: Snapshot, folder: Path) -> int:
    count = len(snapshot.owners)
    with (folder / "passages.jsonl").open("w", encoding="utf-8") as out:
        for row in range(count):
            passage = snapshot.passage(row)
            # The title goes before: nonmun looks into it too.
            text = f"{snapshot.paper(snapshot.owners[row]).title}\n{passage.text}"
            out.write(json.dumps({"id": passage.id, "text": text}) + "\n")
    print(f"txtai indexes {count:,} passages: a minute or two.", file=sys.stderr)
    side = str(Path(txtai_side.__file__))
    subprocess.run(
        [str(environment.python()), side, str(folder / "passages.jsonl"), str(folder / "index")],
        env=_variables(),
        check=True,
    )
    config = {"path": str(folder / "index"), "writable": False, "embeddings": txtai_side.CONFIG}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return count


def _variables() -> dict[str, str]:
    """For a process of txtai's."""
    return {
        **os.environ,
        "PYTHONPATH": str(Path(txtai_side.__file__).parent),
        "ALLOW_RESOLVE_TRANSFORM": "True",
        "HF_HUB_OFFLINE": "1",
        "OPENBLAS_NUM_THREADS": "1",  # as the encoder has, for whatever else computes
    }


@contextmanager
def _serving(folder: Path) -> Iterator[Target]:
    """Serve the index as txtai's documentation says, until it is measured."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    variables = {**_variables(), "CONFIG": str(folder / "config.yaml")}
    command = ["-m", "uvicorn", "txtai.api:app", "--log-level", "warning", "--port", str(port)]
    process = subprocess.Popen([str(environment.python()), *command], env=variables)
    try:
        _await(f"http://127.0.0.1:{port}/search?query=model", process)
        yield Target("127.0.0.1", port, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=30):
                return
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.2)
    raise SystemExit("txtai did not start")


def _measure(
    targets: dict[Side, Target],
    texts: Sequence[str],
    questions: Sequence[Question],
    seconds: float,
) -> dict[Side, Measured]:
    """Ask both by turns, so that noise hits both; the one that is not asked idles."""
    requests = {side: map(side.request, distinct(texts)) for side in targets}
    runs: dict[tuple[Side, int], list[Throughput]] = defaultdict(list)
    for _ in range(_ROUNDS):
        for clients in _CLIENTS:
            for side, target in targets.items():
                run = throughput(target, requests[side], clients, seconds / _ROUNDS)
                runs[side, clients].append(asyncio.run(run))
    return {
        side: Measured(
            [_joined(runs[side, clients]) for clients in _CLIENTS],
            memory(target.pid),
            asyncio.run(_answers(side, target, questions)),
        )
        for side, target in targets.items()
    }


def _joined(runs: Sequence[Throughput]) -> Throughput:
    """Runs of the same length as one."""
    tally = Tally()
    for run in runs:
        tally.taken += run.tally.taken
        tally.refused += run.tally.refused
        tally.errors += run.tally.errors
    rate = statistics.fmean(run.rate for run in runs)
    share = statistics.fmean(run.client_share for run in runs)
    return Throughput(runs[0].clients, rate, tally, share)


async def _answers(side: Side, target: Target, questions: Sequence[Question]) -> list[list[str]]:
    async with Client(target) as one:
        replies = [await one.ask(side.request(question.text)) for question in questions]
    return [side.papers(json.loads(reply.body))[:_FIRST] for reply in replies]


def _speed(measured: dict[Side, Measured]) -> str:
    rows = []
    for side, one in measured.items():
        for run in one.runs:
            spread = run.tally.spread
            times = [f"{ms:.1f} ms" for ms in (spread.median, spread.p95, spread.p99)]
            refused = Counter({"503": len(run.tally.refused)})
            errors = shown(run.tally.errors + refused)
            rows.append(
                [side.name, run.clients, f"{run.rate:.1f}", *times, errors, f"{one.memory:.0f} MB"]
            )
    head = ["", "clients", "searches a second", "median", "p95", "p99", "errors", "memory"]
    return table(head, rows)


def _quality(measured: dict[Side, Measured], questions: Sequence[Question]) -> str:
    rows = []
    for side, one in measured.items():
        ranks = [
            next(
                (1 / place for place, paper in enumerate(found, 1) if paper in asked.relevant), 0.0
            )
            for asked, found in zip(questions, one.found, strict=True)
        ]
        recall = statistics.fmean(rank > 0 for rank in ranks)
        rows.append([side.name, len(ranks), f"{recall:.3f}", f"{statistics.fmean(ranks):.3f}"])
    return table(["", "questions", "recall@10", "MRR@10"], rows)
