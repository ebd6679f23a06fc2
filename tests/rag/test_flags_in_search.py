"""Papers whose summaries are doubted: they rank lower, can be left out, and say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.quality import Flag
from index.snapshot import Snapshot
from rag.answer import ask
from rag.filters import Filters
from rag.search import Searcher
from rag.settings import SearchGroup
from rag.similar import similar
from tests.rag.tiny import app_of, doubt

QUESTION = "보상 모델 없이 선호를 학습하는 방법은?"
DPO, INSTRUCT, RAG = "2305.18290", "2203.02155", "2005.11401"


@pytest.fixture(scope="module")
def doubted(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The samples, but that two papers are flagged."""
    return doubt(snapshot, tmp_path_factory.mktemp("doubted") / "own", DPO, RAG)


def _scores(searcher: Searcher, query: str = QUESTION, **filters: Any) -> dict[str, float]:
    found = searcher.search(query, len(searcher.snapshot), filters=Filters(**filters))
    return {hit.paper.id: hit.score for hit in found.hits}


def test_the_flagged_papers_are_those_of_the_findings(doubted: Snapshot) -> None:
    rows = [row for row in range(len(doubted)) if doubted.flagged()[row]]
    assert {doubted.ids[row] for row in rows} == {DPO, RAG}
    assert {row for row in range(len(doubted)) if doubted.paper(row).flags} == set(rows)


class TestPenalty:
    @pytest.mark.parametrize("penalty", [0.5, 4.0, 50.0])
    def test_a_flagged_paper_has_so_much_less(
        self, snapshot: Snapshot, doubted: Snapshot, penalty: float
    ) -> None:
        plainly = _scores(Searcher(snapshot))
        scores = _scores(Searcher(doubted, SearchGroup(flag_penalty=penalty)))
        for paper, score in scores.items():
            lost = penalty if paper in (DPO, RAG) else 0
            assert score == pytest.approx(plainly[paper] - lost, abs=1e-5)
        assert list(scores.values()) == sorted(scores.values(), reverse=True)

    def test_similar_papers_pay_it_too(self, snapshot: Snapshot, doubted: Snapshot) -> None:
        def scores(searcher: Searcher) -> dict[str, float]:
            found = similar(searcher, [INSTRUCT], top_k=len(searcher.snapshot))
            return {one.hit.paper.id: one.hit.score for one in found.hits}

        plainly, found = scores(Searcher(snapshot)), scores(Searcher(doubted))
        for paper, score in found.items():
            lost = 4 if paper in (DPO, RAG) else 0
            assert score == pytest.approx(plainly[paper] - lost, abs=1e-5)

    def test_by_default_it_is_four(self, snapshot: Snapshot, doubted: Snapshot) -> None:
        plainly, scores = _scores(Searcher(snapshot)), _scores(Searcher(doubted))
        assert plainly[DPO] - scores[DPO] == pytest.approx(4, abs=1e-5)

    def test_enough_of_it_puts_the_best_paper_last(self, doubted: Snapshot) -> None:
        ids = list(_scores(Searcher(doubted, SearchGroup(flag_penalty=100))))
        assert set(ids[-2:]) == {DPO, RAG}
        assert len(ids) == len(doubted)

    def test_without_it_the_order_is_as_if_nothing_were_flagged(
        self, snapshot: Snapshot, doubted: Snapshot
    ) -> None:
        scores = _scores(Searcher(doubted, SearchGroup(flag_penalty=0)))
        assert list(scores.items()) == list(_scores(Searcher(snapshot)).items())

    def test_it_holds_for_searchers_that_forget(self, doubted: Snapshot) -> None:
        searcher = Searcher(doubted)
        assert _scores(searcher.with_forgotten(searcher.forgotten)) == _scores(searcher)

    def test_a_paper_that_is_named_by_its_number_stays_first(self, doubted: Snapshot) -> None:
        searcher = Searcher(doubted, SearchGroup(flag_penalty=100))
        query = f"{DPO} 확산 모델로 이미지를 생성하는 방법"
        assert next(iter(_scores(searcher, query))) == DPO
        both = list(_scores(searcher, f"{INSTRUCT} {RAG}"))
        assert both[:2] == [INSTRUCT, RAG]

    @pytest.mark.parametrize("penalty", [-1, 101])
    def test_it_is_a_cost(self, penalty: float) -> None:
        with pytest.raises(ValueError, match="flag_penalty"):
            SearchGroup(flag_penalty=penalty)


class TestFilter:
    def test_excluded_flags_hide(self, doubted: Snapshot) -> None:
        searcher = Searcher(doubted)
        every = set(doubted.ids)
        hidden = _scores(searcher, exclude_flags=("summary-mismatch",))
        assert set(hidden) == every - {DPO, RAG}
        assert set(_scores(searcher, exclude_flags=("template-text",))) == every
        named = _scores(searcher, f"{QUESTION} {DPO}", exclude_flags=("summary-mismatch",))
        assert DPO not in named

    def test_any_of_several_hides(self, snapshot: Snapshot, tmp_path: Path) -> None:
        searcher = Searcher(doubt(snapshot, tmp_path / "own", DPO, flag=Flag.TEMPLATE_TEXT))
        flags = ("summary-mismatch", "template-text")
        assert DPO not in _scores(searcher, exclude_flags=flags)
        assert DPO in _scores(searcher, exclude_flags=flags[:1])

    def test_what_is_left_answers(self, doubted: Snapshot) -> None:
        filters = Filters(exclude_flags=("summary-mismatch",))
        asked = ask(Searcher(doubted), "언어 모델을 사람의 피드백으로 정렬하는 방법", 20, filters)
        assert asked.answerable
        assert not any(hit.paper.flags for hit in asked.found.hits)


@pytest.fixture(scope="module")
def http(doubted: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return TestClient(app_of(Searcher(doubted), tmp_path_factory.mktemp("http")))


class TestReplies:
    def _flags(self, papers: list[dict[str, Any]]) -> dict[str, list[str]]:
        return {paper["id"]: paper["flags"] for paper in papers}

    def test_every_reply_shows_the_flags(self, http: TestClient) -> None:
        for path, body in (
            ("search", {"query": QUESTION}),
            ("ask", {"question": QUESTION}),
            ("similar", {"ids": [INSTRUCT]}),
        ):
            reply = http.post(f"/v1/{path}", json={**body, "top_k": 45}).json()
            flags = self._flags(reply["papers"])
            assert {name for name, own in flags.items() if own} == {DPO, RAG}
            assert flags[DPO] == ["summary-mismatch"]
        assert http.get(f"/v1/papers/{DPO}").json()["flags"] == ["summary-mismatch"]
        assert http.get(f"/v1/papers/{INSTRUCT}").json()["flags"] == []

    def test_an_answer_cites_none_of_them(self, http: TestClient) -> None:
        for question in (QUESTION, "DPO", f"{DPO} 보상 모델", "검색 증강 생성"):
            reply = http.post("/v1/ask", json={"question": question}).json()
            assert not {DPO, RAG} & {one["paper"] for one in reply["answer"]["citations"]}

    def test_the_filter_is_the_same_there(self, http: TestClient) -> None:
        filters = {"exclude_flags": ["summary-mismatch"]}
        body = {"query": QUESTION, "top_k": 45, "filters": filters}
        reply = http.post("/v1/search", json=body).json()
        assert not {DPO, RAG} & set(self._flags(reply["papers"]))
        assert len(reply["papers"]) == 43
