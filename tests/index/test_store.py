"""Published snapshots: what is refused, what is live, going back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from index.errors import EncoderError, SnapshotError
from index.snapshot import Snapshot
from index.store import Store


@pytest.fixture
def copy(store: Store, tmp_path: Path) -> Store:
    """A store of its own, to break."""
    shutil.copytree(store.folder, tmp_path / "copy")
    return Store(tmp_path / "copy")


def _live(store: Store) -> Path:
    return store.open_live().folder


def _files() -> list[str]:
    return [
        "papers.bin",
        "papers.offsets.npy",
        "ids.json",
        "votes.npy",
        "passages.npy",
        "sentences.npy",
        "sentences.offsets.npy",
        "titles.npy",
        "moments.npy",
        "vectors.npy",
        "authors.names.bin",
        "authors.names.offsets.npy",
        "authors.npy",
        "authors.offsets.npy",
        "lexical/vocabulary.json",
        "lexical/terms.npy",
        "lexical/papers/data.csc.index.npy",
        "lexical/passages/indices.csc.index.npy",
        "lexical/passages/params.index.json",
    ]


def test_the_manifest_lists_every_file(store: Store) -> None:
    folder = _live(store)
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(store.open_live().manifest.files) == there - {"manifest.json", "report.json"}
    assert set(_files()) <= there


@pytest.mark.parametrize("name", _files())
@pytest.mark.parametrize("harm", ["flip", "truncate", "delete", "lengthen"])
def test_a_broken_file_is_refused_by_name(copy: Store, name: str, harm: str) -> None:
    path = _live(copy) / name
    data = path.read_bytes()
    if harm == "flip":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    elif harm == "truncate":
        path.write_bytes(data[:-1])
    elif harm == "lengthen":
        path.write_bytes(data + b"\0")
    else:
        path.unlink()
    with pytest.raises(SnapshotError, match=path.name):
        copy.open_live()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', "null", "\0"])
def test_a_broken_manifest_is_refused_by_name(copy: Store, text: str) -> None:
    (_live(copy) / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(SnapshotError, match=r"manifest\.json"):
        copy.open_live()


def test_a_manifest_that_was_changed_is_refused(copy: Store) -> None:
    path = _live(copy) / "manifest.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    values["dimension"] += 1
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(SnapshotError, match="its contents are not those of"):
        copy.open_live()


def test_a_newer_format_is_refused_with_what_to_do(copy: Store) -> None:
    path = _live(copy) / "manifest.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**values, "format": 99}), encoding="utf-8")
    with pytest.raises(SnapshotError, match=r"format 99.*build again"):
        copy.open_live()


def test_an_empty_store_says_which_command_fills_it(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="nonmun build SOURCE"):
        Store(tmp_path).open_live()
    assert Store(tmp_path / "nowhere").versions() == []


def test_an_encoder_that_is_another_by_now_is_refused(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Snapshot(snapshot.folder, snapshot.manifest)
    monkeypatch.setattr("index.encoders.universal.ARITHMETIC", "changed")
    with pytest.raises(EncoderError, match="--full"):
        _ = again.encoder


def _build(store: Store, folder: Path, text: str) -> str:
    from index.build import build

    folder.mkdir(exist_ok=True)
    (folder / "2024-01-01.md").write_text(
        f"### [T](https://arxiv.org/abs/2401.00001)\n\n- **What's New**: {text}\n", encoding="utf-8"
    )
    return build([folder], store).version


def test_versions_are_listed_newest_first_and_can_be_gone_back_to(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    one = _build(store, tmp_path / "d", "하나")
    two = _build(store, tmp_path / "d", "둘")
    listed = store.versions()
    assert {version.version for version in listed} == {one, two}
    assert [version.version for version in listed if version.live] == [two]
    assert all(version.size > 0 and version.built for version in listed)
    store.activate(one)
    assert store.open_live().passage(0).text == "하나"
    store.activate(two)
    assert store.open_live().passage(0).text == "둘"


def test_building_the_same_again_publishes_the_version_that_is_there(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    one = _build(store, tmp_path / "d", "하나")
    inode = (tmp_path / "data" / "versions" / one).stat().st_ino
    assert _build(store, tmp_path / "d", "하나") == one == store.live()
    assert (tmp_path / "data" / "versions" / one).stat().st_ino == inode


def test_a_version_that_is_not_there_changes_nothing(copy: Store) -> None:
    live = copy.live()
    for name in ("abc", "../versions", "", "x/y", "."):
        with pytest.raises(SnapshotError):
            copy.activate(name)
    assert copy.live() == live


def test_a_broken_version_cannot_be_made_live(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    one = _build(store, tmp_path / "d", "하나")
    two = _build(store, tmp_path / "d", "둘")
    (store.folder / "versions" / one / "votes.npy").unlink()
    with pytest.raises(SnapshotError, match=r"votes\.npy"):
        store.activate(one)
    assert store.live() == two


def test_a_second_build_at_once_is_refused(copy: Store) -> None:
    with (
        FileLock(copy.folder / "build.lock"),
        pytest.raises(SnapshotError, match="another build is running"),
        copy.staging(),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    with pytest.raises(SnapshotError, match="can't write"), Store(tmp_path / "file").staging():
        pass


def test_an_open_snapshot_survives_that_another_is_published(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    _build(store, tmp_path / "d", "하나")
    held = store.open_live()
    _build(store, tmp_path / "d", "둘")
    assert held.passage(0).text == "하나"
    assert store.open_live().passage(0).text == "둘"


def test_a_copy_of_a_version_under_another_name_is_none(copy: Store) -> None:
    live = copy.live()
    assert live
    shutil.copytree(copy.folder / "versions" / live, copy.folder / "versions" / "copied")
    assert [version.version for version in copy.versions()] == [live]
    with pytest.raises(SnapshotError, match="no version 'copied'"):
        copy.activate("copied")
    (copy.folder / "live").write_text("copied", encoding="utf-8")
    with pytest.raises(SnapshotError, match=f"holds version {live}"):
        copy.open_live()


@pytest.mark.parametrize("report", ["", "[]", '{"finished": "soon"}', '{"finished": 3}'])
def test_a_broken_report_hides_no_version(copy: Store, report: str) -> None:
    (_live(copy) / "report.json").write_text(report, encoding="utf-8")
    (version,) = copy.versions()
    assert version.built is None
