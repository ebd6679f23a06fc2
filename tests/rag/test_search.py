"""Search over the sample digests."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from index.snapshot import Snapshot
from rag.errors import LegsFailedError, QueryError
from rag.filters import Filters
from rag.legs import Leg, Query, Status, best_of_papers, dense_scores, standardise
from rag.search import Found, Searcher, best_rows
from rag.settings import SearchGroup


def _ids(found: Found) -> list[str]:
    return [hit.paper.id for hit in found.hits]


@pytest.mark.parametrize(
    ("query", "paper"),
    [
        ("보상 모델을 따로 학습하지 않고 선호 데이터로 언어 모델을 정렬하는 방법", "2305.18290"),
        (
            "how can attention be computed without writing the whole matrix to GPU memory?",
            "2205.14135",
        ),
        ("저랭크 행렬만 학습하는 미세 조정", "2106.09685"),
        ("Which benchmark asks models to fix real GitHub issues?", "2310.06770"),
        ("ノイズを少しずつ取り除いて画像を生成する拡散モデル", "2006.11239"),
        ("Spracherkennung mit sehr viel schwach beschrifteten Audiodaten", "2212.04356"),
        ("RoPE", "2104.09864"),
        ("QLoRA", "2305.14314"),
        ("Segment Anything", "2304.02643"),
        ("SWE-bench", "2310.06770"),
        ("swe bench", "2310.06770"),
    ],
)
def test_the_paper_that_answers_is_among_the_first_three(
    searcher: Searcher, query: str, paper: str
) -> None:
    assert paper in _ids(searcher.search(query, top_k=3))


@pytest.mark.parametrize(
    "query",
    [
        "2004.04906",
        "arXiv:2004.04906v3",
        "https://arxiv.org/abs/2004.04906",
        "https://arxiv.org/pdf/2004.04906.pdf",
        "2004.04906의 핵심은 무엇인가?",
    ],
)
def test_a_paper_that_is_named_by_its_number_comes_first(searcher: Searcher, query: str) -> None:
    assert _ids(searcher.search(query))[0] == "2004.04906"
    scores = [hit.score for hit in searcher.search(query).hits]
    assert scores == sorted(scores, reverse=True)


def test_several_papers_named_by_number_come_before_all_others(searcher: Searcher) -> None:
    found = searcher.search("LoRA와 2004.04906, 2106.09685 그리고 9999.99999를 비교하면?")
    assert set(_ids(found)[:2]) == {"2004.04906", "2106.09685"}


def test_hits_and_their_passages_come_best_first(searcher: Searcher) -> None:
    found = searcher.search("검색 증강 생성은 문서를 어떻게 찾나?", 20, 5)
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    assert len(set(_ids(found))) == 20
    for hit in found.hits:
        passages = [one.score for one in hit.passages]
        assert passages == sorted(passages, reverse=True)
        assert {one.passage.paper for one in hit.passages} == {hit.paper.id}


@pytest.mark.parametrize(("top_k", "passages"), [(1, 0), (3, 1), (7, 2), (100, 20)])
def test_as_many_come_back_as_are_asked_for(
    searcher: Searcher, snapshot: Snapshot, top_k: int, passages: int
) -> None:
    found = searcher.search("언어 모델", top_k, passages)
    assert len(found.hits) == min(top_k, len(snapshot))
    for hit in found.hits:
        assert len(hit.passages) == min(passages, len(snapshot.passages_of(hit.row)))


def test_highlights_are_the_words_of_the_query(searcher: Searcher) -> None:
    found = searcher.search("GPT4o LLM 대조 학습", 45, 20)
    seen: set[str] = set()
    for hit in found.hits:
        for one in hit.passages:
            spans = [one.passage.text[start:end] for start, end in one.highlights]
            assert list(one.highlights) == sorted(one.highlights)
            seen.update(text.lower() for text in spans)
    assert {"학습", "대조"} & seen
    assert all(any(word in text for word in ("gpt", "4o", "llm", "대조", "학습")) for text in seen)


def test_a_passage_stands_where_its_source_says(searcher: Searcher, samples: Path) -> None:
    found = searcher.search("확산 모형", 45, 20)
    for hit in found.hits:
        for one in hit.passages:
            source = one.passage.source
            text = (samples / source.file).read_bytes().decode("utf-8")
            if one.passage.runs[0].length == len(one.passage.text):
                assert text[source.start : source.end] == one.passage.text


@pytest.mark.parametrize("query", ["", " ", "?!", "...", "\n", "🤗"])
def test_a_query_without_a_word_is_refused(searcher: Searcher, query: str) -> None:
    with pytest.raises(QueryError, match="a word"):
        searcher.search(query)


def test_the_same_query_gives_the_same_reply(searcher: Searcher) -> None:
    query = "transformer 구조에서 위치를 어떻게 나타내나?"
    assert searcher.search(query).hits == searcher.search(query).hits
    assert searcher.search(query).hits == Searcher(searcher.snapshot).search(query).hits


def test_a_decomposed_query_finds_what_a_composed_one_does(searcher: Searcher) -> None:
    import unicodedata

    query = "강화 학습으로 바둑을 두는 모델"
    composed = searcher.search(unicodedata.normalize("NFC", query))
    decomposed = searcher.search(unicodedata.normalize("NFD", query))
    assert _ids(composed)[:3] == _ids(decomposed)[:3]


class TestFusion:
    def test_it_is_the_weighted_sum_of_standardised_scores(self, snapshot: Snapshot) -> None:
        searcher = Searcher(snapshot, SearchGroup(lexical_weight=0.25))
        text = "바둑과 체스를 스스로 배우는 강화 학습"
        found = searcher.search(text, 45)
        query = Query()
        lexical, dense = searcher.run_legs(text, query, None)
        assert lexical is not None
        assert dense is not None
        raw = snapshot.lexicon.score_papers(
            snapshot.lexicon.numbers(snapshot.lexicon.words_of(text))
        )
        assert lexical == pytest.approx((raw - raw.mean()) / raw.std(), abs=1e-4)
        vector = snapshot.encoder.encode_query([text])[0]
        cosines = snapshot.vectors.vectors @ vector
        best = [cosines[list(snapshot.passages_of(row))].max() for row in range(len(snapshot))]
        wanted = (np.array(best) - cosines.mean()) / cosines.std()
        assert dense == pytest.approx(wanted, abs=1e-3)
        for hit in found.hits:
            score = 0.25 * lexical[hit.row] + 0.75 * dense[hit.row]
            assert hit.score == pytest.approx(score, abs=1e-5)

    @pytest.mark.parametrize(("weight", "leg"), [(0.0, Leg.LEXICAL), (1.0, Leg.DENSE)])
    def test_a_leg_of_no_weight_is_off(self, snapshot: Snapshot, weight: float, leg: Leg) -> None:
        found = Searcher(snapshot, SearchGroup(lexical_weight=weight)).search("강화 학습")
        assert found.legs[leg] is Status.OFF
        assert sorted(found.legs.values()) == [Status.OFF, Status.OK]
        assert len(found.hits) == 10

    @pytest.mark.parametrize("leg", [Leg.LEXICAL, Leg.DENSE])
    def test_a_leg_that_fails_is_told_and_the_other_answers(
        self, snapshot: Snapshot, leg: Leg, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _break(monkeypatch, leg)
        found = Searcher(snapshot).search("대조 학습으로 시각 표현을 배우기", 5)
        other = Leg.DENSE if leg is Leg.LEXICAL else Leg.LEXICAL
        assert found.legs == {leg: Status.FAILED, other: Status.OK}
        assert "2002.05709" in _ids(found)
        assert found.hits[0].passages

    def test_without_any_leg_there_is_an_error(
        self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for leg in Leg:
            _break(monkeypatch, leg)
        with pytest.raises(LegsFailedError, match="no leg"):
            Searcher(snapshot).search("대조 학습")

    def test_candidates_beyond_the_last_are_given_its_score(self, snapshot: Snapshot) -> None:
        query = Query(vector=snapshot.titles[0])
        few = dense_scores(snapshot, query, None, 10)
        every = dense_scores(snapshot, query, None, 10_000)
        found = snapshot.vectors.search(snapshot.titles[:1], 10)
        rows = np.unique(snapshot.owners[found.rows[0]])
        assert few[rows] == pytest.approx(every[rows])
        others = np.setdiff1d(np.arange(len(snapshot)), rows)
        assert few[others] == pytest.approx(few.min())
        assert (every[others] <= few.min() + 1e-6).all()


def _break(monkeypatch: pytest.MonkeyPatch, leg: Leg) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken for the test")

    name = "lexical_scores" if leg is Leg.LEXICAL else "dense_scores"
    monkeypatch.setattr(f"rag.search.{name}", fail)


def test_scores_that_are_all_equal_standardise_to_zero() -> None:
    assert standardise(np.full(5, 3.0, np.float32)).tolist() == [0] * 5


def test_the_best_of_a_papers_passages_counts(snapshot: Snapshot) -> None:
    scores = np.random.default_rng(0).random(snapshot.manifest.passages).astype(np.float32)
    wanted = [scores[list(snapshot.passages_of(row))].max() for row in range(len(snapshot))]
    assert best_of_papers(snapshot, scores).tolist() == wanted


def test_equal_scores_put_the_newer_paper_first() -> None:
    scores = np.array([1, 2, 2, 0, 2], np.float32)
    assert best_rows(scores, 2, None) == [4, 2]
    assert best_rows(scores, 10, None) == [4, 2, 1, 0, 3]


class TestFilters:
    def _found(self, searcher: Searcher, filters: Filters) -> list[int]:
        return sorted(hit.row for hit in searcher.search("모델", 100, 3, filters).hits)

    @pytest.mark.parametrize(
        "filters",
        [
            Filters(since=date(2025, 3, 4)),
            Filters(until=date(2023, 12, 31)),
            Filters(since=date(2025, 3, 3), until=date(2025, 3, 3)),
            Filters(min_votes=20),
            Filters(authors=("edward j. hu",)),
            Filters(ids=("2305.18290", "2106.09685", "0000.00000")),
            Filters(since=date(2025, 3, 4), min_votes=20),
            Filters(exclude_flags=("summary-mismatch",)),
        ],
    )
    def test_only_papers_that_pass_are_found(self, searcher: Searcher, filters: Filters) -> None:
        snapshot = searcher.snapshot
        papers = [snapshot.paper(row) for row in range(len(snapshot))]
        wanted = [
            row
            for row, paper in enumerate(papers)
            if (not filters.since or any(day >= filters.since for day in paper.dates))
            and (not filters.until or any(day <= filters.until for day in paper.dates))
            and (filters.min_votes is None or (paper.votes or -1) >= filters.min_votes)
            and (
                not filters.authors
                or {name.lower() for name in paper.authors} & set(filters.authors)
            )
            and (not filters.ids or paper.id in filters.ids)
        ]
        assert wanted
        assert self._found(searcher, filters) == wanted

    def test_a_section_chooses_passages(self, searcher: Searcher) -> None:
        filters = Filters(sections=("what’s new",))
        found = searcher.search("강화 학습", 100, 20, filters)
        sections = {one.passage.section for hit in found.hits for one in hit.passages}
        assert sections == {"What's New"}
        assert all(hit.passages for hit in found.hits)

    @pytest.mark.parametrize(
        "filters",
        [Filters(authors=("nobody",)), Filters(ids=("x",)), Filters(sections=("none",))],
    )
    def test_what_nothing_passes_finds_nothing(self, searcher: Searcher, filters: Filters) -> None:
        assert self._found(searcher, filters) == []

    def test_dates_of_a_paper_on_two_days_pass_one_by_one(self, snapshot: Snapshot) -> None:
        # 2024-01-01 and 2024-03-01 do not add up to February.
        from index.labels import Labels

        labels = Labels(["2024-01-01", "2024-03-01"], np.array([[0, 0], [0, 1]], np.int32), 1)
        assert labels.rows_with(lambda day: "2024-02-01" <= day <= "2024-02-28").tolist() == [False]
        assert labels.rows_with(lambda day: day >= "2024-02-01").tolist() == [True]
