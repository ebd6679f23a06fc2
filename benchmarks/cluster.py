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

from benchmarks.table import machine, table
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


def measure(snapshot: Snapshot, tables: Tables, cache: Path, texts: list[str]) -> str:
    """The table."""
    begun = perf_counter()
    ClusterForgotten(tables, PREFIX).write(NOTHING)
    push(snapshot, ClusterVersions(tables, PREFIX), 1)
    pushed = perf_counter() - begun
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
    rows = [[name, *compare(local, cluster, texts, one)] for name, one in filters.items()]
    said = f"{len(snapshot):,} papers, written in {pushed:.1f} s."
    return f"{said}\n\n{table(head, rows)}"


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
    options = parser.parse_args()
    questions = read_questions([options.eval / "questions.jsonl"])
    texts = [one.text for one in questions][: options.most]
    snapshot = Store(options.data).open_live()
    with tempfile.TemporaryDirectory() as folder:
        tables: Tables = MemoryTables()
        if options.uri != "memory":
            uri = options.uri or str(Path(folder) / "lite.db")
            tables = open_tables(ClusterSettings(uri=uri, prefix=PREFIX, timeout_s=60))
        print(machine(), measure(snapshot, tables, Path(folder) / "cache", texts), sep="\n\n")
        tables.close()


if __name__ == "__main__":
    main()
