"""A version of a cluster, opened: files in a cache, papers when they are asked for."""

from __future__ import annotations

import base64
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from index.cluster.base import KEY, Condition, Field, FieldKind, Relation
from index.cluster.pushing import push
from index.cluster.reading import Reader
from index.cluster.versions import (
    FILES,
    PARCELS,
    PASSAGES,
    ClusterVersions,
    file_rows,
    joined_files,
)
from index.errors import ClusterError, EncoderError, SnapshotError
from index.snapshot import Snapshot
from tests.index.cluster.memory import MemoryTables
from tests.index.cluster.pushed import read, renamed


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


@pytest.fixture
def versions(tables: MemoryTables, snapshot: Snapshot) -> ClusterVersions:
    versions = ClusterVersions(tables, "nonmun")
    push(snapshot, versions, 3)
    return versions


def test_papers_are_read_as_they_were_pushed(
    versions: ClusterVersions, snapshot: Snapshot, tmp_path: Path
) -> None:
    rows = [0, 3, len(snapshot) - 1]
    some = read(versions, snapshot, tmp_path).snapshot(rows)
    assert [some.paper(at) for at in range(3)] == [snapshot.paper(row) for row in rows]
    passages = [some.passage(row) for row in range(len(some.owners))]
    wanted = [snapshot.passage(one) for row in rows for one in snapshot.passages_of(row)]
    assert passages == wanted
    for at, row in enumerate(rows):
        assert some.words_of(at) == snapshot.words_of(row)
        assert some.lexicon.title_terms(at) == snapshot.lexicon.title_terms(row)
    own = [one for row in rows for one in snapshot.passages_of(row)]
    assert (some.vectors.vectors == snapshot.vectors.vectors[own]).all()
    assert some.titles is not None
    assert snapshot.titles is not None
    assert (some.titles == snapshot.titles[rows]).all()
    assert some.tokens is not None
    assert snapshot.tokens is not None
    texts = [*own, *(len(snapshot.owners) + row for row in rows)]
    for at, text in enumerate(texts):
        assert (some.tokens.coded(at).codes == snapshot.tokens.coded(text).codes).all()
        assert (some.tokens.coded(at).spans == snapshot.tokens.coded(text).spans).all()


def test_files_are_fetched_once_and_papers_are_kept(
    versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
) -> None:
    first = read(versions, snapshot, tmp_path)
    tables.calls.clear()
    read(versions, snapshot, tmp_path)
    assert tables.calls.count("look_up") == 1  # the seal
    first.snapshot([1, 2])
    tables.calls.clear()
    first.snapshot([1, 2])
    assert tables.calls == []


def test_a_file_of_the_cache_that_was_changed_is_fetched_again(
    versions: ClusterVersions, snapshot: Snapshot, tmp_path: Path
) -> None:
    read(versions, snapshot, tmp_path)
    path = tmp_path / snapshot.version / "glossary.json"
    path.write_bytes(b"[]")
    again = read(versions, snapshot, tmp_path)
    assert again.known.glossary.entries == snapshot.glossary.entries
    assert path.read_bytes() == (snapshot.folder / "glossary.json").read_bytes()


def test_a_file_that_is_broken_in_the_cluster_is_told(
    versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
) -> None:
    columns = tables.columns[versions.table(snapshot.version, FILES)]
    columns["data"][columns["name"].index("glossary.json")] = base64.b64encode(b"[]").decode()
    with pytest.raises(ClusterError, match=r"glossary\.json of version .* is broken in the"):
        read(versions, snapshot, tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cluster/labels.json", b'{"papers": 45}'),
        ("cluster/labels.json", b"[" * 100_000),
        ("glossary.json", b'[{"korean": 1}]'),
    ],
)
def test_a_file_that_holds_something_else_is_told(
    versions: ClusterVersions, snapshot: Snapshot, tmp_path: Path, name: str, content: bytes
) -> None:
    _write(versions, snapshot, {name: content})
    with pytest.raises((ClusterError, SnapshotError), match=r"is broken|can't be"):
        read(versions, snapshot, tmp_path)


@pytest.mark.parametrize("name", ["../../there", "/there", "in/../../there", "the\0re", ""])
def test_a_name_that_is_no_file_of_a_version_is_refused(
    versions: ClusterVersions, snapshot: Snapshot, tmp_path: Path, name: str
) -> None:
    _write(versions, snapshot, {name: b"from elsewhere"})
    with pytest.raises(ClusterError, match="is no file of a version"):
        read(versions, snapshot, tmp_path / "cache")
    assert not list(tmp_path.rglob("there"))


def test_a_seal_that_says_more_than_there_is_is_told_at_once(
    versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
) -> None:
    _write(versions, snapshot, {}, parts=10**15)
    tables.calls.clear()
    with pytest.raises(ClusterError, match=r"_files has .* parts"):
        read(versions, snapshot, tmp_path)
    assert tables.calls.count("look_up") <= 3


def _write(
    versions: ClusterVersions, snapshot: Snapshot, files: dict[str, bytes], **more: int
) -> None:
    """Put files into a version, as who pushes something else would."""
    name, tables = versions.table(snapshot.version, FILES), versions.tables
    seal = versions.seal_of(snapshot.version)
    rows = tables.look_up(name, [Condition(KEY, Relation.AT_LEAST, [1])], ["name", "data"])
    held = joined_files(rows) | files
    fields = tables.fields(name)
    assert isinstance(tables, MemoryTables)
    tables.drop(name)
    tables.create(name, fields)
    tables.insert(name, file_rows(held, 1))
    tables.finish(name)
    facts = {one: {"bytes": len(c), "sha256": sha256(c).hexdigest()} for one, c in held.items()}
    parts = tables.count(name)
    versions.seal(
        snapshot.version, msgspec.structs.replace(seal, files=facts, **{"parts": parts, **more})
    )


def test_a_paper_that_is_gone_or_broken_is_told(
    versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
) -> None:
    reader = read(versions, snapshot, tmp_path)
    columns = tables.columns[versions.table(snapshot.version, PARCELS)]
    columns["data"][4] = base64.b64encode(b"nothing").decode()
    columns["paper"][5] = 10_000
    for row in (4, 5):
        with pytest.raises(ClusterError, match=f"has no paper in row {row}; push it again"):
            reader.snapshot([row])


def test_vectors_of_another_dimension_are_told(
    versions: ClusterVersions, tables: MemoryTables, snapshot: Snapshot, tmp_path: Path
) -> None:
    name = versions.table(snapshot.version, PASSAGES)
    tables.schemas[name] = [Field("vector", FieldKind.DENSE, 3)]
    wanted = snapshot.manifest.dimension
    with pytest.raises(ClusterError, match=f"vectors of 3 dimensions .* has {wanted}; push it"):
        read(versions, snapshot, tmp_path)


def test_another_encoder_than_made_the_vectors_is_told(
    versions: ClusterVersions,
    snapshot: Snapshot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("index.snapshot.open_encoder", lambda _: SimpleNamespace(fingerprint="new"))
    with pytest.raises(EncoderError, match=r"was built with the encoder .*, the one here is new"):
        Reader(versions, snapshot.version, tmp_path)


def test_a_version_that_is_not_there_is_told(
    versions: ClusterVersions, snapshot: Snapshot, tmp_path: Path
) -> None:
    with pytest.raises(ClusterError, match="version 000000000000 is half-written"):
        Reader(versions, "0" * 12, tmp_path, snapshot)


def test_a_cache_that_cannot_be_written_is_told(
    versions: ClusterVersions, snapshot: Snapshot, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ClusterError, match=r"can't write .*not a directory"):
        read(versions, snapshot, tmp_path / "file")


def test_tables_that_hold_another_version_are_told(
    versions: ClusterVersions, snapshot: Snapshot, tmp_path: Path
) -> None:
    other = renamed(snapshot, "a" * 12)
    push(other, versions, 3)
    wanted = f"version {'a' * 12} in the cluster holds version {snapshot.version}"
    with pytest.raises(ClusterError, match=wanted):
        read(versions, other, tmp_path)
