"""How many of the papers of a topic are found from one of them, and what each part adds.

`python -m benchmarks.similar --data DIR --eval DIR` measures a version that is there, `make
quality` the one that it builds.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.table import milliseconds, table
from index.questions import Question, read_questions
from index.snapshot import Snapshot
from index.store import Store
from rag import likeness, representations
from rag.intervals import compare, interval
from rag.representations import Named, Representation, Thing
from rag.search import Searcher
from rag.settings import SearchGroup, SimilarGroup
from rag.similar import similar

DEPTH = 10
_TIMED = 1_000  # papers that are asked about, spread over the corpus


@dataclass(frozen=True)
class Variant:
    """Another way to rank: settings, and what is done to the code."""

    name: str
    settings: dict[str, float] = field(default_factory=dict)
    patched: tuple[tuple[Any, str, Any], ...] = ()


def _title(leg: Representation[Any], thing: Thing) -> Any:
    """As if the text of every paper that is asked about were doubted."""
    return leg.title(thing.row) if isinstance(thing, Named) else leg.notes(thing)


ONLY: dict[str, float] = dict.fromkeys(("lexical", "dense", "latent", "feedback"), 0.0)
ALL = Variant("everything")
VARIANTS = (
    Variant("lexical alone, no feedback", {**ONLY, "lexical": 1}),
    Variant("dense alone, no feedback", {**ONLY, "dense": 1}),
    Variant("latent alone, no feedback", {**ONLY, "latent": 1}),
    Variant("less lexical", {"lexical": 0}),
    Variant("less dense", {"dense": 0}),
    Variant("less latent", {"latent": 0}),
    Variant("less feedback", {"feedback": 0}),
    Variant("half the feedback", {"feedback": 0.5}),
    Variant("twice the feedback", {"feedback": 2}),
    Variant("feedback from 3 papers", patched=((likeness, "FEEDBACK_FROM", 3),)),
    Variant("feedback from 8 papers", patched=((likeness, "FEEDBACK_FROM", 8),)),
    Variant("the title's terms as all others", patched=((representations, "TITLE", 1),)),
    Variant("each term once", patched=((representations, "_SATURATION", 1e-9),)),
    Variant("equal weights", {"lexical": 1, "dense": 1, "latent": 1}),
    Variant("the title alone", patched=((likeness, "representation_of", _title),)),
    Variant("diversity .1", {"diversity": 0.1}),
    Variant("diversity .3", {"diversity": 0.3}),
)


def measure(snapshot: Snapshot, questions: Sequence[Question]) -> str:
    """The section: the share that is found, the ablation, the time."""
    topics = [[p for p, grade in q.relevant.items() if grade == 2] for q in questions]
    topics = [[p for p in topic if snapshot.row_of(p) is not None] for topic in topics]
    topics = [topic for topic in topics if len(topic) > 1]
    parts = []
    if topics:
        full = _shares(snapshot, topics, ALL)
        parts += [_headline(full), _ablation(snapshot, topics, full)]
    parts.append(_times(snapshot))
    return "\n\n".join(parts)


def _headline(full: list[list[float]]) -> str:
    papers = [value for values in full for value in values]
    over = interval(list(map(statistics.fmean, full)))
    return (
        f"From each paper of a topic, the share of the first {DEPTH} that are of the same topic,"
        f" over min({DEPTH}, the topic's other papers): {statistics.fmean(papers):.3f}, a mean over"
        f" {len(papers)} papers. Over {len(full)} topics: {over.mean:.3f}"
        f" [{over.low:.2f}, {over.high:.2f}]. What many papers are about is not labelled in full."
    )


def _ablation(snapshot: Snapshot, topics: list[list[str]], full: list[list[float]]) -> str:
    rows = [["everything", _mean(full), ""]]
    for variant in VARIANTS:
        own = _shares(snapshot, topics, variant)
        less = compare(*([statistics.fmean(values) for values in one] for one in (own, full)))
        rows.append(
            [variant.name, _mean(own), f"{less.mean:+.3f} [{less.low:+.3f}, {less.high:+.3f}]"]
        )
    return table(["", "share", "less everything's, over topics"], rows)


def _mean(shares: list[list[float]]) -> str:
    return f"{statistics.fmean(value for values in shares for value in values):.3f}"


def _shares(snapshot: Snapshot, topics: list[list[str]], variant: Variant) -> list[list[float]]:
    """For each topic, the share that is found from each of its papers."""
    group = SimilarGroup.model_validate(variant.settings)
    searcher = Searcher(snapshot, SearchGroup(similar=group, passages_per_paper=0))
    patches = [patch.object(where, name, value) for where, name, value in variant.patched]
    for one in patches:
        one.start()
    try:
        return [[_share(searcher, topic, paper) for paper in topic] for topic in topics]
    finally:
        for one in patches:
            one.stop()


def _share(searcher: Searcher, topic: list[str], paper: str) -> float:
    others = {searcher.row_of(one) for one in topic} - {searcher.row_of(paper)}
    found = {one.hit.row for one in similar(searcher, [paper], top_k=DEPTH).hits}
    return len(found & others) / min(DEPTH, len(others))


def _times(snapshot: Snapshot) -> str:
    searcher, papers = Searcher(snapshot), len(snapshot)
    step = max(1, papers // _TIMED)
    asked = [snapshot.ids[row] for row in range(0, papers, step)]
    similar(searcher, asked[:1])
    median, p95 = milliseconds(lambda run: similar(searcher, [asked[run]]), len(asked))
    lists = []
    for count in (10, 100):
        some = [snapshot.ids[row] for row in range(0, papers, max(1, papers // count))][:count]
        taken, _ = milliseconds(lambda _, some=some: similar(searcher, some), 5)  # type: ignore[misc]
        lists.append(f"of {len(some)} {taken:.0f} ms")
    return (
        f"One paper, with passages and reasons, {len(asked):,} papers asked about: median"
        f" {median:.1f} ms, 95th percentile {p95:.1f} ms. A list {', '.join(lists)}."
    )


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.similar", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of a version")
    parser.add_argument("--eval", type=Path, help="a folder of question files")
    options = parser.parse_args()
    files = sorted(options.eval.glob("*.jsonl")) if options.eval else []
    asked = read_questions(files) if files else []
    topical = [one for one in asked if one.relevant and not one.known_item]
    print(f"## Similar papers\n\n{measure(Store(options.data).open_live(), topical)}")


if __name__ == "__main__":
    main()
