"""Which files of a snapshot are compared with their checksums, and when."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from index import verifying
from index.errors import SnapshotError
from index.manifest import LAYOUT, Manifest, read_manifest
from index.snapshot import Snapshot
from index.store import Store
from index.verifying import verify_files, verify_opening, verify_slowly

VECTORS, VOTES = "vectors.npy", LAYOUT.votes  # a large file and a small one


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    """A copy of a published snapshot."""
    data = tmp_path / "copy"
    shutil.copytree(store.folder, data)
    return Store(data).open_live().folder


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the snapshot were large, and its vectors a large file."""
    monkeypatch.setattr(verifying, "WHOLE", 50_000)
    monkeypatch.setattr(verifying, "SMALL", 20_000)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def slowly(folder: Path, manifest: Manifest) -> None:
    verify_slowly(folder, manifest, threading.Event())


@pytest.mark.usefixtures("large")
def test_one_of_the_files_is_large_and_one_is_small(folder: Path) -> None:
    assert (folder / VECTORS).stat().st_size > verifying.SMALL
    assert (folder / VOTES).stat().st_size < verifying.SMALL


def test_all_of_a_small_snapshot_is_compared_at_opening(folder: Path) -> None:
    assert verify_opening(folder, read_manifest(folder))
    assert Snapshot.open(folder).compared
    flip(folder / VECTORS)
    with pytest.raises(SnapshotError, match=f"{VECTORS} is broken: its checksum differs"):
        Snapshot.open(folder)


@pytest.mark.usefixtures("large")
class TestLarge:
    def test_only_small_files_are_compared_at_opening(self, folder: Path) -> None:
        flip(folder / VECTORS)
        assert not verify_opening(folder, read_manifest(folder))
        assert not Snapshot.open(folder).compared
        flip(folder / VOTES)
        with pytest.raises(SnapshotError, match=f"{VOTES} is broken: its checksum differs"):
            Snapshot.open(folder)

    def test_of_every_file_the_size_is(self, folder: Path) -> None:
        with (folder / VECTORS).open("ab") as file:
            file.write(b"\0")
        with pytest.raises(SnapshotError, match=f"{VECTORS} is broken: [0-9]+ bytes, not"):
            Snapshot.open(folder)

    def test_the_rest_is_compared_once_when_it_is_asked_for(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        snapshot = Snapshot.open(folder)
        assert snapshot.compare() is snapshot
        assert snapshot.compared
        flip(folder / VECTORS)
        snapshot.compare()
        with pytest.raises(SnapshotError, match=VECTORS):
            Snapshot.open(folder).compare()

    def test_a_store_opens_versions_whole_or_not(self, folder: Path) -> None:
        store = Store(folder.parents[1])
        assert not store.open_live().compared
        assert store.open_live(whole=True).compared
        assert store.open_whole(folder.name).compared
        flip(folder / VECTORS)
        assert store.open_best().complaint is None
        for open_it in (
            lambda: store.open_best(whole=True),
            lambda: store.open_live(whole=True),
            lambda: store.open_whole(folder.name),
            lambda: store.activate(folder.name),
        ):
            with pytest.raises(SnapshotError, match=VECTORS):
                open_it()


@pytest.mark.parametrize("verify", [verify_files, slowly])
@pytest.mark.parametrize("name", [VECTORS, VOTES])
def test_every_file_is_compared(
    folder: Path, name: str, verify: Callable[[Path, Manifest], None]
) -> None:
    manifest = read_manifest(folder)
    verify(folder, manifest)
    flip(folder / name)
    with pytest.raises(SnapshotError, match=f"{name} is broken: its checksum differs"):
        verify(folder, manifest)
    (folder / name).unlink()
    with pytest.raises(SnapshotError, match=f"{name} can't be read: No such file"):
        verify(folder, manifest)


def test_files_of_many_pieces_are_compared_slowly(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "_CHUNK", 1_000)
    slowly(folder, read_manifest(folder))


def test_whoever_is_told_to_stop_says_nothing(folder: Path) -> None:
    flip(folder / VECTORS)
    stop = threading.Event()
    stop.set()
    verify_slowly(folder, read_manifest(folder), stop)
