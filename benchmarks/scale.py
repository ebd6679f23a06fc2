"""From a laptop's corpus to all of arXiv on one machine: `python -m benchmarks.scale`.

Corpora of any size are made from a real index (`benchmarks/large.py`), indexed by what a build is
made of, and searched. Each measurement has a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from benchmarks.large import KnownAnalyzer, LargeCorpus, MixedEncoding, Sentences, mixed_vectors
from benchmarks.table import machine, publish, table
from benchmarks.watching import Watched, memory
from index.computing import Computing
from index.content import Content
from index.encoders import EncoderSettings, LateSettings
from index.errors import SnapshotError
from index.manifest import seal
from index.projection import project
from index.settings import LearnSettings, VectorSettings
from index.store import Store
from index.threads import search_on_one_thread
from index.vectors import FaissIndex, IndexFacts
from index.vectors.recall import TEN, recall_of
from index.vectors.sizing import Kind, choose
from index.writing import Made, read_corpus, write_files
from rag.filters import Filters
from rag.search import Searcher
from rag.similar import similar

Floats = npt.NDArray[np.float32]

_QUERIES = 500
_DIMENSION = 512
_QUESTIONS = [
    "보상 모델 없이 사람의 선호로 언어 모델을 정렬하는 방법은?",
    "How is attention computed without storing the whole matrix?",
    "확산 모델로 고해상도 이미지를 만드는 방법",
    "graph neural networks for molecules",
    "음성 인식의 오류율을 줄이는 방법",
    "retrieval augmented generation",
    "거대 언어 모델을 4비트로 양자화하는 방법은 무엇인가?",
    "robots that learn to grasp from demonstrations",
]


def main() -> None:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="an index of a real corpus")
    parser.add_argument(
        "--scratch",
        type=Path,
        required=True,
        help="a folder with room for it all; what was built there before is not built again",
    )
    parser.add_argument("--eval", type=Path, help="a folder with questions.jsonl")
    parser.add_argument(
        "--passages", type=_counts, default=[], help="whole indexes: 100000,1000000"
    )
    parser.add_argument("--vectors", type=_counts, default=[], help="vectors alone, the same way")
    parser.add_argument("--write", type=Path, help="the page to put it in; else it is printed")
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    parts = [machine()]
    if options.vectors:
        parts.append(vectors_section(options))
    if options.passages:
        parts.append(whole_section(options))
    publish("\n\n".join(parts), options.write, "benchmarks.scale")


def _counts(text: str) -> list[int]:
    return [int(part.replace("_", "")) for part in text.split(",")]


def once(target: Path, call: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """Make a file or folder in a process of its own, unless it was made before."""
    told = target.with_name(f"{target.name}.json")
    if told.exists():
        found: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
        return found
    if target.is_dir():
        shutil.rmtree(target)
    made = alone(call, *given)
    told.write_text(json.dumps(made), encoding="utf-8")
    return made


def alone(call: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """Call a function in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, call, *given))
    process.start()
    sender.close()
    try:
        found: dict[str, Any] = receiver.recv()
    except EOFError:
        raise SystemExit(f"{call.__name__} ended without a result") from None
    finally:
        process.join()
    print(json.dumps({call.__name__: found}), flush=True)
    return found


def _send(sender: Any, call: Callable[..., dict[str, Any]], *given: Any) -> None:
    sender.send(call(*given))


def vectors_section(options: argparse.Namespace) -> str:
    """Vectors alone, kind by kind."""
    rows = []
    for count in options.vectors:
        file = options.scratch / f"vectors-{count}.npy"
        asking = options.scratch / f"asking-{count}.npz"
        once(file, make_vectors, options.data, count, file, asking)
        for kind in _kinds(count):
            lists = options.scratch / f"lists-{count}-{kind}"
            settings = VectorSettings(kind, recall=0.98 if kind is Kind.SQ8 else 0.97)
            built = once(lists, build_vectors, file, lists, settings)
            found = alone(search_vectors, file, lists, asking, built["facts"])
            facts = built["facts"]
            rows.append(
                [
                    f"{count:,}",
                    kind,
                    f"{found['recall']:.3f}",
                    f"{found['median']:.2f}, {found['p95']:.2f} ms",
                    f"{facts['probes']:,} of {facts['lists']:,}, {facts['rescored']}",
                    f"{built['bytes'] / 1e6:,.0f} MB",
                    f"{found['anonymous']:,.0f} + {found['mapped']:,.0f} MB",
                    f"{built['wall']:.0f} s ({built['cpu']:.0f} s)",
                    f"{built['anonymous']:,.0f} MB",
                ]
            )
    head = [
        "vectors",
        "index",
        "recall@10",
        "one query, median and p95",
        "lists visited, candidates compared",
        "lists",
        "process after 3,000 queries: own, mapped",
        "build, wall (CPU)",
        "most own memory of the build",
    ]
    return "### Vectors alone\n\n" + table(head, rows)


def _kinds(count: int) -> list[Kind]:
    """The least that a build takes, and what it takes by itself, if that is another."""
    chosen = choose(count, _DIMENSION, VectorSettings())
    return [Kind.RABITQ] if chosen is Kind.RABITQ else [Kind.SQ8, Kind.RABITQ]


def make_vectors(data: Path, count: int, file: Path, asking: Path) -> dict[str, Any]:
    """Write vectors, and others that ask for them with the ten that are nearest."""
    real = np.array(Store(data).open_live().vectors.vectors)
    out = open_memmap(file, "w+", np.float32, (count, real.shape[1]))
    queries = np.vstack(list(mixed_vectors(real, _QUERIES, seed=1)))
    scores = np.zeros((_QUERIES, 0), np.float32)
    start = 0
    for part in mixed_vectors(real, count):
        out[start : start + len(part)] = part
        scores = np.hstack([scores, FaissIndex(part).search(queries, TEN).scores])
        scores = -np.sort(-scores, axis=1)[:, :TEN]
        start += len(part)
    out.flush()
    np.savez(asking, queries=queries, scores=scores)
    return {"vectors": count, "tenth": float(scores[:, -1].mean())}


def build_vectors(file: Path, lists: Path, settings: VectorSettings) -> dict[str, Any]:
    """Make the index."""
    with Watched() as watched:
        facts = FaissIndex.write(file, lists, settings)
    size = sum(path.stat().st_size for path in lists.iterdir() if path.name != "assigned.npy")
    return {"facts": facts.as_json(), "bytes": size, **watched.figures()}


def search_vectors(file: Path, lists: Path, asking: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Ask one query at a time."""
    search_on_one_thread()
    before = memory()
    index = FaissIndex.open(file, IndexFacts.from_json(facts), lists)
    with np.load(asking) as saved:
        queries, wanted = saved["queries"], saved["scores"]
    found = np.vstack([index.search(query[None], TEN).scores for query in queries])
    taken = []
    for _ in range(5):
        for query in queries:
            begin = time.perf_counter()
            index.search(query[None], TEN)
            taken.append((time.perf_counter() - begin) * 1000)
    after = memory()
    return {
        "recall": recall_of(found, wanted),
        "median": statistics.median(taken),
        "p95": statistics.quantiles(taken, n=20)[18],
        "anonymous": after.anonymous - before.anonymous,
        "mapped": after.mapped - before.mapped,
    }


def whole_section(options: argparse.Namespace) -> str:
    """Whole indexes: what a build makes of a large corpus, and what it costs to serve it."""
    builds, serves = [], []
    for count in options.passages:
        folder = options.scratch / f"whole-{count}"
        built = once(folder, build_whole, options.data, count, folder)
        served = alone(search_whole, folder, _questions(options.eval))
        stages = ", ".join(
            f"{name} {seconds:.0f}" for name, seconds in built["stages"].items() if seconds >= 1
        )
        builds.append(
            [
                f"{built['passages']:,}",
                f"{built['papers']:,}",
                f"{built['wall']:.0f} s ({built['cpu']:.0f} s)",
                stages,
                f"{built['anonymous']:,.0f} MB",
                f"{built['bytes'] / 1e9:.2f} GB ({built['bytes'] / built['passages']:,.0f} each)",
            ]
        )
        serves.append(
            [
                f"{built['passages']:,}",
                f"{served['open']:.2f} s",
                *(f"{median:.1f}, {p95:.1f}" for median, p95 in served["asked"].values()),
                f"{served['anonymous']:,.0f} + {served['mapped']:,.0f} MB",
            ]
        )
    head = [
        "passages",
        "papers",
        "build without encoding, wall (CPU)",
        "seconds of its stages",
        "most own memory",
        "on disk",
    ]
    asked = list(served["asked"]) if serves else []
    serving = ["passages", "opened", *(f"{name}: median, p95 in ms" for name in asked)]
    return "\n\n".join(
        [
            "### Whole indexes",
            table(head, builds),
            table([*serving, "process: own, mapped"], serves),
        ]
    )


def _questions(evaluation: Path | None) -> list[str]:
    if evaluation is None:
        return _QUESTIONS
    lines = (evaluation / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["query"] for line in lines if line.strip()][:_QUERIES]


class _Stages:
    """`Progress` that keeps the seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name, self._begin = "", time.perf_counter()

    def stage(self, name: str, total: int = 1) -> None:
        """End the stage before, and begin one."""
        now = time.perf_counter()
        if self._name:
            self.seconds[self._name] = self.seconds.get(self._name, 0.0) + now - self._begin
        self._name, self._begin = name, now

    def advance(self, steps: int) -> None:
        """Say nothing."""


def build_whole(data: Path, count: int, folder: Path) -> dict[str, Any]:
    """Build an index of about so many passages, and publish it."""
    source = Store(data).open_live()
    sentences = Sentences(source)
    papers = LargeCorpus(source, sentences, round(count * len(source) / len(source.owners)))
    stages, store = _Stages(), Store(folder)
    encoding = MixedEncoding(source, sentences)
    with Watched() as watched, store.staging() as staged:
        (spill := folder / "spill").mkdir()
        content = Content(folder=spill)
        _analyse(content, papers, sentences, stages)
        # The vectors that are mixed are mapped already.
        mixed = replace(source.learned, map=None)
        Computing(content, papers, encoding, stages).apply(mixed)
        made = Made(
            encoding.encoder,
            EncoderSettings.from_json(source.manifest.encoder),
            encoding.late_encoder,
            LateSettings.from_json(source.manifest.late),
            source.learned,
            LearnSettings.from_json(source.manifest.learning),
            VectorSettings(),
        )
        stages.stage("write")
        manifest = write_files(staged, content, papers, made, lambda: source.glossary)
        stages.stage("project")
        project(read_corpus(staged, papers)).write(staged / "projection")
        stages.stage("seal")
        sealed = seal(staged, manifest)
        stages.stage("end")
        store.publish(staged, sealed)
        shutil.rmtree(spill)
    seconds = stages.seconds
    return {
        "papers": sealed.papers,
        "passages": sealed.passages,
        "bytes": sum(file["bytes"] for file in sealed.files.values()),
        "vectors": sealed.vectors,
        "sizes": _sizes({name: file["bytes"] for name, file in sealed.files.items()}),
        "stages": seconds,
        **watched.figures(),
    }


def _analyse(
    content: Content, papers: Sequence[Any], sentences: Sentences, stages: _Stages
) -> None:
    """`Content.analyze`, by the analyses that the source has already."""
    with patch("index.analysing.Analyzer", lambda: KnownAnalyzer(sentences)):
        content.analyze(papers, stages)


def _sizes(files: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, size in files.items():
        part = re.split(r"[/.]", name)[0]
        found[part] = found.get(part, 0) + size
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def search_whole(folder: Path, questions: list[str]) -> dict[str, Any]:
    """Open an index and ask it."""
    begin = time.perf_counter()
    snapshot = Store(folder).open_live()
    opened = time.perf_counter() - begin
    searcher = Searcher(snapshot)
    for question in questions[:5]:
        searcher.search(question)
    newest = searcher.newest()
    if newest is None or newest.date is None:
        raise SnapshotError("there is nothing in it")
    day, author = newest.date, newest.authors[0]
    year = Filters(since=day.replace(year=day.year - 1), min_votes=3)
    one = Filters(authors=(author,))
    section = Filters(sections=("Technical Details",))
    ids = [snapshot.ids[row] for row in range(0, len(snapshot), len(snapshot) // 60 + 1)]
    asked = {
        "search": _times(searcher.search, questions),
        "of a year, with 3 votes": _times(lambda q: searcher.search(q, filters=year), questions),
        "of one author": _times(lambda q: searcher.search(q, filters=one), questions[:100]),
        "in one section": _times(lambda q: searcher.search(q, filters=section), questions[:100]),
        "similar": _times(lambda name: similar(searcher, [name]), ids),
    }
    after = memory()
    return {
        "open": opened,
        "asked": asked,
        "anonymous": after.anonymous,
        "mapped": after.mapped,
    }


def _times(call: Callable[[str], object], asked: Sequence[str]) -> tuple[float, float]:
    taken = []
    for one in asked:
        begin = time.perf_counter()
        call(one)
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=20)[18]


if __name__ == "__main__":
    main()
