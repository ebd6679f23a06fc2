"""What is gathered from a cluster ranks, reads and answers as the snapshot that was pushed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from index.cluster import open_tables
from index.cluster.conditions import not_forgotten
from index.cluster.gathering import Gatherer
from index.elsewhere import Asked
from index.errors import ClusterError, EncoderError
from index.forgotten import NOTHING, Forgotten
from index.papers import Paper
from index.scoring import Leg
from index.snapshot import Snapshot
from rag.answer import ask
from rag.filters import Filters
from rag.legs import Status
from rag.search import NO_FILTERS, Hit, Searcher
from rag.settings import SearchGroup
from tests.index.cluster.memory import MemoryTables
from tests.index.cluster.pushed import gatherer
from tests.index.cluster.servers import lite

FEW = SearchGroup(late_candidates=10, candidates=30)  # of 45 papers: most are not gathered
ALL = SearchGroup()
QUESTIONS = (
    "검색 증강 생성에서 환각을 줄이는 방법",
    "How do transformers use attention instead of recurrence?",
    "diffusion",
    "강화 학습으로 사람의 선호를 배우는 모델은?",
    "BERT와 GPT의 차이",
    "图像识别",
    "What is LoRA, and how many parameters does it train?",
)
FORGOTTEN = Forgotten(frozenset({"1706.03762"}), frozenset({"jacob devlin"}))


@pytest.fixture(scope="module")
def tables() -> MemoryTables:
    return MemoryTables()


@pytest.fixture(scope="module")
def memory(
    tables: MemoryTables, snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory
) -> Gatherer:
    return gatherer(tables, snapshot, tmp_path_factory.mktemp("cache"))


def gathered(
    gatherer: Gatherer,
    local: Searcher,
    text: str,
    filters: Filters = NO_FILTERS,
    forgotten: Forgotten = NOTHING,
) -> Searcher:
    """Searches what is gathered for a question, as a local search does all."""
    settings = local.settings
    asked = Asked(
        local.weights,
        settings.candidates,
        settings.late_candidates,
        [*filters.conditions(), *not_forgotten(forgotten)],
        filters.sections,
    )
    return Searcher(gatherer.gather(text, asked), settings, forgotten=forgotten)


def told(hits: tuple[Hit, ...]) -> list[tuple[Paper, list[object]]]:
    """All that a reply says of hits but their scores."""
    return [(hit.paper, [(one.passage, one.highlights) for one in hit.passages]) for hit in hits]


def assert_same(found: tuple[Hit, ...], wanted: tuple[Hit, ...]) -> None:
    assert told(found) == told(wanted)
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted], abs=1e-4)
    scores = [one.score for hit in found for one in hit.passages]
    assert scores == pytest.approx([p.score for hit in wanted for p in hit.passages], abs=1e-4)


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_finds_what_it_finds_in_the_snapshot(
    memory: Gatherer, snapshot: Snapshot, text: str
) -> None:
    local = Searcher(snapshot, ALL)
    assert_same(gathered(memory, local, text).search(text).hits, local.search(text).hits)


@pytest.mark.parametrize("text", QUESTIONS)
def test_of_few_that_are_gathered_the_first_are_the_same(
    memory: Gatherer, snapshot: Snapshot, text: str
) -> None:
    """What was not gathered can't be fed back to, and so the last places may differ."""
    local = Searcher(snapshot, FEW)
    searcher = gathered(memory, local, text)
    assert len(searcher.snapshot) < len(snapshot) * 3 / 4
    assert_same(searcher.search(text, 5).hits, local.search(text, 5).hits)


@pytest.mark.parametrize("settings", [FEW, ALL], ids=["few", "all"])
@pytest.mark.parametrize("forgotten", [NOTHING, FORGOTTEN], ids=["nothing", "forgotten"])
@pytest.mark.parametrize(
    "name",
    [
        "since",
        "until",
        "between",
        "votes",
        "authors",
        "sections",
        "every section",
        "all that some have",
        "ids",
        "flags",
        "several",
    ],
)
def test_filters_leave_what_they_leave_of_the_snapshot(
    memory: Gatherer, snapshot: Snapshot, settings: SearchGroup, forgotten: Forgotten, name: str
) -> None:
    days = sorted(paper.date for paper in snapshot.papers() if paper.date)
    early, late = days[len(days) // 4], days[3 * len(days) // 4]
    sections = tuple(snapshot.sections.by_count())
    filters = {
        "since": Filters(since=late),
        "until": Filters(until=early),
        "between": Filters(since=early, until=late),
        "votes": Filters(min_votes=10),
        "authors": Filters(authors=("ASHISH  Vaswani", "Jacob Devlin")),
        "sections": Filters(sections=sections[:1]),
        "every section": Filters(sections=sections),
        "all that some have": Filters(sections=("Summary",)),
        "ids": Filters(ids=(*snapshot.ids[::4], "https://arxiv.org/abs/1706.03762v5", "none")),
        "flags": Filters(exclude_flags=("summary-mismatch", "duplicate-summary")),
        "several": Filters(min_votes=1, sections=sections[1:3], exclude_flags=("untranslated",)),
    }[name]
    local = Searcher(snapshot, settings, forgotten=forgotten)
    for text in QUESTIONS[:3]:
        wanted = local.search(text, 5, filters=filters).hits
        searcher = gathered(memory, local, text, filters, forgotten)
        assert_same(searcher.search(text, 5, filters=filters).hits, wanted)


@pytest.mark.parametrize("text", QUESTIONS)
def test_answers_are_those_of_the_snapshot(memory: Gatherer, snapshot: Snapshot, text: str) -> None:
    local = Searcher(snapshot, ALL)
    wanted, found = ask(local, text), ask(gathered(memory, local, text), text)
    assert found.answer == wanted.answer
    assert found.answerable == wanted.answerable
    assert found.confidence == pytest.approx(wanted.confidence, abs=1e-4)


def test_legs_that_are_off_are_not_asked(
    memory: Gatherer, tables: MemoryTables, snapshot: Snapshot
) -> None:
    local = Searcher(snapshot, ALL)
    local.weights = replace(local.weights, lexical=0.0, native=0.0, latent=0.0)
    tables.calls.clear()
    searcher = gathered(memory, local, QUESTIONS[0])
    searches = {call for call in tables.calls if call.startswith("search")}
    assert searches == {"search vector", "search title"}
    searcher.weights = local.weights
    wanted = local.search(QUESTIONS[0], 5).hits
    assert_same(searcher.search(QUESTIONS[0], 5).hits, wanted)


def test_papers_that_are_named_are_gathered(memory: Gatherer, snapshot: Snapshot) -> None:
    local = Searcher(snapshot, FEW)
    asked = Asked(local.weights, 30, 10)
    last = len(snapshot) - 1
    for row in (0, last):
        found = memory.gather(QUESTIONS[0], asked, [snapshot.ids[row], "none"])
        assert snapshot.ids[row] in found.ids


def test_rows_ascend_as_in_the_snapshot(memory: Gatherer, snapshot: Snapshot) -> None:
    """Of papers with equal scores the newer comes first, which is the one in the later row."""
    found = memory.gather(QUESTIONS[1], Asked(Searcher(snapshot).weights, 30, 10))
    rows = [snapshot.row_of(name) for name in found.ids]
    assert rows == sorted(rows, key=lambda row: -1 if row is None else row)


@pytest.mark.parametrize(
    ("broken", "leg"),
    [
        ("search terms", Leg.LEXICAL),
        ("search vector", Leg.DENSE),
        ("search title", Leg.DENSE),
        ("search latent", Leg.LATENT),
    ],
)
def test_a_leg_that_the_store_does_not_search_fails_and_the_others_answer(
    memory: Gatherer, tables: MemoryTables, snapshot: Snapshot, broken: str, leg: Leg
) -> None:
    local = Searcher(snapshot, ALL)
    tables.broken = {broken}
    try:
        searcher = gathered(memory, local, QUESTIONS[0])
    finally:
        tables.broken = set()
    found = searcher.search(QUESTIONS[0])
    assert {one for one, status in found.legs.items() if status is Status.FAILED} == {leg}
    weights = {
        Leg.LEXICAL: {"lexical": 0.0, "native": 0.0},
        Leg.DENSE: {"dense": 0.0, "title": 0.0},
        Leg.LATENT: {"latent": 0.0},
    }
    local.weights = replace(local.weights, **weights[leg])
    wanted = local.search(QUESTIONS[0])
    assert [hit.paper.id for hit in found.hits[:3]] == [hit.paper.id for hit in wanted.hits[:3]]


def test_an_encoder_that_fails_is_a_leg_that_fails(
    memory: Gatherer, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EncoderError("no encoder")

    with monkeypatch.context() as patch:
        patch.setattr("index.ahead.embedded", fail)
        patch.setattr("index.cluster.gathering.embedded", fail)
        found = gathered(memory, Searcher(snapshot, ALL), QUESTIONS[1]).search(QUESTIONS[1])
    assert found.legs[Leg.DENSE] is Status.FAILED
    assert found.legs[Leg.LEXICAL] is Status.OK
    assert found.hits


def test_a_store_that_is_gone_is_told(
    memory: Gatherer, tables: MemoryTables, snapshot: Snapshot
) -> None:
    tables.broken = {"all"}
    try:
        with pytest.raises(ClusterError, match="gone"):
            memory.gather("무엇", Asked(Searcher(snapshot).weights))
    finally:
        tables.broken = set()


def test_a_store_that_goes_while_a_question_is_searched_is_told(
    memory: Gatherer,
    tables: MemoryTables,
    snapshot: Snapshot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What one search of a leg found is nothing, where the leg's others failed."""
    search = tables.search

    def goes(table: str, field: str, query: Any, count: int, *more: Any) -> Any:
        if count > 1:
            raise ClusterError("the cluster is gone")
        return search(table, field, query, count, *more)

    monkeypatch.setattr(tables, "search", goes)
    with pytest.raises(ClusterError, match="gone"):
        memory.gather(QUESTIONS[0], Asked(Searcher(snapshot).weights))


@pytest.fixture(scope="module")
def milvus(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gatherer]:
    pytest.importorskip("milvus_lite")
    tables = open_tables(lite(tmp_path_factory.mktemp("lite")))
    yield gatherer(tables, snapshot, tmp_path_factory.mktemp("cache"))
    tables.close()


@pytest.mark.slow
@pytest.mark.parametrize("filters", [NO_FILTERS, Filters(min_votes=10)], ids=["all", "some"])
def test_through_milvus_it_is_the_same(
    milvus: Gatherer, snapshot: Snapshot, filters: Filters
) -> None:
    local = Searcher(snapshot, ALL)
    for text in QUESTIONS:
        wanted = local.search(text, filters=filters).hits
        assert_same(
            gathered(milvus, local, text, filters).search(text, filters=filters).hits, wanted
        )
