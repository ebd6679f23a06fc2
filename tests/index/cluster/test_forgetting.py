"""What is forgotten, in a cluster: a list of changes."""

from __future__ import annotations

import pytest

from index.cluster.forgetting import ClusterForgotten
from index.errors import ClusterError
from index.forgotten import NOTHING, Forgotten
from tests.index.cluster.memory import MemoryTables

SOME = Forgotten(frozenset({"1706.03762", "2401.00001"}), frozenset({"jacob devlin"}))
FEWER = Forgotten(frozenset({"2401.00001"}), frozenset({"kim"}))


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


def test_it_says_what_was_written_last(tables: MemoryTables) -> None:
    writer, reader = ClusterForgotten(tables, "nonmun"), ClusterForgotten(tables, "nonmun")
    for wanted in (NOTHING, SOME, FEWER, NOTHING, SOME):
        writer.write(wanted)
        assert reader.read() == reader.known == wanted
        assert ClusterForgotten(tables, "nonmun").read() == wanted


def test_only_what_is_new_is_written_and_read(tables: MemoryTables) -> None:
    writer, reader = ClusterForgotten(tables, "nonmun"), ClusterForgotten(tables, "nonmun")
    writer.write(SOME)
    reader.read()
    tables.calls.clear()
    writer.write(SOME)
    assert "insert" not in tables.calls
    writer.write(Forgotten(SOME.papers | {"new"}, SOME.authors))
    assert tables.count("nonmun_forgotten") == 4
    assert reader.read().papers == SOME.papers | {"new"}


def test_more_changes_than_the_store_gives_at_once_are_all_read(
    tables: MemoryTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    ClusterForgotten(tables, "nonmun").write(Forgotten(frozenset(map(str, range(25)))))
    look_up = tables.look_up
    monkeypatch.setattr("index.cluster.forgetting.MOST_FOUND", 10)
    monkeypatch.setattr(tables, "look_up", lambda *asked: look_up(*asked)[:10])
    assert len(ClusterForgotten(tables, "nonmun").read().papers) == 25


def test_a_list_that_is_not_there_or_cannot_be_read_is_not_empty(tables: MemoryTables) -> None:
    with pytest.raises(ClusterError, match="there is no nonmun_forgotten"):
        ClusterForgotten(tables, "nonmun").read()
    reader = ClusterForgotten(tables, "nonmun")
    reader.write(SOME)
    reader.read()
    tables.broken = {"look_up"}
    with pytest.raises(ClusterError, match="gone"):
        reader.read()
    assert reader.known == SOME


def test_a_name_that_does_not_fit_is_told(tables: MemoryTables) -> None:
    with pytest.raises(ClusterError, match="forgets no name as long as 'xxx"):
        ClusterForgotten(tables, "nonmun").write(Forgotten(authors=frozenset({"x" * 2_000})))
