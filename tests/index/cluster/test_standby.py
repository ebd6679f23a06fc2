"""Papers that a service keeps answer by their words when the store is gone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from index.cluster import ClusterSettings
from index.cluster.gathering import Gatherer
from index.cluster.pushing import push
from index.cluster.standby import Standby
from index.cluster.store import ClusterStore
from index.cluster.versions import ClusterVersions
from index.elsewhere import Asked
from index.errors import ClusterError
from index.forgotten import Forgotten
from index.scoring import Leg
from index.snapshot import Snapshot
from rag.answer import ask
from rag.citing import AnswerKind
from rag.filters import Filters
from rag.legs import Status
from rag.search import Searcher
from rag.settings import SearchGroup, WeightsGroup
from tests.index.cluster.memory import MemoryTables
from tests.index.cluster.pushed import KEEP, another, read

QUESTION = "검색 증강 생성에서 환각을 줄이는 방법"
SETTINGS = SearchGroup()
BY_WORDS = SearchGroup(weights=WeightsGroup(dense=0, title=0))
GONE = ClusterError("nobody is there")


@pytest.fixture
def tables(snapshot: Snapshot) -> MemoryTables:
    tables = MemoryTables()
    push(snapshot, ClusterVersions(tables, "nonmun"), KEEP)
    return tables


def ready(standby: Standby) -> Snapshot:
    ends = time.monotonic() + 10
    while True:
        try:
            return standby.snapshot(GONE)
        except ClusterError:
            assert time.monotonic() < ends
            time.sleep(0.01)


def gatherer(tables: MemoryTables, snapshot: Snapshot, folder: Path, most: int = 1_000) -> Gatherer:
    reader = read(ClusterVersions(tables, "nonmun"), snapshot, folder)
    standby = Standby(reader, most)
    ready(standby)
    return Gatherer(reader, ThreadPoolExecutor(6), standby)


def searcher(gatherer: Gatherer, local: Searcher, forgotten: Forgotten | None = None) -> Searcher:
    gathered = gatherer.gather(QUESTION, Asked(local.weights))
    return Searcher(gathered, SETTINGS, forgotten=forgotten or local.forgotten)


@pytest.fixture
def local(snapshot: Snapshot) -> Searcher:
    return Searcher(snapshot, SETTINGS)


class TestAStoreThatIsGone:
    def test_words_alone_find_what_they_find_in_the_files(
        self, tables: MemoryTables, snapshot: Snapshot, local: Searcher, tmp_path: Path
    ) -> None:
        gathering = gatherer(tables, snapshot, tmp_path)
        tables.broken.add("all")
        here = searcher(gathering, local)
        found = here.search(QUESTION)
        assert [leg for leg, status in found.legs.items() if status is Status.FAILED] == [Leg.DENSE]
        wanted = Searcher(snapshot, BY_WORDS).search(QUESTION)
        assert [hit.paper for hit in found.hits] == [hit.paper for hit in wanted.hits]
        assert found.hits[0].passages[0].highlights

    @pytest.mark.parametrize(
        ("question", "kind"),
        [(QUESTION, AnswerKind.EXTRACTIVE), ("xylophone repair in Reykjavik", AnswerKind.NONE)],
    )
    def test_a_question_is_answered_or_is_not(
        self,
        tables: MemoryTables,
        snapshot: Snapshot,
        local: Searcher,
        tmp_path: Path,
        question: str,
        kind: AnswerKind,
    ) -> None:
        gathering = gatherer(tables, snapshot, tmp_path)
        tables.broken.add("all")
        found = ask(searcher(gathering, local), question).answer
        assert found.kind is kind
        assert found == ask(Searcher(snapshot, BY_WORDS), question).answer

    def test_filters_and_what_is_forgotten_hold(
        self, tables: MemoryTables, snapshot: Snapshot, local: Searcher, tmp_path: Path
    ) -> None:
        gathering = gatherer(tables, snapshot, tmp_path)
        tables.broken.add("all")
        first = searcher(gathering, local).search(QUESTION).hits[0].paper
        forgotten = Forgotten(frozenset({first.id}), frozenset())
        here = searcher(gathering, local, forgotten)
        assert first.id not in [hit.paper.id for hit in here.search(QUESTION).hits]
        filters = Filters(min_votes=30)
        found = here.search(QUESTION, filters=filters).hits
        assert found
        assert all((hit.paper.votes or 0) >= 30 for hit in found)

    def test_the_newest_papers_are_kept_and_others_are_not_denied(
        self, tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
    ) -> None:
        gathering = gatherer(tables, snapshot, tmp_path, most=5)
        tables.broken.add("all")
        assert gathering.papers(snapshot.ids[-1:]).ids == snapshot.ids[-5:]
        assert gathering.papers([f"https://arxiv.org/abs/{snapshot.ids[-2]}v2"]).ids
        with pytest.raises(ClusterError, match="gone"):
            gathering.papers([snapshot.ids[0]])

    def test_without_it_there_is_no_answer(
        self, tables: MemoryTables, snapshot: Snapshot, local: Searcher, tmp_path: Path
    ) -> None:
        reader = read(ClusterVersions(tables, "nonmun"), snapshot, tmp_path)
        tables.broken.add("all")
        with pytest.raises(ClusterError, match="gone"):
            searcher(Gatherer(reader, ThreadPoolExecutor(6)), local)


class TestKept:
    def test_what_is_in_the_cache_is_not_read_again(
        self, tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
    ) -> None:
        reader = read(ClusterVersions(tables, "nonmun"), snapshot, tmp_path)
        wanted = ready(Standby(reader, 10)).ids
        tables.broken.add("look_up")
        assert ready(Standby(reader, 10)).ids == wanted == snapshot.ids[-10:]

    @pytest.mark.parametrize("content", [b"", b"x" * 100], ids=["empty", "something else"])
    def test_what_is_broken_is_read_again(
        self, tables: MemoryTables, snapshot: Snapshot, tmp_path: Path, content: bytes
    ) -> None:
        reader = read(ClusterVersions(tables, "nonmun"), snapshot, tmp_path)
        ready(Standby(reader, 10))
        (kept,) = tmp_path.rglob("standby.msgpack")
        whole = kept.read_bytes()
        kept.write_bytes(content)
        assert ready(Standby(reader, 10)).ids == snapshot.ids[-10:]
        assert kept.read_bytes() == whole

    def test_another_number_of_papers_is_read_anew(
        self, tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
    ) -> None:
        reader = read(ClusterVersions(tables, "nonmun"), snapshot, tmp_path)
        ready(Standby(reader, 10))
        assert ready(Standby(reader, 12)).ids == snapshot.ids[-12:]

    def test_it_is_tried_again_when_the_store_was_gone(
        self,
        tables: MemoryTables,
        snapshot: Snapshot,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("index.cluster.standby._RETRY_S", 0.05)
        reader = read(ClusterVersions(tables, "nonmun"), snapshot, tmp_path)
        tables.broken.add("look_up")
        standby = Standby(reader, 10)
        time.sleep(0.2)
        with pytest.raises(ClusterError, match="nobody"):
            standby.snapshot(GONE)
        tables.broken.clear()
        assert ready(standby).ids == snapshot.ids[-10:]


def test_files_of_versions_that_are_gone_are_deleted(
    tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    store = ClusterStore(ClusterSettings(uri="memory"), cache, lambda _: tables)
    store.open_live()
    (cache / "notes").mkdir()
    other = another(snapshot, tmp_path / "another")
    push(other, ClusterVersions(tables, "nonmun"), 2)
    store.open_live()
    assert {path.name for path in cache.iterdir()} == {snapshot.version, other.version, "notes"}
    third = another(snapshot, tmp_path / "third")
    push(third, ClusterVersions(tables, "nonmun"), 2)
    store.open_live()
    assert {path.name for path in cache.iterdir()} == {other.version, third.version, "notes"}
    store.close()


def test_files_of_a_version_that_comes_meanwhile_are_left(
    tables: MemoryTables, snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process of the service may be about to open it."""
    cache, newer = tmp_path / "cache", "f" * 12
    store = ClusterStore(ClusterSettings(uri="memory"), cache, lambda _: tables)
    names = tables.names

    def others_come() -> list[str]:
        listed = names()
        (cache / newer).mkdir(exist_ok=True)
        return listed

    monkeypatch.setattr(tables, "names", others_come)
    store.open_live()
    assert (cache / newer).is_dir()
    store.close()
