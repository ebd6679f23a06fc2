"""Scores a snapshot on questions, with the measures of the field (ir-measures).

`known_item_scores` and `topical_scores` need rankings only, wherever they come from; `evaluate`
asks a searcher for them. Every mean comes with how far it can be trusted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import ir_measures
from ir_measures import RR, P, R, Success, nDCG

from index.questions import Question
from rag.answer import Asked, ask
from rag.intervals import Interval, interval
from rag.search import Searcher
from rag.settings import AnswerGroup

DEPTH = 10
KNOWN_ITEM = (Success @ 1, R @ DEPTH, RR @ DEPTH)
SECTION = "section@1"
_GROUPS = ("ko", "en")  # the languages that `other` leaves out


@dataclass(frozen=True, slots=True)
class RankingScores:
    """What rankings are worth, question by question.

    Attributes:
        values: Measure -> its value for each question, in their order.
    """

    values: dict[str, list[float | None]]

    def intervals(self) -> dict[str, Interval]:
        """The mean of each measure that applies to any question."""
        return {
            name: interval(values)
            for name, values in self.values.items()
            if any(value is not None for value in values)
        }

    def only(self, positions: Iterable[int]) -> RankingScores:
        """The same of some of the questions, such as a group of `language_groups`."""
        chosen = list(positions)
        return RankingScores(
            {name: [values[p] for p in chosen] for name, values in self.values.items()}
        )


def known_item_scores(
    ranked: Sequence[Sequence[str]],
    relevant: Sequence[Mapping[str, int]],
    *,
    sections: Sequence[str | None] | None = None,
    shown: Sequence[Sequence[str | None]] | None = None,
) -> RankingScores:
    """Score rankings for questions with one right paper: `Success@1`, `R@10`, `RR@10`.

    With `sections` and `shown` also `section@1`: whether the right paper's first passage is of the
    section that answers. It applies where a section is named and the paper is among the first ten.

    Args:
        ranked: For each question the ids of the papers it found, best first; it may be empty.
        relevant: For each question the right paper's id -> 1.
        sections: For each question the section that answers; `None` where none is named.
        shown: For each question and each of its papers, the section of the first passage.

    Raises:
        ValueError: The arguments don't fit together.
    """
    values = _measure(KNOWN_ITEM, ranked, relevant)
    if sections is not None and shown is not None:
        rows = zip(ranked, relevant, sections, shown, strict=True)
        values[SECTION] = [_section(*row) for row in rows]
    elif sections is not None or shown is not None:
        raise ValueError(f"{SECTION} needs both the sections that answer and those that are shown")
    return RankingScores(values)


def topical_scores(
    ranked: Sequence[Sequence[str]], relevant: Sequence[Mapping[str, int]]
) -> RankingScores:
    """Score rankings for questions with many right papers: `nDCG@10`, `P@10`.

    Gains are as in Järvelin and Kekäläinen's later form, 2^grade - 1.

    Args:
        ranked: For each question the ids of the papers it found, best first; it may be empty.
        relevant: For each question, paper id -> grade.

    Raises:
        ValueError: The arguments don't fit together.
    """
    gains = {grade: 2**grade - 1 for grades in relevant for grade in grades.values()}
    return RankingScores(_measure((nDCG(gains=gains) @ DEPTH, P @ DEPTH), ranked, relevant))


def language_groups(langs: Sequence[str]) -> dict[str, list[int]]:
    """The positions of `all` questions, those of each language, and of all `other` languages.

    Args:
        langs: The language of each question; a question whose is empty is in `all` only. `other`
            is all but Korean and English, where that is two languages or more.
    """
    groups: dict[str, list[int]] = {"all": list(range(len(langs)))}
    for lang in sorted({lang for lang in langs if lang}):
        groups[lang] = [place for place, own in enumerate(langs) if own == lang]
    rest = [lang for lang in groups if lang not in ("all", *_GROUPS)]
    if len(rest) > 1:
        groups["other"] = [place for place, own in enumerate(langs) if own in rest]
    return groups


@dataclass(slots=True)
class Intervals:
    """The intervals of `Scores`, under the same names."""

    known_item: dict[str, dict[str, Interval]] = field(default_factory=dict)
    topical: dict[str, Interval] = field(default_factory=dict)
    refused: dict[str, Interval] = field(default_factory=dict)
    wrongly_refused: Interval | None = None
    cited: Interval | None = None


@dataclass(slots=True)
class Scores:
    """What came of some questions.

    Attributes:
        known_item: Group (as of `language_groups`) -> measure -> mean.
        topical: Measure -> mean.
        refused: Kind of unanswerable question -> share that was refused.
        wrongly_refused: The share of answerable questions that was refused.
        cited: The share of known-item questions whose answer cites the right paper.
        missing: Papers that the questions want and the snapshot does not have.
        intervals: How far the means can be trusted.
    """

    questions: int = 0
    known_item: dict[str, dict[str, float]] = field(default_factory=dict)
    topical: dict[str, float] = field(default_factory=dict)
    refused: dict[str, float] = field(default_factory=dict)
    wrongly_refused: float | None = None
    cited: float | None = None
    missing: list[str] = field(default_factory=list)
    intervals: Intervals = field(default_factory=Intervals)


Pair = tuple[Question, Asked]


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
    known = [pair for pair in pairs if pair[0].known_item]
    topical = [pair for pair in pairs if pair[0].relevant and not pair[0].known_item]
    scores = Scores(len(questions), missing=_missing(searcher, questions))
    if known:
        _score_known(scores, known)
    if topical:
        found = topical_scores(_ranked(topical), [question.relevant for question, _ in topical])
        scores.intervals.topical = _rounded(found)
        scores.topical = {"questions": len(topical), **_means(scores.intervals.topical)}
    _score_refusals(scores, pairs)
    return scores


def cites_right(question: Question, reply: Asked) -> bool:
    """Whether an answer cites a paper that is right."""
    return any(one.paper in question.relevant for one in reply.answer.citations)


def _score_known(scores: Scores, pairs: Sequence[Pair]) -> None:
    found = known_item_scores(
        _ranked(pairs),
        [question.relevant for question, _ in pairs],
        sections=[question.section for question, _ in pairs],
        shown=[
            [hit.passages[0].passage.section if hit.passages else None for hit in reply.found.hits]
            for _, reply in pairs
        ],
    )
    cited = [float(cites_right(question, reply)) for question, reply in pairs]
    scores.intervals.cited = one = _round(interval(cited))
    scores.cited = one.mean
    for name, places in language_groups([question.lang for question, _ in pairs]).items():
        group = _rounded(found.only(places))
        scores.intervals.known_item[name] = group
        scores.known_item[name] = {"questions": len(places), **_means(group)}


def _score_refusals(scores: Scores, pairs: Sequence[Pair]) -> None:
    refused: defaultdict[str, list[float | None]] = defaultdict(list)
    wrongly: list[float | None] = []
    for question, reply in pairs:
        if question.kind is not None:
            refused[question.kind].append(float(not reply.answerable))
        elif question.known_item:
            wrongly.append(float(not reply.answerable))
    scores.intervals.refused = _rounded(RankingScores(dict(sorted(refused.items()))))
    scores.refused = _means(scores.intervals.refused)
    if wrongly:
        scores.intervals.wrongly_refused = one = _round(interval(wrongly))
        scores.wrongly_refused = one.mean


def _measure(
    measures: Sequence[ir_measures.Measure],
    ranked: Sequence[Sequence[str]],
    relevant: Sequence[Mapping[str, int]],
) -> dict[str, list[float | None]]:
    """Measure -> value for each question; 0 for a question that found nothing."""
    if len(ranked) != len(relevant):
        raise ValueError(f"{len(ranked)} rankings are not of {len(relevant)} questions")
    for number, (papers, grades) in enumerate(zip(ranked, relevant, strict=True)):
        if not grades:
            raise ValueError(f"question {number} has no relevant paper, so nothing measures it")
        if len(set(papers)) < len(papers):
            raise ValueError(f"the ranking of question {number} has a paper twice: {papers}")
    wanted = [
        ir_measures.Qrel(str(number), paper, grade)
        for number, grades in enumerate(relevant)
        for paper, grade in grades.items()
    ]
    found = [
        ir_measures.ScoredDoc(str(number), paper, -rank)
        for number, papers in enumerate(ranked)
        for rank, paper in enumerate(papers)
    ]
    # Not every provider says something of a question without a result.
    values: dict[str, list[float | None]] = {_name(one): [0.0] * len(ranked) for one in measures}
    for metric in ir_measures.iter_calc(measures, wanted, found):
        values[_name(metric.measure)][int(metric.query_id)] = float(metric.value)
    return values


def _name(measure: ir_measures.Measure) -> str:
    return f"nDCG@{DEPTH}" if "nDCG" in str(measure) else str(measure)


def _section(
    papers: Sequence[str],
    relevant: Mapping[str, int],
    wanted: str | None,
    shown: Sequence[str | None],
) -> float | None:
    """Whether the right paper's first passage is of the section that answers."""
    beside = zip(papers, shown, strict=True)
    first = [section for paper, section in list(beside)[:DEPTH] if paper in relevant]
    return float(first[0] == wanted) if first and wanted else None


def _ranked(pairs: Sequence[Pair]) -> list[list[str]]:
    return [[hit.paper.id for hit in reply.found.hits] for _, reply in pairs]


def _missing(searcher: Searcher, questions: Iterable[Question]) -> list[str]:
    wanted = {paper for question in questions for paper in question.relevant}
    there = searcher.holding(wanted)
    return sorted(paper for paper in wanted if there.row_of(paper) is None)


def _rounded(scores: RankingScores) -> dict[str, Interval]:
    return {name: _round(one) for name, one in scores.intervals().items()}


def _round(one: Interval) -> Interval:
    return Interval(round(one.mean, 4), round(one.low, 4), round(one.high, 4))


def _means(intervals: Mapping[str, Interval]) -> dict[str, float]:
    return {name: one.mean for name, one in intervals.items()}
