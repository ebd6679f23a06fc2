"""Golden questions: which files hold them, how they are scored, what counts as worse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R

from index.checking.golden import (
    GOLDEN,
    GoldenRanks,
    GoldenScore,
    compare,
    find_golden,
    score_golden,
)
from index.questions import Question, read_questions
from index.settings import Weights
from index.snapshot import Snapshot
from rag.search import Searcher

DPO, LORA, QLORA, RAG = "2305.18290", "2106.09685", "2305.14314", "2005.11401"
ROWS: list[dict[str, object]] = [
    {"query": "보상 모델 없이 선호로 정렬하는 방법", "paper": DPO},
    {"query": "fine-tuning with low-rank matrices", "paper": LORA},
    {"query": "양자화된 모델의 미세 조정", "relevant": {QLORA: 2, LORA: 1, RAG: 1}},
    {"query": "이 질문의 논문은 여기에 없다", "paper": "9999.99999"},
    {"query": "데이터에 대한 이야기", "paper": RAG},
]


def write(folder: Path, rows: list[dict[str, object]] = ROWS, name: str = GOLDEN) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def questions(tmp_path: Path) -> list[Question]:
    return read_questions([write(tmp_path)])


def asked(text: str = "?", grades: Mapping[str, int] | None = None) -> Question:
    return Question(text, "", dict(grades or {}), None, False, None if grades else "far")


class TestFind:
    def test_at_any_depth_of_a_folder(self, tmp_path: Path) -> None:
        files = [write(tmp_path), write(tmp_path / "2024" / "05")]
        write(tmp_path / ".hidden")
        write(tmp_path, name="golden.json")
        write(tmp_path, name="more-golden.jsonl")
        assert find_golden([tmp_path]) == sorted(files)
        assert find_golden([str(tmp_path)]) == sorted(files)

    def test_beside_a_file_and_no_deeper(self, tmp_path: Path, samples: Path) -> None:
        shutil.copy(samples / "2025-03-03.md", tmp_path)
        write(tmp_path / "deeper")
        file = tmp_path / "2025-03-03.md"
        assert find_golden([file]) == []
        golden = write(tmp_path)
        assert find_golden([file]) == [golden]

    def test_beside_all_files_of_a_glob(self, tmp_path: Path, samples: Path) -> None:
        files = []
        for month in ("a", "b"):
            files.append(write(tmp_path / month))
            shutil.copy(samples / "2025-03-03.md", tmp_path / month)
        write(tmp_path / "c")
        assert find_golden([tmp_path / "*" / "*.md"]) == files
        assert find_golden([tmp_path / "[ab]"]) == files

    def test_each_once(self, tmp_path: Path) -> None:
        golden = write(tmp_path / "a")
        (tmp_path / "link").symlink_to(tmp_path / "a")
        assert find_golden([tmp_path / "a", golden, tmp_path / "a" / "*.jsonl"]) == [golden]
        assert len(find_golden([tmp_path / "link", tmp_path / "a"])) == 1

    def test_none(self, tmp_path: Path) -> None:
        assert find_golden([tmp_path, tmp_path / "gone", tmp_path / "gone*.md", ""]) == []

    def test_the_one_that_is_named_counts_alone(self, tmp_path: Path) -> None:
        write(tmp_path)
        named = tmp_path / "gone.jsonl"
        assert find_golden([tmp_path], named) == [named]


class TestScore:
    def test_ranks_are_those_of_a_search(
        self, snapshot: Snapshot, searcher: Searcher, questions: list[Question]
    ) -> None:
        score = score_golden(snapshot, questions)
        assert [one.text for one in score.asked] == [row["query"] for row in ROWS]
        for question, one in zip(questions, score.asked, strict=True):
            hits = searcher.search(question.text, len(snapshot), 0).hits
            found = [hit.paper.id for hit in hits]
            wanted = {p: found.index(p) + 1 if p in found else None for p in question.relevant}
            assert one.ranks == wanted

    def test_means_are_those_of_ir_measures(
        self, snapshot: Snapshot, searcher: Searcher, questions: list[Question]
    ) -> None:
        grades = {str(n): question.relevant for n, question in enumerate(questions)}
        run = {
            str(n): {hit.paper.id: hit.score for hit in searcher.search(q.text, 10, 0).hits}
            for n, q in enumerate(questions)
        }
        wanted = ir_measures.calc_aggregate([R @ 10, RR @ 10], grades, run)
        score = score_golden(snapshot, questions)
        assert score.questions == 5
        assert score.recall == pytest.approx(wanted[R @ 10])
        assert score.mrr == pytest.approx(wanted[RR @ 10])
        assert 0 < score.mrr < 1
        assert 0 < score.recall < 1

    def test_the_tenth_is_the_last_that_counts(self) -> None:
        ranks = {"a": 10, "b": 11, "c": None, "d": 2}
        one = GoldenRanks("?", ranks)
        assert one.recall == 2 / 4
        assert one.reciprocal == 1 / 2
        assert GoldenRanks("?", {"a": 10}).reciprocal == pytest.approx(0.1)
        assert GoldenRanks("?", {"b": 11}).reciprocal == 0
        assert GoldenRanks("?", {"b": 11}).recall == 0

    def test_of_equal_papers_the_newer_stands_first(
        self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scores = np.array([1, 2, 2, 3, 2], np.float32)
        monkeypatch.setattr("index.checking.golden.rank", lambda *_: scores)
        ids = snapshot.ids[:5]
        questions = [asked("말", dict.fromkeys(ids, 1))]
        ranks = score_golden(snapshot, questions).asked[0].ranks
        assert [ranks[paper] for paper in ids] == [5, 4, 3, 1, 2]

    def test_the_weights_are_those_that_were_learned(
        self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []
        monkeypatch.setattr("index.checking.golden.rank", lambda *given: seen.append(given[2]))
        other = Snapshot(snapshot.folder, snapshot.manifest, snapshot.plain_encoder)
        other.learned = replace(snapshot.learned, weights=Weights(lexical=5))
        score = score_golden(other, [asked("말", {DPO: 1})])
        assert seen == [Weights(lexical=5)]
        assert score.asked[0].ranks == {DPO: None}  # no leg gave scores

    def test_what_nothing_answers_is_left_out(self, snapshot: Snapshot) -> None:
        score = score_golden(snapshot, [asked("김치찌개"), asked("보상 모델", {DPO: 0})])
        assert score.asked == ()
        assert (score.recall, score.mrr) == (0, 0)

    def test_papers_that_are_missing_on_purpose_are_left_out(
        self, snapshot: Snapshot, questions: list[Question]
    ) -> None:
        score = score_golden(snapshot, questions, {f"https://arxiv.org/abs/{DPO}v2", RAG, "else"})
        texts = [ROWS[place]["query"] for place in (1, 2, 3)]
        assert [one.text for one in score.asked] == texts
        assert set(score.asked[1].ranks) == {QLORA, LORA}

    def test_a_paper_may_be_named_by_its_address(self, snapshot: Snapshot) -> None:
        address = f"https://arxiv.org/abs/{DPO}v3"
        score = score_golden(snapshot, [asked("보상 모델 없이", {address: 1, DPO: 1})])
        assert score.asked[0].ranks[address] == score.asked[0].ranks[DPO] is not None
        assert score_golden(snapshot, [asked("보상", {address: 1})], [DPO]).questions == 0

    @pytest.mark.parametrize("text", ["?!", "낱말 \ud800"])
    def test_what_can_not_be_asked_is_missed(self, snapshot: Snapshot, text: str) -> None:
        score = score_golden(snapshot, [asked(text, {DPO: 1})])
        assert score.asked == (GoldenRanks(text, {DPO: None}),)


def score(*ranks: int | None) -> GoldenScore:
    """Of questions with one right paper each."""
    return GoldenScore(
        tuple(GoldenRanks(f"질문 {n}", {f"p{n}": rank}) for n, rank in enumerate(ranks))
    )


class TestCompare:
    def test_nothing_before(self) -> None:
        assert compare(None, score(None, None), 0) is None

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ((1, 2), (1, 2)),
            ((1, 2), (1, 1)),
            ((None, 12), (None, 30)),
            ((1, 2), (2, 1)),
            ((), ()),
        ],
    )
    def test_as_good_and_better(
        self, before: tuple[int | None, ...], after: tuple[int | None, ...]
    ) -> None:
        assert compare(score(*before), score(*after), 0) is None

    def test_worse(self) -> None:
        before = score(1, 1, 4, 2, *[1] * 16)
        after = score(9, 2, 4, 20, *[1] * 16)
        assert compare(before, after, 0.02) == (
            "golden questions: recall@10 fell from 1.000 to 0.950 and MRR@10 fell from 0.938 to"
            " 0.843 (20 questions), more than the 0.02 allowed; worst: “질문 3” (paper p3) from"
            " rank 2 to 20; “질문 0” (paper p0) from rank 1 to 9; “질문 1” (paper p1) from rank 1"
            " to 2"
        )

    def test_worse_by_mrr_alone(self) -> None:
        assert compare(score(1, 1), score(1, 2), 0.02) == (
            "golden questions: MRR@10 fell from 1.000 to 0.750 (2 questions),"
            " more than the 0.02 allowed; worst: “질문 1” (paper p1) from rank 1 to 2"
        )

    def test_worse_by_recall_alone(self) -> None:
        before = GoldenScore((GoldenRanks("질문", {"a": 1, "b": 10}),))
        after = GoldenScore((GoldenRanks("질문", {"a": 1, "b": None}),))
        assert compare(before, after, 0.1) == (
            "golden questions: recall@10 fell from 1.000 to 0.500 (1 questions),"
            " more than the 0.1 allowed; worst: “질문” (paper b) from rank 10 to none at all"
        )

    def test_the_tolerance_is_allowed_and_no_more(self) -> None:
        before, after = score(1, *[2] * 9), score(2, *[2] * 9)  # 0.05 less
        assert compare(before, after, 0.05) is None
        assert compare(before, after, 0.049) is not None

    def test_three_are_named(self) -> None:
        before, after = score(*[1] * 5), score(*[2] * 5)
        text = compare(before, after, 0)
        assert text is not None
        assert text.count("from rank") == 3

    @pytest.mark.parametrize(
        ("text", "shown"), [("말" * 80, "말" * 80), ("말" * 81, "말" * 79 + "…")]
    )
    def test_a_long_question_is_cut(self, text: str, shown: str) -> None:
        before, after = (GoldenScore((GoldenRanks(text, {"p": rank}),)) for rank in (1, 3))
        assert f"“{shown}” (paper p)" in (compare(before, after, 0) or "")

    def test_who_rose_is_not_named(self) -> None:
        text = compare(score(1, 5, 7), score(4, 3, 7), 0)
        assert text is not None
        assert text.endswith("worst: “질문 0” (paper p0) from rank 1 to 4")


def test_the_questions_in_the_documents_can_be_asked(tmp_path: Path, snapshot: Snapshot) -> None:
    page = Path(__file__).parents[3] / "docs" / "digests.md"
    (block,) = (
        text.split("```")[0]
        for text in page.read_text(encoding="utf-8").split("```json\n")[1:]
        if '"query"' in text
    )
    (tmp_path / GOLDEN).write_text(block, encoding="utf-8")
    score = score_golden(snapshot, read_questions(find_golden([tmp_path])))
    assert score.questions == 2
    assert score.recall == 1
