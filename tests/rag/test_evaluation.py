"""Scores of questions, against formulas written out here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ir_measures
import pytest

from index.errors import QuestionsError
from index.questions import read_questions
from rag import printing_evaluation
from rag.answer import ask
from rag.evaluation import (
    Intervals,
    Scores,
    evaluate,
    known_item_scores,
    language_groups,
    topical_scores,
)
from rag.intervals import Interval, interval
from rag.search import Searcher
from rag.settings import AnswerGroup

DPO, LORA, QLORA, RAG = "2305.18290", "2106.09685", "2305.14314", "2005.11401"
KNOWN: list[dict[str, str]] = [
    {
        "query": "보상 모델 없이 선호로 정렬하기",
        "lang": "ko",
        "paper": DPO,
        "section": "What's New",
    },
    {"query": "fine-tuning with low-rank matrices", "lang": "en", "paper": LORA, "section": ""},
    {
        "query": "모델을 네 비트로 줄여 미세 조정",
        "lang": "ko",
        "paper": QLORA,
        "section": "Summary",
    },
    {"query": "이 질문의 논문은 여기에 없다", "lang": "ko", "paper": "9999.99999"},
]
TOPICAL = [
    {"query": "언어 모델의 미세 조정", "lang": "ko", "relevant": {LORA: 2, QLORA: 2, DPO: 1}}
]
NOTHING = [
    {"query": "김치찌개는 어떻게 끓이나요?", "lang": "ko", "kind": "far"},
    {"query": "검색한 문서를 참고하여 답하기", "lang": "ko", "kind": "near"},
]


def _file(folder: Path, rows: list[Any], name: str = "q.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def _ranks(searcher: Searcher) -> list[float]:
    ranks = []
    for row in KNOWN:
        found = [hit.paper.id for hit in ask(searcher, row["query"], 10).found.hits]
        ranks.append(found.index(row["paper"]) + 1 if row["paper"] in found else math.inf)
    return ranks


def _gain(grades: Sequence[int]) -> float:
    return math.fsum((2.0**grade - 1) / math.log2(i + 1) for i, grade in enumerate(grades, 1))


def test_known_items_are_scored_by_language(searcher: Searcher, tmp_path: Path) -> None:
    scores = evaluate(searcher, read_questions([_file(tmp_path, KNOWN)]))
    ranks = _ranks(searcher)
    assert ranks[3] == math.inf
    assert set(scores.known_item) == {"all", "en", "ko"}
    for group, mine in (("all", ranks), ("ko", [ranks[0], *ranks[2:]]), ("en", ranks[1:2])):
        found = scores.known_item[group]
        assert found["questions"] == len(mine)
        assert found["Success@1"] == pytest.approx(sum(r == 1 for r in mine) / len(mine), abs=1e-4)
        assert found["R@10"] == pytest.approx(sum(r <= 10 for r in mine) / len(mine), abs=1e-4)
        assert found["RR@10"] == pytest.approx(sum(1 / r for r in mine) / len(mine), abs=1e-4)
    assert scores.missing == ["9999.99999"]


def test_the_section_that_answers_should_come_first(searcher: Searcher, tmp_path: Path) -> None:
    scores = evaluate(searcher, read_questions([_file(tmp_path, KNOWN)]))
    right = []
    for row in (KNOWN[0], KNOWN[2]):  # the others name no section, or are not found
        hits = ask(searcher, row["query"], 10).found.hits
        hit = next(hit for hit in hits if hit.paper.id == row["paper"])
        right.append(hit.passages[0].passage.section == row["section"])
    assert scores.known_item["all"]["section@1"] == sum(right) / 2


def test_topical_questions_are_scored_by_grades(searcher: Searcher, tmp_path: Path) -> None:
    scores = evaluate(searcher, read_questions([_file(tmp_path, TOPICAL)]))
    grades_of: dict[str, int] = TOPICAL[0]["relevant"]  # type: ignore[assignment]
    hits = ask(searcher, str(TOPICAL[0]["query"]), 10).found.hits
    grades = [grades_of.get(hit.paper.id, 0) for hit in hits]

    assert scores.topical["nDCG@10"] == pytest.approx(_gain(grades) / _gain([2, 2, 1]), abs=1e-4)
    assert scores.topical["P@10"] == pytest.approx(sum(map(bool, grades)) / 10, abs=1e-4)
    assert scores.known_item == {}


def test_refusals_are_counted_by_kind(searcher: Searcher, tmp_path: Path) -> None:
    questions = read_questions([_file(tmp_path, [*NOTHING, *KNOWN[:2]])])
    scores = evaluate(searcher, questions)
    assert scores.refused == {"far": 1.0, "near": 0.0}
    answered = [ask(searcher, row["query"]).answerable for row in KNOWN[:2]]
    assert scores.wrongly_refused == answered.count(False) / 2
    strict = evaluate(searcher, questions, AnswerGroup(min_confidence=1.0))
    assert strict.refused["near"] == 1.0


def test_every_mean_has_an_interval(searcher: Searcher, tmp_path: Path) -> None:
    questions = read_questions([_file(tmp_path, [*KNOWN, *TOPICAL, *NOTHING])])
    scores = evaluate(searcher, questions)
    mine = scores.intervals
    ranks = _ranks(searcher)
    for name, values in (
        ("Success@1", [float(r == 1) for r in ranks]),
        ("R@10", [float(r <= 10) for r in ranks]),
        ("RR@10", [1 / r for r in ranks]),
    ):
        wanted = asdict(interval(values))
        assert asdict(mine.known_item["all"][name]) == pytest.approx(wanted, abs=1e-4)
    for means, intervals in (
        *((scores.known_item[group], mine.known_item[group]) for group in scores.known_item),
        (scores.topical, mine.topical),
        (scores.refused, mine.refused),
    ):
        assert set(means) - {"questions"} == set(intervals)
        assert all(means[name] == one.mean for name, one in intervals.items())
        assert all(0 <= one.low <= one.high <= 1 for one in intervals.values())
    assert scores.known_item.keys() == mine.known_item.keys()
    assert mine.wrongly_refused is not None
    assert scores.wrongly_refused == mine.wrongly_refused.mean
    assert evaluate(searcher, questions) == scores


def test_what_no_question_asks_for_has_no_interval(searcher: Searcher, tmp_path: Path) -> None:
    nothing = evaluate(searcher, read_questions([_file(tmp_path, NOTHING)])).intervals
    assert (nothing.known_item, nothing.topical, nothing.wrongly_refused) == ({}, {}, None)


RANKED = [["a", "b"], ["x", "y", "b"], [], [f"p{n}" for n in range(10)] + ["d"], ["e"]]
RELEVANT = [{name: 1} for name in "abcde"]


class TestRankings:
    def test_known_items_get_a_value_for_each_question(self) -> None:
        ranks = [1, 3, math.inf, 11, 1]
        scores = known_item_scores(RANKED, RELEVANT)
        assert scores.values == {
            "Success@1": [float(rank <= 1) for rank in ranks],
            "R@10": [float(rank <= 10) for rank in ranks],
            "RR@10": pytest.approx([1 / rank if rank <= 10 else 0 for rank in ranks]),
        }
        means = {name: one.mean for name, one in scores.intervals().items()}
        assert means == pytest.approx({"Success@1": 2 / 5, "R@10": 3 / 5, "RR@10": 7 / 15})

    @pytest.mark.parametrize("found", [[[], []], [["q"], []], [["a"], []], [[], ["b"]]])
    def test_a_question_that_found_nothing_counts_as_zero(self, found: list[list[str]]) -> None:
        relevant = [{"a": 2}, {"b": 2}]
        right = [float(papers == [name]) for papers, name in zip(found, "ab", strict=True)]
        known = known_item_scores(found, relevant)
        assert known.values == dict.fromkeys(("Success@1", "R@10", "RR@10"), right)
        topical = topical_scores(found, relevant)
        assert topical.values == {"nDCG@10": right, "P@10": [one / 10 for one in right]}
        assert known.intervals()["R@10"].mean == sum(right) / 2

    def test_a_question_that_no_provider_speaks_of_counts_as_zero(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        complete = ir_measures.iter_calc

        def partial(measures: Any, wanted: Any, found: Any) -> list[Any]:
            return [one for one in complete(measures, wanted, found) if one.value]

        monkeypatch.setattr(ir_measures, "iter_calc", partial)
        assert known_item_scores(RANKED, RELEVANT).values["R@10"] == [1, 1, 0, 0, 1]

    def test_a_section_counts_where_it_is_named_and_its_paper_found(self) -> None:
        shown = [["S", "T"], ["S", "S", "T"], [], [*"TTTTTTTTTT", "S"], [None]]
        scores = known_item_scores(RANKED, RELEVANT, sections=["S"] * 5, shown=shown)
        assert scores.values["section@1"] == [1.0, 0.0, None, None, 0.0]
        assert scores.intervals()["section@1"].mean == pytest.approx(1 / 3)
        unnamed = known_item_scores(RANKED, RELEVANT, sections=[None] * 5, shown=shown)
        assert unnamed.values["section@1"] == [None] * 5
        assert "section@1" not in unnamed.intervals()

    @pytest.mark.parametrize(
        ("ranked", "relevant"),
        [
            (["a", "b", "c"], {"c": 2, "a": 1, "z": 2}),
            (["x"] + [f"p{n}" for n in range(9)] + ["a"], {"a": 2, "p3": 1}),
            ([f"p{n}" for n in range(10)], {f"p{n}": 1 + n % 2 for n in range(14)}),
            (["b", "a"], {"a": 6, "b": 2, "c": 0}),
        ],
    )
    def test_topical_questions_get_gains_of_their_grades(
        self, ranked: list[str], relevant: Mapping[str, int]
    ) -> None:
        grades = [relevant.get(paper, 0) for paper in ranked[:10]]
        ideal = sorted(relevant.values(), reverse=True)[:10]
        scores = topical_scores([ranked, []], [relevant, {"a": 1}])
        assert scores.values["nDCG@10"] == pytest.approx([_gain(grades) / _gain(ideal), 0])
        assert scores.values["P@10"] == pytest.approx([sum(g > 0 for g in grades) / 10, 0])

    def test_a_group_has_the_values_of_its_questions(self) -> None:
        scores = known_item_scores(RANKED, RELEVANT)
        assert (
            scores.only([1, 4]).values
            == known_item_scores([RANKED[1], RANKED[4]], [RELEVANT[1], RELEVANT[4]]).values
        )

    @pytest.mark.parametrize(
        ("ranked", "relevant", "message"),
        [
            ([["a"]], [{"a": 1}, {"b": 1}], "1 rankings are not of 2 questions"),
            ([["a"], []], [{"a": 1}, {}], "question 1 has no relevant paper"),
            ([["a", "b", "a"]], [{"a": 1}], "question 0 has a paper twice"),
        ],
    )
    def test_what_does_not_fit_together_is_an_error(
        self, ranked: list[list[str]], relevant: list[dict[str, int]], message: str
    ) -> None:
        for score in (known_item_scores, topical_scores):
            with pytest.raises(ValueError, match=message):
                score(ranked, relevant)

    def test_sections_need_both_sides_a_paper_each(self) -> None:
        with pytest.raises(ValueError, match="section@1 needs both"):
            known_item_scores([["a"]], [{"a": 1}], sections=["S"])
        with pytest.raises(ValueError, match="zip"):
            known_item_scores([["a"]], [{"a": 1}], sections=["S"], shown=[[]])


class TestLanguages:
    def test_all_each_and_the_others_together(self) -> None:
        groups = language_groups(["ko", "ja", "en", "", "ko", "de"])
        assert groups == {
            "all": [0, 1, 2, 3, 4, 5],
            "de": [5],
            "en": [2],
            "ja": [1],
            "ko": [0, 4],
            "other": [1, 5],
        }

    @pytest.mark.parametrize("langs", [["ko", "en"], ["ko", "ja", "ja"], ["", ""]])
    def test_one_other_language_is_no_group(self, langs: list[str]) -> None:
        assert "other" not in language_groups(langs)

    def test_others_are_scored_together(self, searcher: Searcher, tmp_path: Path) -> None:
        rows = [dict(KNOWN[0], lang="ja"), dict(KNOWN[1], lang="de"), KNOWN[2]]
        scores = evaluate(searcher, read_questions([_file(tmp_path, rows)]))
        assert list(scores.known_item) == ["all", "de", "ja", "ko", "other"]
        other, ja, de = (scores.known_item[name] for name in ("other", "ja", "de"))
        assert other["questions"] == 2
        assert other["RR@10"] == pytest.approx((ja["RR@10"] + de["RR@10"]) / 2, abs=1e-4)


class TestPrinted:
    def test_intervals_stand_beside_their_means(self, capsys: pytest.CaptureFixture[str]) -> None:
        middle, top = Interval(0.6968, 0.6204, 0.7745), Interval(1.0, 1.0, 1.0)
        row = {"Success@1": middle, "R@10": top, "RR@10": middle, "section@1": middle}
        rows = {"all": row, "ko": row, "ja": {"R@10": Interval(0.0, 0.0, 0.0)}}
        scores = Scores(
            known_item={group: {"questions": 1234} for group in rows},
            topical={"questions": 26},
            intervals=Intervals(rows, {"nDCG@10": middle}, {"tricky": top}, middle),
        )
        printing_evaluation.scores(scores, as_json=False)
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 80
        assert lines[0].split() == ["n", *row]
        some, sure = ".697 [.62, .77]", "1.00 [1.0, 1.0]"
        assert lines[1] == f"all    1234  {some}  {sure}  {some}  {some}"
        assert lines[3].split() == ["ja", "1234", "-", ".000", "[.00,", ".00]", "-", "-"]
        assert "topical, 26 questions:" in lines
        assert f"  nDCG@10  {some}" in lines
        assert f"  tricky  {sure}" in lines
        assert "refused wrongly:" in lines

    def test_json_keeps_the_means_and_adds_intervals(
        self, capsys: pytest.CaptureFixture[str], searcher: Searcher, tmp_path: Path
    ) -> None:
        scores = evaluate(searcher, read_questions([_file(tmp_path, [*KNOWN, *NOTHING])]))
        printing_evaluation.scores(scores, as_json=True)
        found = json.loads(capsys.readouterr().out)
        assert found["known_item"]["all"]["RR@10"] == scores.known_item["all"]["RR@10"]
        assert found["refused"] == scores.refused
        one = found["intervals"]["known_item"]["all"]["RR@10"]
        assert one == asdict(scores.intervals.known_item["all"]["RR@10"])
        assert list(one) == ["mean", "low", "high"]


def test_rows_about_something_else_are_passed_over(tmp_path: Path) -> None:
    rows = [{"id": DPO, "label": "ok"}, {**KNOWN[0], "bad_summary": True}, KNOWN[1]]
    (question,) = read_questions([_file(tmp_path, rows)])
    assert question.text == KNOWN[1]["query"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "q.jsonl:1"),
        ("[]", "q.jsonl:1"),
        ('{"paper": "x"}', "q.jsonl:1.*query"),
        ('{"query": "  ", "paper": "x"}', "q.jsonl:1.*query"),
        ('{"query": "a", "relevant": {"x": "high"}}', "q.jsonl:1"),
        ("", "no questions"),
        ('{"id": "x"}', "no questions"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(QuestionsError, match=message):
        read_questions([path])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match=r"gone\.jsonl"):
        read_questions([tmp_path / "gone.jsonl"])
