"""How well papers are found, and what each part adds: `python -m benchmarks.quality --corpus DIR`.

Three indexes of the corpus are built: as it comes; with so many papers held out that a thousand
titles can be asked about that nothing was learned from; and without learning.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import answers, process, similar
from benchmarks.table import machine, milliseconds, table
from index import adapt, scoring
from index.build import build
from index.fusion import CANDIDATES, choose_candidates, first_stage
from index.glossary import Glossary
from index.questions import read_questions
from index.scoring import Query, score_dense, score_late, score_latent, score_lexical
from index.settings import BuildSettings, LearnSettings, Weights
from index.snapshot import Snapshot
from index.store import Store
from rag.evaluation import (
    DEPTH,
    RankingScores,
    known_item_scores,
    language_groups,
    topical_scores,
)
from rag.intervals import Interval, compare
from rag.search import Searcher
from rag.self_evaluation import MOST, Questions, Trial, own_questions
from rag.settings import SearchGroup, WeightsGroup

ABLATION = 200  # of each kind of the corpus's own questions
RR, RECALL, NDCG = f"RR@{DEPTH}", f"R@{DEPTH}", f"nDCG@{DEPTH}"
NONE = dict.fromkeys(Weights().as_json(), 0.0)
WITHOUT_MAP = "without the map"


@dataclass(frozen=True)
class Variant:
    """A way to search: weights that are set, and what is done to the snapshot or the code."""

    name: str
    weights: dict[str, float] | None = None
    glossary: bool = True
    patched: tuple[tuple[Any, str, Any], ...] = ()
    index: str = ""  # which index; empty is the one with everything


LEGS = (
    Variant("lexical alone (BM25, whole papers)", {**NONE, "lexical": 1}),
    Variant("dense alone (mapped)", {**NONE, "dense": 1}),
    Variant("dense alone, no map", {**NONE, "dense": 1}, index=WITHOUT_MAP),
    Variant("latent alone", {**NONE, "latent": 1}),
    Variant("late alone, every paper", {**NONE, "late": 1}),
)
FUSIONS = (
    Variant(
        "lexical and dense", {"latent": 0, "late": 0, "title": 0, "feedback": 0}, glossary=False
    ),
    Variant("... and the titles", {"latent": 0, "late": 0, "feedback": 0}, glossary=False),
    Variant("... and the glossary", {"latent": 0, "late": 0, "feedback": 0}),
    Variant("... and latent", {"late": 0, "feedback": 0}),
    Variant("... and feedback", {"late": 0}),
)
LESS = (
    Variant("less lexical", {"lexical": 0, "native": 0}),
    Variant("less the query's language", {"native": 0}),
    Variant("less dense", {"dense": 0, "title": 0}),
    Variant("less the titles' vectors", {"title": 0}),
    Variant("less latent (and feedback)", {"latent": 0, "feedback": 0}),
    Variant("less feedback", {"feedback": 0}),
    Variant("less glossary", glossary=False),
    Variant("less late", {"late": 0}),
    Variant("late: less the best passage", patched=((scoring, "_WHOLE", 1.0),)),
    Variant("late: as much in broad questions", patched=((scoring, "_ENOUGH", 1e-6),)),
    Variant("less the map", index=WITHOUT_MAP),
    Variant("default weights, none learned", Weights().as_json()),
)
ALL = Variant("everything")


@dataclass(frozen=True)
class Measured:
    """One variant's scores."""

    questions: RankingScores | None
    topical: RankingScores | None
    own: dict[Trial, RankingScores]
    langs: tuple[str, ...]


class Bench:
    """The indexes and the questions."""

    def __init__(self, folder: Path, corpus: Path, evaluation: Path | None) -> None:
        self.folder, self.corpus = folder, corpus
        files = sorted(evaluation.glob("*.jsonl")) if evaluation else []
        asked = read_questions(files) if files else []
        self.known = [question for question in asked if question.known_item]
        self.topical = [q for q in asked if q.relevant and not q.known_item]
        self.asked = asked
        self.snapshots: dict[str, Snapshot] = {}
        self.trials: dict[str, dict[Trial, Questions]] = {}

    def measure(self, variant: Variant, most: int = ABLATION) -> Measured:
        """Ask everything."""
        snapshot = self.snapshots[variant.index]
        own = {}
        for trial, questions in self.trials[variant.index].items():
            part = Questions(questions.snapshot, questions.asked[:most])
            ids = part.snapshot.ids
            ranked = self._rank(variant, part.snapshot, [one.text for one in part.asked])
            relevant = [{ids[one.paper]: 1} for one in part.asked]
            own[trial] = known_item_scores([[p for p, _ in hits] for hits in ranked], relevant)
        return Measured(
            self._known(variant, snapshot) if self.known else None,
            self._topical(variant, snapshot) if self.topical else None,
            own,
            tuple(question.lang for question in self.known),
        )

    def _known(self, variant: Variant, snapshot: Snapshot) -> RankingScores:
        ranked = self._rank(variant, snapshot, [q.text for q in self.known], passages=1)
        return known_item_scores(
            [[paper for paper, _ in hits] for hits in ranked],
            [q.relevant for q in self.known],
            sections=[q.section for q in self.known],
            shown=[[section for _, section in hits] for hits in ranked],
        )

    def _topical(self, variant: Variant, snapshot: Snapshot) -> RankingScores:
        ranked = self._rank(variant, snapshot, [q.text for q in self.topical])
        return topical_scores(
            [[paper for paper, _ in hits] for hits in ranked], [q.relevant for q in self.topical]
        )

    def _rank(
        self, variant: Variant, snapshot: Snapshot, texts: Sequence[str], passages: int = 0
    ) -> list[list[tuple[str, str | None]]]:
        """For each text the papers found, each with the section of its first passage."""
        settings = SearchGroup()
        if variant.weights is not None:
            settings = SearchGroup(weights=WeightsGroup(**variant.weights))
        searcher = Searcher(snapshot, settings)
        glossary = snapshot.glossary
        with _patched(variant.patched):
            if not variant.glossary:
                snapshot.__dict__["glossary"] = Glossary([])
            try:
                found = [searcher.search(text, DEPTH, passages) for text in texts]
            finally:
                snapshot.__dict__["glossary"] = glossary
        return [
            [
                (hit.paper.id, hit.passages[0].passage.section if hit.passages else None)
                for hit in one.hits
            ]
            for one in found
        ]


@contextmanager
def _patched(changes: Sequence[tuple[Any, str, Any]]) -> Iterator[None]:
    patches = [patch.object(where, name, value) for where, name, value in changes]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


def main() -> None:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="digests to measure on")
    parser.add_argument("--eval", type=Path, help="a folder of score.py and question files")
    parser.add_argument("--write", type=Path, help="the page to write; else it is printed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = _page(Bench(Path(folder), options.corpus, options.eval), options.eval)
    if options.write:
        options.write.write_text(page, encoding="utf-8")
    else:
        print(page)


def _page(bench: Bench, evaluation: Path | None) -> str:
    parts = [
        "# Quality of retrieval and answers",
        "Written by `make quality`. A mean stands with its 95% bootstrap interval over questions.",
        machine(),
        f"Corpus: {bench.corpus.name}.",
        "## Building",
        _build_default(bench, evaluation),
    ]
    default = Store(bench.folder / "default").open_live()
    parts += ["## Answers", answers.measure(Searcher(default), bench.corpus, bench.asked)]
    parts += ["## Similar papers", similar.measure(default, bench.topical)]
    bench.snapshots[""] = default
    unseen = _built(bench, "unseen", _unseen_share(default))
    with patch.object(adapt, "steps_of", lambda _: 0):
        bench.snapshots[WITHOUT_MAP] = _built(bench, "no-map", _unseen_share(default))
    with own_questions(unseen) as own, own_questions(bench.snapshots[WITHOUT_MAP]) as plain:
        bench.trials = {"": own, WITHOUT_MAP: plain}
        everything = bench.measure(ALL, MOST)
        parts += ["## What is found", _headline(everything)]
        parts += ["## Speed and size of late interaction", _late(default, bench)]
        full = bench.measure(ALL)
        measured = {
            one.name: bench.measure(one) for one in (*LEGS, *FUSIONS, *LESS) if one is not ALL
        }
    parts += ["## What each part adds", _ablation(full, measured)]
    parts += ["## Never worse than the best leg", _never_worse(full, measured)]
    return "\n\n".join(parts) + "\n"


def _build_default(bench: Bench, evaluation: Path | None) -> str:
    lines = [process.measure_build(bench.corpus, bench.folder / "default")]
    lines.append(
        "Without learning (`learn.budget_s: 0`):\n\n"
        + process.measure_build(
            bench.corpus, bench.folder / "plain", {"NONMUN_LEARN__BUDGET_S": "0"}
        ).split("\n\n")[1]
    )
    with process.running(bench.folder / "default") as service:
        queries = [q.text for q in bench.known] or ["강화 학습", "diffusion models"]
        lines.append("One client, one request at a time:")
        lines.append(process.measure_service(service, queries))
        if evaluation:
            lines.append("The scorer of the question files, over HTTP:")
            lines.append(process.score(service, evaluation))
    return "\n\n".join(lines)


def _built(bench: Bench, name: str, held_out: float) -> Snapshot:
    store = Store(bench.folder / name)
    build([bench.corpus], store, BuildSettings(learn=LearnSettings(held_out=held_out)))
    return store.open_live()


def _unseen_share(snapshot: Snapshot) -> float:
    """What share of the papers is about MOST of them, a fifth at the least."""
    return min(0.5, max(0.2, 1.03 * MOST / max(len(snapshot), 1)))


def _headline(measured: Measured) -> str:
    rows = []
    if measured.questions is not None:
        for name, places in language_groups(measured.langs).items():
            part = measured.questions.only(places).intervals()
            rows.append([f"questions, {name}", len(places), *_cells(part)])
    for trial, scores in measured.own.items():
        count = len(scores.values[RR])
        rows.append([f"own {trial}", count, *_cells(scores.intervals())])
    parts = [table(["", "n", "Success@1", RECALL, RR, "section@1"], rows)]
    if measured.topical is not None:
        found = measured.topical.intervals()
        parts.append(f"Broad questions: {NDCG} {_cell(found[NDCG])}.")
    parts.append(
        "Own questions need no labels: titles are the English titles of papers from which nothing"
        " was learned, without the name before the colon, asked of an index without titles;"
        " sentences are asked of an index without the passage they stand in; rare terms are"
        " names and numbers that three papers have at the most."
    )
    return "\n\n".join(parts)


def _cells(scores: dict[str, Interval]) -> list[str]:
    names = ("Success@1", RECALL, RR, "section@1")
    return [_cell(scores[name]) if name in scores else "" for name in names]


def _cell(one: Interval) -> str:
    return f"{one.mean:.3f} [{one.low:.2f}, {one.high:.2f}]"


def _late(snapshot: Snapshot, bench: Bench) -> str:
    folder = snapshot.folder / "late"
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    queries = [q.text for q in bench.known] or ["강화 학습으로 언어 모델을 맞춘다"]
    prepared = []
    for text in queries:
        query = Query(text)
        stage = first_stage(
            Weights(),
            score_lexical(snapshot, query, None),
            score_dense(snapshot, query, None, 1_000),
            score_latent(snapshot, query),
        )
        if stage is not None:
            prepared.append((query, choose_candidates(stage, None, CANDIDATES)))
    median, p95 = milliseconds(
        lambda run: score_late(snapshot, *prepared[run % len(prepared)], None), 3 * len(prepared)
    )
    return (
        f"Token codes and their places: {size:.1f} MB. One question over"
        f" {CANDIDATES} papers: median"
        f" {median:.1f} ms, 95th percentile {p95:.1f} ms, the question's own tokens included."
    )


def _ablation(full: Measured, measured: dict[str, Measured]) -> str:
    head = ["", f"questions {RECALL}", RR, f"broad {NDCG}"]
    head += [f"own {trial} {RR}" for trial in full.own]
    head += [f"{RR} less everything's, questions and titles"]
    rows = [_row(ALL.name, full, full)]
    rows += [_row(name, one, full) for name, one in measured.items()]
    return table(head, rows)


def _row(name: str, one: Measured, full: Measured) -> list[str]:
    cells = [name]
    for scores, measure in ((one.questions, RECALL), (one.questions, RR), (one.topical, NDCG)):
        cells.append("" if scores is None else f"{_mean(scores, measure):.3f}")
    cells += [f"{_mean(scores, RR):.3f}" for scores in one.own.values()]
    ours, theirs = (_joined(each) for each in (one, full))
    cells.append(_cell(compare(ours, theirs)) if one is not full else "")
    return cells


def _joined(measured: Measured) -> list[float | None]:
    known = measured.questions.values[RR] if measured.questions is not None else []
    return [*known, *measured.own[Trial.TITLES].values[RR]]


def _mean(scores: RankingScores, measure: str) -> float:
    return statistics.fmean(value for value in scores.values[measure] if value is not None)


def _never_worse(full: Measured, measured: dict[str, Measured]) -> str:
    groups: dict[str, Callable[[Measured], RankingScores]] = {
        f"own {trial}": lambda one, trial=trial: one.own[trial]  # type: ignore[misc]
        for trial in full.own
    }
    if full.questions is not None:
        for lang, places in language_groups(full.langs).items():
            groups[f"questions, {lang}"] = lambda one, places=places: one.questions.only(places)  # type: ignore[misc]
    rows = []
    for name, pick in groups.items():
        legs = {leg.name: _mean(pick(measured[leg.name]), RR) for leg in LEGS}
        best = max(legs, key=lambda leg: legs[leg])
        fused = _mean(pick(full), RR)
        rows.append([name, f"{fused:.3f}", f"{legs[best]:.3f}", best, f"{fused - legs[best]:+.3f}"])
    return table(["", f"fused {RR}", "best leg", "which", "difference"], rows)


if __name__ == "__main__":
    main()
