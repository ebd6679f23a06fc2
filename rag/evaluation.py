"""Scores a snapshot on questions, with the measures of the field (ir-measures)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import ir_measures
from ir_measures import RR, P, R, Success, nDCG

from rag.answer import Asked, ask
from rag.questions import Question
from rag.search import Searcher
from rag.settings import AnswerGroup

DEPTH = 10
KNOWN_ITEM = (Success @ 1, R @ DEPTH, RR @ DEPTH)
# Gains as in Järvelin and Kekäläinen's later form, 2^grade - 1.
TOPICAL = (nDCG(gains={grade: 2**grade - 1 for grade in range(5)}) @ DEPTH, P @ DEPTH)


@dataclass(slots=True)
class Scores:
    """What came of some questions.

    Attributes:
        known_item: Group (`all` and each language) -> measure -> mean.
        topical: Measure -> mean.
        refused: Kind of unanswerable question -> share that was refused.
        wrongly_refused: The share of answerable questions that was refused.
        missing: Papers that the questions want and the snapshot does not have.
    """

    questions: int = 0
    known_item: dict[str, dict[str, float]] = field(default_factory=dict)
    topical: dict[str, float] = field(default_factory=dict)
    refused: dict[str, float] = field(default_factory=dict)
    wrongly_refused: float | None = None
    missing: list[str] = field(default_factory=list)


def evaluate(
    searcher: Searcher, questions: Sequence[Question], settings: AnswerGroup | None = None
) -> Scores:
    """Ask every question and score the replies.

    Args:
        searcher: Of the snapshot.
        questions: As read from question files.
        settings: When to answer.
    """
    asked = [ask(searcher, question.text, DEPTH, settings=settings) for question in questions]
    pairs = list(zip(questions, asked, strict=True))
    scores = Scores(len(questions), missing=_missing(searcher, questions))
    for name, group in _groups(pairs):
        scores.known_item[name] = {
            "questions": len(group),
            **_measure(KNOWN_ITEM, group),
            **_sections(group),
        }
    topical = [pair for pair in pairs if pair[0].relevant and not pair[0].known_item]
    if topical:
        scores.topical = {"questions": len(topical), **_measure(TOPICAL, topical)}
    refused = defaultdict(list)
    for question, reply in pairs:
        if question.kind is not None:
            refused[question.kind].append(not reply.answerable)
    scores.refused = {kind: _mean(found) for kind, found in sorted(refused.items())}
    answerable = [not reply.answerable for question, reply in pairs if question.known_item]
    scores.wrongly_refused = _mean(answerable) if answerable else None
    return scores


Pair = tuple[Question, Asked]


def _groups(pairs: Sequence[Pair]) -> list[tuple[str, list[Pair]]]:
    """All questions with one right paper, then those of each language."""
    known = [pair for pair in pairs if pair[0].known_item]
    if not known:
        return []
    languages = sorted({question.lang for question, _ in known if question.lang})
    groups = [("all", known)]
    groups += [(lang, [pair for pair in known if pair[0].lang == lang]) for lang in languages]
    return groups


def _measure(measures: Sequence[ir_measures.Measure], pairs: Sequence[Pair]) -> dict[str, float]:
    wanted = [
        ir_measures.Qrel(str(number), paper, grade)
        for number, (question, _) in enumerate(pairs)
        for paper, grade in question.relevant.items()
    ]
    found = [
        ir_measures.ScoredDoc(str(number), hit.paper.id, -rank)
        for number, (_, reply) in enumerate(pairs)
        for rank, hit in enumerate(reply.found.hits)
    ]
    totals = ir_measures.calc_aggregate(measures, wanted, found)
    return {_name(measure): round(float(totals[measure]), 4) for measure in measures}


def _name(measure: ir_measures.Measure) -> str:
    return f"nDCG@{DEPTH}" if "nDCG" in str(measure) else str(measure)


def _sections(pairs: Sequence[Pair]) -> dict[str, float]:
    """How often the right paper's first passage is of the section that answers."""
    right = []
    for question, reply in pairs:
        hit = next((hit for hit in reply.found.hits if hit.paper.id in question.relevant), None)
        if hit and question.section:
            right.append(bool(hit.passages) and hit.passages[0].passage.section == question.section)
    return {"section@1": _mean(right)} if right else {}


def _missing(searcher: Searcher, questions: Iterable[Question]) -> list[str]:
    wanted = {paper for question in questions for paper in question.relevant}
    return sorted(paper for paper in wanted if searcher.snapshot.row_of(paper) is None)


def _mean(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 4)
