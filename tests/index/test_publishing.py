"""What publishing promises: names change last, durably, and nobody sees half of a version."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from index.build import build
from index.digests import Reading
from index.errors import SnapshotError
from index.leases import take
from index.manifest import LAYOUT
from index.report import Report
from index.snapshot import Snapshot
from index.store import Store
from tests.quick_encoder import Publish

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    folder = tmp_path / "digests"
    folder.mkdir()
    return folder


def _folder(store: Store, version: str) -> Path:
    return store.folder / "versions" / version


class TestDurably:
    """A power cut can't be had here; what is written down before what, can."""

    @pytest.fixture
    def events(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
        """Each file or folder that was made durable, and each new name, in order."""
        found: list[tuple[str, str]] = []
        fsync = os.fsync
        data = store.folder

        def inside(path: Path | str) -> str:
            # What becomes the pointer may have a name that nobody else has.
            return re.sub(r"^live\..*new$", "live.new", os.path.relpath(path, data))

        def synced(handle: int) -> None:
            found.append(("sync", inside(Path(f"/proc/self/fd/{handle}").readlink())))
            fsync(handle)

        def wrap(name: str) -> None:
            change = getattr(Path, name)

            def changed(path: Path, target: Path) -> Any:
                done = change(path, target)
                found.append(("name", inside(target)))
                return done

            monkeypatch.setattr(Path, name, changed)

        monkeypatch.setattr(os, "fsync", synced)
        for name in ("rename", "replace"):
            wrap(name)
        return found

    @pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names are read from /proc")
    def test_a_version_is_before_it_has_its_name_and_before_it_is_live(
        self, store: Store, publish: Publish, events: list[tuple[str, str]]
    ) -> None:
        version = publish("가")
        named = events.index(("name", f"versions/{version}"))
        live = events.index(("name", "live"))
        before = {path for kind, path in events[:named] if kind == "sync"}
        (staged,) = {path.split("/")[0] for path in before if path.startswith("staging-")}
        folder = _folder(store, version)
        parts = [path for path in folder.rglob("*") if path.is_file() or path.is_dir()]
        assert before >= {staged, *(f"{staged}/{path.relative_to(folder)}" for path in parts)}
        # The version's name, then what the pointer says, then the pointer's name.
        assert named < events.index(("sync", "versions")) < live
        assert named < events.index(("sync", "live.new")) < live
        assert ("sync", ".") in events[live:]

    @pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names are read from /proc")
    def test_going_back_is(
        self, store: Store, publish: Publish, events: list[tuple[str, str]]
    ) -> None:
        one = publish("가")
        publish("나")
        events.clear()
        store.activate(one)
        assert events == [("sync", "live.new"), ("name", "live"), ("sync", ".")]


class TestInOrder:
    """The pointer follows the version, and a failure on the way leaves it where it was."""

    def test_a_version_is_whole_and_in_place_when_it_becomes_live(
        self, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there: list[str] = []
        make_live = Store.make_live

        def look(self: Store, version: str) -> None:
            there.append(Snapshot.open(_folder(self, version)).version)
            make_live(self, version)

        monkeypatch.setattr(Store, "make_live", look)
        assert [publish("가"), publish("나")] == there

    def test_a_version_that_cannot_be_moved_is_not_live(
        self, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = publish("가")

        def refuse(path: Path, target: Path) -> Path:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", refuse)
            with pytest.raises(SnapshotError, match="no space left"):
                publish("나")
        assert store.open_live().version == before

    def test_a_pointer_that_cannot_be_written_is_what_it_was(
        self, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, two = publish("가"), publish("나")

        def refuse(path: Path) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr("index.durable.sync", refuse)
            with pytest.raises(SnapshotError, match=r"can't write .*live: input/output error"):
                store.activate(one)
        assert store.live() == two

    def test_others_may_read_a_version(self, store: Store, publish: Publish) -> None:
        mode = _folder(store, publish("가")).stat().st_mode
        assert mode & 0o777 == 0o755


class TestTheSameAgain:
    """A version that was published before, and is not live."""

    def test_it_stays_where_it_is_and_has_the_report_of_the_last_build(
        self, store: Store, publish: Publish
    ) -> None:
        one, two = publish("가"), publish("나")
        files = {path: path.stat().st_ino for path in _folder(store, two).rglob("*")}
        store.activate(one)
        held = Snapshot.open(_folder(store, two))
        assert publish("나") == two == store.live()
        after = {path: path.stat().st_ino for path in _folder(store, two).rglob("*")}
        assert after.keys() == files.keys()
        changed = {path.name for path, number in after.items() if files[path] != number}
        assert changed == {LAYOUT.report}
        report = Report.read(_folder(store, two))
        assert report
        assert (report.number, report.before) == (3, one)
        # Whoever has it open holds the folder that is there.
        assert take(_folder(store, two) / LAYOUT.manifest) is None
        assert held.passage(0).text.startswith("나")

    @pytest.mark.parametrize("name", [LAYOUT.votes, LAYOUT.manifest])
    def test_one_that_is_broken_is_replaced(
        self, store: Store, publish: Publish, name: str
    ) -> None:
        one, two = publish("가"), publish("나")
        (_folder(store, two) / name).write_bytes(b"")
        store.activate(one)
        assert publish("나") == two
        assert store.open_live().passage(0).text.startswith("나")


class TestOpening:
    """Between reading the pointer and opening the version, another may be published."""

    def test_a_version_that_was_just_deleted_is_not_missed(
        self, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = publish("가")
        opened: list[str] = []
        inner = Snapshot.open

        def late(folder: Path, *more: Any) -> Snapshot:
            opened.append(folder.name)
            if len(opened) == 1:
                patch.undo()  # the build opens versions too
                publish("나", keep=1)
                patch.setattr("index.store.Snapshot.open", late)
                assert not _folder(store, first).exists()
            return inner(folder, *more)

        with monkeypatch.context() as patch:
            patch.setattr("index.store.Snapshot.open", late)
            snapshot = store.open_live()
        assert snapshot.version == store.live() != first
        assert opened == [first, snapshot.version]

    def test_a_broken_version_is_read_once(
        self, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        version = publish("가")
        (_folder(store, version) / LAYOUT.votes).write_bytes(b"")
        opened: list[str] = []
        inner = Snapshot.open

        def count(folder: Path) -> Snapshot:
            opened.append(folder.name)
            return inner(folder)

        monkeypatch.setattr("index.store.Snapshot.open", count)
        with pytest.raises(SnapshotError, match=r"votes\.npy"):
            store.open_live()
        assert opened == [version]

    def test_who_never_gets_hold_of_one_is_told(
        self, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        versions = [publish(text) for text in "가나"]
        turns = iter(range(1000))

        def refuse(folder: Path) -> Snapshot:
            store.make_live(versions[next(turns) % 2])
            raise SnapshotError(f"{folder.name} is being deleted")

        monkeypatch.setattr("index.store.Snapshot.open", refuse)
        with pytest.raises(SnapshotError, match="is being deleted"):
            store.open_live()
        assert 2 <= next(turns) <= 20


class TestAtOnce:
    """What another process does in the middle."""

    def test_a_version_that_becomes_live_is_held_until_it_is(
        self, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = publish("가")
        publish("나")
        retired: list[list[str]] = []
        make_live = Store.make_live

        def meanwhile(self: Store, version: str) -> None:
            retired.append(Store(store.folder).retire(1))
            make_live(self, version)

        monkeypatch.setattr(Store, "make_live", meanwhile)
        store.activate(one)
        assert retired == [[]]
        assert store.open_live().version == one

    def test_a_version_is_gone_before_its_files_are(
        self, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, two = publish("가"), publish("나")
        inner = shutil.rmtree
        deleted: list[str] = []

        def look(path: Path, **more: Any) -> None:
            assert [found.name for found in (store.folder / "versions").iterdir()] == [two]
            deleted.append(path.name)
            inner(path, **more)

        monkeypatch.setattr("index.store.shutil.rmtree", look)
        assert store.retire(1) == [one]
        assert len(deleted) == 1

    def test_who_dies_while_deleting_leaves_no_half_of_a_version(
        self, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, two = publish("가"), publish("나")

        def die(path: Path, **more: Any) -> None:
            (path / LAYOUT.votes).unlink()
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("index.store.shutil.rmtree", die)
            with pytest.raises(KeyboardInterrupt):
                store.retire(1)
        assert [found.name for found in (store.folder / "versions").iterdir()] == [two]
        with store.staging():
            assert len(list(store.folder.glob("staging-*"))) == 1  # its own

    def test_nobody_else_builds_from_before_the_first_file_is_read(
        self, store: Store, publish: Publish, digests: Path
    ) -> None:
        publish("가")
        refused: list[str] = []

        def on_read(reading: Reading) -> None:
            try:
                with Store(store.folder).staging():
                    pass
            except SnapshotError as error:
                refused.append(str(error))

        build([digests], store, on_read=on_read)
        assert ["another build is running" in said for said in refused] == [True]

    def test_what_is_forgotten_is_read_when_nobody_else_builds_any_more(
        self, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken: list[bool] = []
        inner = store.forgotten.read

        def read() -> Any:
            try:
                with Store(store.folder).staging():
                    taken.append(False)
            except SnapshotError:
                taken.append(True)
            return inner()

        monkeypatch.setattr(store.forgotten, "read", read)
        publish("가")
        assert taken[0]
