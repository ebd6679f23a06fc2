"""Whether a search through a cluster finds what a search of the files finds, and what it takes.

`python -m benchmarks.cluster --data DIR --eval DIR` writes the live version into Milvus Lite in a
folder that is gone afterwards; `--uri http://HOST:PORT` writes it into that server, under names of
its own; `--uri memory` compares with an exact search in memory, without Milvus.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.table import machine, publish, table
from index.cluster import ClusterSettings, open_tables
from index.cluster.base import Tables
from index.cluster.forgetting import ClusterForgotten
from index.cluster.pushing import push
from index.cluster.store import ClusterStore
from index.cluster.versions import ClusterVersions
from index.forgotten import NOTHING
from index.questions import read_questions
from index.snapshot import Snapshot
from index.store import Store
from rag.filters import Filters
from rag.search import NO_FILTERS, Hit, Searcher
from tests.index.cluster.memory import MemoryTables

PREFIX = "nonmun_benchmark"
TOP = 10


def compare(local: Searcher, cluster: Searcher, texts: list[str], filters: Filters) -> list[object]:
    """A row of the table: searches, of how many papers and passages are equal, scores, times."""
    papers = passages = 0
    worst = 0.0
    took: tuple[list[float], list[float]] = ([], [])
    for text in texts:
        replies = []
        for searcher, seconds in zip((local, cluster), took, strict=True):
            begun = perf_counter()
            replies.append(searcher.search(text, TOP, filters=filters).hits)
            seconds.append(perf_counter() - begun)
        wanted, found = replies
        papers += _ids(wanted) == _ids(found)
        passages += _told(wanted) == _told(found)
        pairs = zip(wanted, found, strict=False)
        worst = max([worst, *(abs(a.score - b.score) for a, b in pairs if _same(a, b))])
    return [
        len(texts),
        papers,
        passages,
        f"{worst:.6f}",
        *(f"{1000 * statistics.median(one):.0f} ms" for one in took),
    ]


def measure(
    snapshot: Snapshot, tables: Tables, cache: Path, texts: list[str], file: Path | None
) -> str:
    """The table; of Milvus Lite, what its file takes too."""
    begun = perf_counter()
    ClusterForgotten(tables, PREFIX).write(NOTHING)
    push(snapshot, ClusterVersions(tables, PREFIX), 1)
    pushed = perf_counter() - begun
    size = "" if file is None else f", {_size(file) / len(snapshot.owners):,.0f} bytes a passage"
    store = ClusterStore(ClusterSettings(uri="-", prefix=PREFIX), cache, lambda _: tables)
    local, cluster = Searcher(snapshot), Searcher(store.open_live())
    sections = tuple(snapshot.sections.by_count()[:1])
    filters = {
        "none": NO_FILTERS,
        "votes": Filters(min_votes=20),
        "section": Filters(sections=sections),
    }
    same = ["same ten", "same passages", "scores differ by"]
    head = ["filter", "questions", *same, "files", "cluster"]
    rows = []
    for name, one in filters.items():
        rows.append([name, *compare(local, cluster, texts, one)])
        print(*rows[-1], flush=True)
    said = (
        f"{len(snapshot):,} papers, {len(snapshot.owners):,} passages, written in"
        f" {pushed:.0f} s{size}. The cache of a service takes {_size(cache) / 1e6:.1f} MB."
    )
    return f"{said}\n\n{table(head, rows)}"


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _ids(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.paper.id for hit in hits]


def _told(hits: tuple[Hit, ...]) -> list[object]:
    return [(hit.paper, [(one.passage, one.highlights) for one in hit.passages]) for hit in hits]


def _same(one: Hit, other: Hit) -> bool:
    return one.paper.id == other.paper.id


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="where a version is published")
    parser.add_argument("--eval", type=Path, required=True, help="a folder of question files")
    parser.add_argument("--uri", default="", help="of Milvus; else Milvus Lite is started")
    parser.add_argument("--most", type=int, help="how many questions; else all")
    parser.add_argument("--write", type=Path, help="the page to put it in; else it is printed")
    options = parser.parse_args()
    questions = read_questions([options.eval / "questions.jsonl"])
    texts = [one.text for one in questions][: options.most]
    snapshot = Store(options.data).open_live()
    with tempfile.TemporaryDirectory() as folder:
        tables: Tables = MemoryTables()
        file = None
        if options.uri != "memory":
            file = None if options.uri else Path(folder) / "lite.db"
            uri = options.uri or str(file)
            tables = open_tables(ClusterSettings(uri=uri, prefix=PREFIX, timeout_s=60))
        found = measure(snapshot, tables, Path(folder) / "cache", texts, file)
        publish(f"{machine()}\n\n{found}", options.write, "benchmarks.cluster")
        tables.close()


if __name__ == "__main__":
    main()
