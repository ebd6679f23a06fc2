"""Scores of questions, against formulas written out here."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from rag.answer import ask
from rag.errors import QuestionsError
from rag.evaluation import evaluate
from rag.questions import read_questions
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

    def gain(found: list[int]) -> float:
        return math.fsum((2.0**grade - 1) / math.log2(i + 1) for i, grade in enumerate(found, 1))

    assert scores.topical["nDCG@10"] == pytest.approx(gain(grades) / gain([2, 2, 1]), abs=1e-4)
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
