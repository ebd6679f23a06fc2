"""Versions in a cluster: pushed whole or not at all, switched by one write, and dropped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from index.cluster.base import KEY, Field, FieldKind
from index.cluster.pushing import push
from index.cluster.versions import (
    FILES,
    KINDS,
    PAPERS,
    PARCELS,
    PART_BYTES,
    PASSAGES,
    ClusterVersions,
    bytes_of,
    file_rows,
    joined_files,
    texts_of,
)
from index.errors import ClusterError, SnapshotError, UnknownVersionError
from index.snapshot import Snapshot
from tests.index.cluster.memory import MemoryTables
from tests.index.cluster.pushed import renamed

A, B, C, D = ("a" * 12, "b" * 12, "c" * 12, "d" * 12)


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


@pytest.fixture
def versions(tables: MemoryTables) -> ClusterVersions:
    return ClusterVersions(tables, "nonmun")


def names_of(*versions: str) -> list[str]:
    return sorted(f"nonmun_{version}_{kind}" for version in versions for kind in KINDS)


class TestPush:
    def test_what_is_pushed_is_live_and_has_all_rows(
        self, versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot
    ) -> None:
        assert versions.live() is None
        assert push(snapshot, versions, 3) == []
        assert versions.live() == snapshot.version
        (pushed,) = versions.versions()
        assert (pushed.version, pushed.live) == (snapshot.version, True)
        assert (pushed.seal.papers, pushed.seal.passages) == (
            snapshot.manifest.papers,
            snapshot.manifest.passages,
        )
        counts = {kind: tables.count(versions.table(snapshot.version, kind)) for kind in KINDS}
        assert counts == {
            PAPERS: pushed.seal.papers,
            PASSAGES: pushed.seal.passages,
            PARCELS: pushed.seal.parcels,
            FILES: pushed.seal.parts + 1,
        }

    def test_the_switch_is_one_write_and_comes_last(
        self, versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot
    ) -> None:
        push(snapshot, versions, 3)
        writes = [call for call in tables.calls if call in {"create", "insert", "drop", "point"}]
        assert writes[-2:] == ["point", "point"]  # it is whole; it is live
        assert writes.count("point") == 2

    def test_the_same_version_is_not_written_twice(
        self, versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot
    ) -> None:
        push(snapshot, versions, 3)
        push(renamed(snapshot, B), versions, 3)
        tables.calls.clear()
        push(snapshot, versions, 3)
        assert versions.live() == snapshot.version
        assert not {"create", "insert", "drop"} & set(tables.calls)

    @pytest.mark.parametrize("fails", ["create", "insert", "finish", "count", "look_up", "point"])
    def test_one_that_dies_leaves_what_was_live_and_is_cleaned_by_the_next(
        self,
        versions: ClusterVersions,
        tables: MemoryTables,
        snapshot: Snapshot,
        monkeypatch: pytest.MonkeyPatch,
        fails: str,
    ) -> None:
        push(renamed(snapshot, A), versions, 3)
        with monkeypatch.context() as patch:
            _fail_after(patch, tables, fails, 3 if fails in {"create", "insert"} else 1)
            with pytest.raises(ClusterError, match="gone"):
                push(renamed(snapshot, B), versions, 3)
        assert versions.live() == A
        assert [one.version for one in versions.versions()] == [A]
        push(renamed(snapshot, C), versions, 3)
        assert versions.live() == C
        assert tables.names() == names_of(A, C)

    def test_one_that_is_whole_and_could_not_be_switched_to_is_there(
        self,
        versions: ClusterVersions,
        tables: MemoryTables,
        snapshot: Snapshot,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        push(renamed(snapshot, A), versions, 3)
        with monkeypatch.context() as patch:
            _fail_after(patch, tables, "point", 2)
            with pytest.raises(ClusterError, match="gone"):
                push(renamed(snapshot, B), versions, 3)
        assert versions.live() == A
        tables.calls.clear()
        push(renamed(snapshot, B), versions, 3)
        assert versions.live() == B
        assert "insert" not in tables.calls

    def test_nothing_is_deleted_because_the_store_does_not_reply(
        self, versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot
    ) -> None:
        push(renamed(snapshot, A), versions, 3)
        push(renamed(snapshot, B), versions, 3)
        for broken in ("target", "load", "look_up", "names"):
            tables.broken = {broken}
            with pytest.raises(ClusterError, match="gone"):
                push(renamed(snapshot, C), versions, 1)
        tables.broken = set()
        assert {one.version for one in versions.versions()} == {A, B}

    def test_rows_that_got_lost_are_noticed(
        self,
        versions: ClusterVersions,
        tables: MemoryTables,
        snapshot: Snapshot,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        push(renamed(snapshot, A), versions, 3)
        insert = tables.insert

        def lose(table: str, columns: dict[str, Sequence[Any]]) -> None:
            least = {name: values[1:] for name, values in columns.items()}
            insert(table, least if table.endswith(PASSAGES) else columns)

        monkeypatch.setattr(tables, "insert", lose)
        count = snapshot.manifest.passages
        wanted = rf"_{PASSAGES} has {count - 1} rows in the cluster, and was given {count}"
        with pytest.raises(ClusterError, match=wanted):
            push(renamed(snapshot, B), versions, 3)
        assert versions.live() == A

    def test_another_paper_than_was_sent_is_noticed(
        self,
        versions: ClusterVersions,
        tables: MemoryTables,
        snapshot: Snapshot,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        insert = tables.insert

        def swap(table: str, columns: dict[str, Sequence[Any]]) -> None:
            if table.endswith(PARCELS):
                columns = {**columns, "data": list(reversed(columns["data"]))}
            insert(table, columns)

        monkeypatch.setattr(tables, "insert", swap)
        with pytest.raises(ClusterError, match="has another paper in row 0"):
            push(snapshot, versions, 3)
        assert versions.live() is None

    def test_a_broken_snapshot_is_not_pushed(
        self, versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
    ) -> None:
        broken = renamed(snapshot, A)
        broken.folder, broken.compared = tmp_path, False
        with pytest.raises(SnapshotError):
            push(broken, versions, 3)
        assert tables.names() == []


class TestOldOnes:
    def test_the_oldest_go(
        self, versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot
    ) -> None:
        gone = [push(renamed(snapshot, one), versions, 2) for one in (D, C, B, A)]
        assert gone == [[], [], [D], [C]]
        assert [one.version for one in versions.versions()] == [A, B]
        assert tables.names() == names_of(A, B)

    def test_the_live_one_stays_however_old_it_is(
        self, versions: ClusterVersions, snapshot: Snapshot
    ) -> None:
        for one in (A, B, C):
            push(renamed(snapshot, one), versions, 3)
        versions.activate(A)
        assert versions.retire(1) == [C, B]
        assert versions.live() == A

    def test_the_one_that_services_have_not_left_yet_stays(
        self, versions: ClusterVersions, snapshot: Snapshot
    ) -> None:
        for one in (A, B, C):
            push(renamed(snapshot, one), versions, 3)
        versions.activate(B)
        assert push(renamed(snapshot, A), versions, 2) == [C]
        assert push(renamed(snapshot, D), versions, 1) == [B]
        assert {one.version for one in versions.versions()} == {A, D}

    def test_only_the_live_one_and_the_one_before_take_memory(
        self, versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot
    ) -> None:
        for one in (A, B, C):
            push(renamed(snapshot, one), versions, 3)
        loaded = {name for name in tables.ready if not name.endswith(FILES)}
        wanted = {name for name in names_of(B, C) if not name.endswith(FILES)}
        assert loaded == wanted
        assert {one.version for one in versions.versions()} == {A, B, C}

    def test_going_back_and_forward(self, versions: ClusterVersions, snapshot: Snapshot) -> None:
        for one in (A, B):
            push(renamed(snapshot, one), versions, 3)
        versions.activate(A)
        assert versions.live() == A
        assert [(one.version, one.live) for one in versions.versions()] == [(B, False), (A, True)]
        versions.activate(B)
        assert versions.live() == B

    def test_what_is_not_there_or_half_written_does_not_become_live(
        self, versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot
    ) -> None:
        push(renamed(snapshot, A), versions, 3)
        push(renamed(snapshot, B), versions, 3)
        tables.unpoint(f"nonmun_{A}")
        with pytest.raises(UnknownVersionError, match=f"no version '{C}'.*there are: {B}"):
            versions.activate(C)
        with pytest.raises(ClusterError, match=f"version {A} is half-written in the cluster"):
            versions.activate(A)
        assert versions.live() == B

    def test_tables_of_others_are_left_alone(
        self, versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot
    ) -> None:
        for name in (
            f"other_{A}_papers",
            "nonmun_notes",
            f"nonmun_{A}_others",
            f"nonmun_x{A}_files",
        ):
            tables.create(name, [Field("text", FieldKind.TEXT, 10)])
        for one in (D, B, C):
            push(renamed(snapshot, one), versions, 2)
        assert len(tables.names()) == 4 + 2 * len(KINDS)

    def test_two_prefixes_do_not_see_each_other(
        self, versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot
    ) -> None:
        other = ClusterVersions(tables, "test")
        push(renamed(snapshot, A), versions, 1)
        push(renamed(snapshot, B), other, 1)
        assert (versions.live(), other.live()) == (A, B)

    def test_a_name_that_points_elsewhere_is_told(
        self, versions: ClusterVersions, tables: MemoryTables
    ) -> None:
        tables.create("nonmun_notes", [Field("text", FieldKind.TEXT, 10)])
        tables.point("nonmun_live", "nonmun_notes")
        with pytest.raises(ClusterError, match="nonmun_live points at nonmun_notes"):
            versions.live()

    def test_another_format_is_told_and_not_deleted(
        self,
        versions: ClusterVersions,
        tables: MemoryTables,
        snapshot: Snapshot,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        push(renamed(snapshot, A), versions, 3)
        monkeypatch.setattr("index.cluster.versions.FORMAT", 2)
        monkeypatch.setattr("index.cluster.pushing.FORMAT", 2)
        with pytest.raises(ClusterError, match="has format 1 in the cluster, this nonmun reads 2"):
            versions.seal_of(A)
        push(renamed(snapshot, B), versions, 3)
        assert tables.names() == names_of(A, B)


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1])
def test_bytes_come_back_from_texts_that_fit(size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    texts = texts_of(content)
    assert all(len(text.encode()) <= 65_535 for text in texts)
    assert bytes_of(texts) == content
    files = {"one": content, "two": b"2"}
    columns = file_rows(files, first=7)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert [row[KEY] for row in rows] == list(range(7, 7 + len(rows)))
    assert joined_files(rows) == files


def _fail_after(patch: pytest.MonkeyPatch, tables: MemoryTables, method: str, times: int) -> None:
    """Let a method fail when it is called so often with what belongs to version B."""
    real, left = getattr(tables, method), [times]

    def call(*args: Any) -> Any:
        if B in str(args[:2]):
            left[0] -= 1
            if not left[0]:
                raise ClusterError("the cluster is gone")
        return real(*args)

    patch.setattr(tables, method, call)
