"""Reranking within a search: the first papers in another order, or in the same one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from index.passages import plain
from index.scoring import Floats, Leg
from index.snapshot import Snapshot
from rag.filters import Filters
from rag.legs import Status
from rag.rerank import Reranker
from rag.search import Found, Searcher
from rag.settings import RerankGroup, SearchGroup

QUERY = "강화 학습으로 언어 모델을 정렬하는 방법"


class Reversing:
    """Puts what comes last first, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        self.asked.append((query, list(texts)))
        return np.arange(len(texts), dtype=np.float32)


class Broken:
    """Says what makes no sense."""

    def __init__(self, act: Callable[[int], object]) -> None:
        self.act = act

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        return self.act(len(texts))  # type: ignore[return-value]


class Hanging:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        self.let.wait(60)
        return np.arange(len(texts), dtype=np.float32)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    one = Hanging()
    yield one
    one.let.set()


def _searcher(
    snapshot: Snapshot, reranker: Reranker, candidates: int = 5, timeout_ms: int = 30_000
) -> Searcher:
    settings = RerankGroup(candidates=candidates, timeout_ms=timeout_ms)
    return Searcher(snapshot, None, settings, reranker)


def _rows(found: Found) -> list[int]:
    return [hit.row for hit in found.hits]


def _fail(_: int) -> None:
    raise RuntimeError("broken for the test")


def test_the_first_papers_are_put_in_its_order(searcher: Searcher, snapshot: Snapshot) -> None:
    plainly = searcher.search(QUERY, 12)
    found = _searcher(snapshot, Reversing()).search(QUERY, 12)
    rows = _rows(plainly)
    assert _rows(found) == [*rows[4::-1], *rows[5:]]
    assert found.legs == {**plainly.legs, Leg.RERANK: Status.OK}


def test_scores_stay_those_of_the_legs_and_descend(searcher: Searcher, snapshot: Snapshot) -> None:
    wanted = [hit.score for hit in searcher.search(QUERY, 12).hits]
    assert wanted == sorted(wanted, reverse=True)
    found = _searcher(snapshot, Reversing()).search(QUERY, 12)
    assert [hit.score for hit in found.hits] == wanted


def test_a_paper_keeps_its_passages(searcher: Searcher, snapshot: Snapshot) -> None:
    wanted = {hit.row: hit.passages for hit in searcher.search(QUERY, 12, 2).hits}
    found = _searcher(snapshot, Reversing()).search(QUERY, 12, 2)
    assert {hit.row: hit.passages for hit in found.hits} == wanted


def test_it_reads_title_and_best_passage_of_each(searcher: Searcher, snapshot: Snapshot) -> None:
    reranker = Reversing()
    _searcher(snapshot, reranker, 4).search(QUERY, 2)
    hits = searcher.search(QUERY, 4).hits
    texts = [f"{hit.paper.title}\n{plain(hit.passages[0].passage.text)}" for hit in hits]
    assert reranker.asked == [(QUERY, texts)]


def test_what_comes_is_cut_after_it(searcher: Searcher, snapshot: Snapshot) -> None:
    rows = _rows(searcher.search(QUERY, 20))
    assert _rows(_searcher(snapshot, Reversing(), 20).search(QUERY, 3)) == rows[:-4:-1]


@pytest.mark.parametrize("top_k", [1, 3, 5, 44, 100])
def test_as_many_come_as_are_asked_for(snapshot: Snapshot, top_k: int) -> None:
    found = _searcher(snapshot, Reversing()).search(QUERY, top_k)
    assert len(found.hits) == min(top_k, len(snapshot))
    assert len(set(_rows(found))) == len(found.hits)


def test_the_settings_say_how_many_come(snapshot: Snapshot) -> None:
    settings = RerankGroup(candidates=20, timeout_ms=30_000)
    searcher = Searcher(snapshot, SearchGroup(top_k=7), settings, Reversing())
    assert len(searcher.search(QUERY).hits) == 7


@pytest.mark.parametrize(
    "act",
    [
        _fail,
        lambda count: np.zeros(count + 1, np.float32),
        lambda count: np.full(count, np.nan, np.float32),
        lambda _: None,
    ],
    ids=["raises", "too many", "no numbers", "nothing"],
)
def test_one_that_fails_keeps_the_order_and_says_so(
    searcher: Searcher, snapshot: Snapshot, act: Callable[[int], object]
) -> None:
    plainly = searcher.search(QUERY, 12)
    found = _searcher(snapshot, Broken(act)).search(QUERY, 12)
    assert found.hits == plainly.hits
    assert found.legs == {**plainly.legs, Leg.RERANK: Status.FAILED}


def test_one_that_is_slow_keeps_the_order_and_says_so(
    searcher: Searcher, snapshot: Snapshot, hanging: Hanging
) -> None:
    plainly = searcher.search(QUERY, 3)
    found = _searcher(snapshot, hanging, 20, timeout_ms=50).search(QUERY, 3)
    assert found.hits == plainly.hits
    assert found.legs == {**plainly.legs, Leg.RERANK: Status.SLOW}


def test_it_reads_only_what_passes_the_filters(snapshot: Snapshot) -> None:
    reranker = Reversing()
    filters = Filters(sections=("What's New",), min_votes=20)
    found = _searcher(snapshot, reranker, 100).search(QUERY, 100, 3, filters)
    ((_, texts),) = reranker.asked
    assert 0 < len(texts) == len(found.hits) < len(snapshot)
    shown = {f"{hit.paper.title}\n{plain(hit.passages[0].passage.text)}" for hit in found.hits}
    assert set(texts) == shown
    assert {hit.passages[0].passage.section for hit in found.hits} == {"What's New"}


def test_nothing_found_is_nothing_to_rerank(snapshot: Snapshot) -> None:
    found = _searcher(snapshot, Broken(_fail)).search(QUERY, filters=Filters(ids=("x",)))
    assert found.hits == ()
    assert found.legs[Leg.RERANK] is Status.OK


def test_how_many_passages_are_shown_changes_no_order(snapshot: Snapshot) -> None:
    shown, hidden = Reversing(), Reversing()
    _searcher(snapshot, shown).search(QUERY, 5, 3)
    found = _searcher(snapshot, hidden).search(QUERY, 5, 0)
    assert not any(hit.passages for hit in found.hits)
    assert hidden.asked == shown.asked


def test_a_paper_that_is_named_by_its_number_still_comes_first(snapshot: Snapshot) -> None:
    found = _searcher(snapshot, Reversing()).search("2004.04906의 핵심은 무엇인가?")
    assert found.hits[0].paper.id == "2004.04906"


def test_without_one_the_leg_is_off(searcher: Searcher) -> None:
    assert searcher.search(QUERY).legs[Leg.RERANK] is Status.OFF
