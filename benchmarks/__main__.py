"""Measure everything and write the page: `python -m benchmarks --corpus DIR`."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks import browser, building, encoder, lexical, process
from benchmarks.load import page as load
from benchmarks.peers import comparing, environment
from benchmarks.table import machine
from index.store import Store


def main() -> None:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="digests to measure on")
    parser.add_argument("--eval", type=Path, help="a folder of score.py and question files")
    parser.add_argument("--write", type=Path, help="the page to write; else it is printed")
    parser.add_argument(
        "--peers", action="store_true", help="others too; the first time 1.4 GB are installed"
    )
    options = parser.parse_args()
    if options.peers:
        environment.install()
    with tempfile.TemporaryDirectory() as folder:
        page = _page(options.corpus, options.eval, Path(folder), options.peers)
    if options.write:
        options.write.write_text(page, encoding="utf-8")
    else:
        print(page)


def _page(corpus: Path, evaluation: Path | None, folder: Path, peers: bool) -> str:
    data = folder / "data"
    parts = [
        "# Benchmarks",
        "Written by `make bench`. Machines differ and are noisy: compare the figures of one run.",
        machine(),
        f"Corpus: {corpus.name}.",
        "## Build",
        process.measure_build(corpus, data),
        building.measure_steps(corpus, data, folder),
    ]
    snapshot = Store(data).open_live()
    queries = _queries(evaluation)
    with process.running(data) as service:
        parts += ["## Service", "One client, one request at a time."]
        parts.append(process.measure_service(service, queries))
    parts += ["## Page", browser.section(data)]
    parts += [
        "## A build beside the service",
        building.measure_service(corpus, folder / "before", queries),
    ]
    parts += ["## Load", load.section(folder / "before", evaluation)]
    if peers:
        parts += ["## Peers", comparing.section(data, evaluation)]
    with process.running(data) as service:
        if evaluation:
            parts += ["## Questions", process.score(service, evaluation)]
    parts += ["## Encoder", encoder.measure(snapshot, queries)]
    parts += ["## Lexical leg", lexical.measure_bm25(snapshot, queries)]
    parts.append(lexical.measure_kiwi(snapshot, _answers(evaluation)))
    parts += ["## Scale", "[scaling.md](scaling.md) has what larger corpora take."]
    return "\n\n".join(parts) + "\n"


def _answers(evaluation: Path | None) -> list[tuple[str, str]]:
    """Questions with the one paper that answers each."""
    if not evaluation:
        return []
    lines = (evaluation / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return [(row["query"], row["paper"]) for row in rows if not row.get("bad_summary")]


def _queries(evaluation: Path | None) -> list[str]:
    """Questions of the evaluation, or some of our own."""
    if evaluation:
        lines = (evaluation / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["query"] for line in lines if line.strip()]
    return [
        "보상 모델 없이 사람의 선호로 언어 모델을 정렬하는 방법은?",
        "How is attention computed without storing the whole matrix?",
        "拡散モデルで高解像度の画像を作る方法",
        "Wie werden große Sprachmodelle auf wenige Bits quantisiert?",
    ]


if __name__ == "__main__":
    main()
