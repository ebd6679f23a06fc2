"""Old versions: which are deleted, which never, and what is served where one is broken."""

from __future__ import annotations

import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from index.build import build
from index.errors import ChecksFailedError, SnapshotError
from index.leases import take
from index.manifest import LAYOUT
from index.settings import BuildOptions, BuildSettings, CheckSettings
from index.store import Store
from tests.quick_encoder import Publish

pytestmark = pytest.mark.usefixtures("quick")

KEEP = 3


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def _there(store: Store) -> list[str]:
    return [one.version for one in store.versions()]


def _folders(store: Store) -> set[str]:
    return {path.name for path in (store.folder / "versions").iterdir()}


def test_the_newest_are_kept(store: Store, publish: Publish) -> None:
    made = [publish(text, KEEP) for text in "가나다라마"]
    assert _there(store) == made[::-1][:KEEP]
    assert _folders(store) == set(made[-KEEP:])
    assert store.live() == made[-1]
    assert not list(store.folder.glob("staging-*"))


def test_the_report_names_what_was_deleted(store: Store, publish: Publish, tmp_path: Path) -> None:
    made = [publish(text) for text in "가나"]
    built = build([tmp_path / "digests"], store, BuildSettings(keep=1))
    assert not built.new
    assert built.report.retired == [made[0]]
    assert _there(store) == [made[1]]


def test_the_live_one_is_kept_however_old(store: Store, publish: Publish) -> None:
    made = [publish(text) for text in "가나다"]
    store.activate(made[0])
    assert store.retire(2) == [made[1]]
    assert _there(store) == [made[2], made[0]]
    assert store.open_live().version == made[0]
    assert store.retire(1) == [made[2]]
    assert _there(store) == [made[0]]


def test_one_that_is_open_is_kept_until_it_is_closed(store: Store, publish: Publish) -> None:
    first = publish("가")
    held = store.open_live()
    others = [publish(text, keep=1) for text in "나다"]
    assert set(_there(store)) == {first, others[-1]}
    assert held.passage(0).text.startswith("가")
    del held
    gc.collect()
    publish("라", keep=1)
    assert first not in _there(store)


def test_one_that_another_process_has_open_is_kept(store: Store, publish: Publish) -> None:
    first = publish("가")
    code = (
        "import sys; from pathlib import Path; from index.store import Store\n"
        "held = Store(Path(sys.argv[1])).open_live(); print('open', flush=True); sys.stdin.read()"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(store.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert reader.stdout
    assert reader.stdout.readline() == b"open\n"
    publish("나", keep=1)
    assert first in _there(store)
    reader.communicate(b"")
    publish("다", keep=1)
    assert first not in _there(store)


def test_one_that_becomes_live_meanwhile_is_kept(
    store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [publish(text) for text in "가나"]

    def take_late(path: Path) -> object:
        store.make_live(made[0])  # as by another process, just now
        return take(path)

    monkeypatch.setattr("index.store.take", take_late)
    assert store.retire(1) == []
    assert store.open_live().version == made[0]


def test_those_that_cannot_be_read_any_more_go_first(store: Store, publish: Publish) -> None:
    made = [publish(text) for text in "가나다"]
    manifest = store.folder / "versions" / made[1] / LAYOUT.manifest
    manifest.write_text('{"format": 2}', encoding="utf-8")
    assert store.retire(3) == []
    assert store.retire(2) == [made[1]]
    assert _folders(store) == {made[0], made[2]}


def test_many_that_point_at_versions_at_once_leave_no_empty_pointer(
    store: Store, publish: Publish
) -> None:
    made = [publish(text) for text in "가나"]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(store.make_live, made * 100))
    assert store.live() in made
    assert not list(store.folder.glob("live*new"))


def test_an_empty_pointer_is_survived(store: Store, publish: Publish) -> None:
    publish("가")
    two = publish("나")
    (store.folder / "live").write_text("", encoding="utf-8")
    opened = store.open_best()
    assert opened.snapshot.version == two
    assert opened.complaint


def test_what_somebody_made_live_meanwhile_stays(
    store: Store, publish: Publish, tmp_path: Path
) -> None:
    one, _ = publish("가"), publish("나")
    path = tmp_path / "digests" / "2024-05-01.md"
    path.write_text(path.read_text(encoding="utf-8") + "더 있다.\n", encoding="utf-8")
    with pytest.raises(SnapshotError, match="was made live while"):
        build([tmp_path / "digests"], store, on_read=lambda _: None, progress=_GoBack(store, one))
    assert store.live() == one


class _GoBack:
    """Rolls back while a build writes."""

    def __init__(self, store: Store, version: str) -> None:
        self._store, self._version = store, version

    def stage(self, name: str, total: int) -> None:
        if name == "write":
            self._store.make_live(self._version)

    def advance(self, steps: int) -> None:
        pass


def test_one_that_is_being_deleted_is_refused(store: Store, publish: Publish) -> None:
    version = publish("가")
    lease = take(store.folder / "versions" / version / LAYOUT.manifest)
    assert lease
    with lease, pytest.raises(SnapshotError, match="is being deleted"):
        store.open_live()
    assert store.open_live().version == version


def test_a_clock_that_goes_backwards_changes_no_order(
    store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for year, text in zip(range(2030, 2020, -2), "가나다라마", strict=True):
        when = datetime(year, 1, 1, tzinfo=UTC).isoformat()
        monkeypatch.setattr("index.report._now", lambda when=when: when)
        made.append(publish(text, KEEP))
        assert store.live() == made[-1]
    assert _there(store) == made[::-1][:KEEP]
    numbers = [one.number for one in store.versions()]
    assert numbers == sorted(numbers, reverse=True)


def test_going_back_and_building_the_same_again(store: Store, publish: Publish) -> None:
    one, two = publish("가"), publish("나")
    store.activate(one)
    assert publish("나") == two == store.live()
    assert _there(store) == [two, one]


class TestBroken:
    """The live version can't be opened."""

    def test_the_newest_that_is_whole_is_opened_and_told(
        self, store: Store, publish: Publish
    ) -> None:
        _, two, three = [publish(text) for text in "가나다"]
        (store.folder / "versions" / three / "votes.npy").write_bytes(b"")
        opened = store.open_best()
        assert opened.snapshot.version == two
        assert opened.complaint
        assert "votes.npy" in opened.complaint
        assert two in opened.complaint
        with pytest.raises(SnapshotError, match=r"votes\.npy"):
            store.open_live()

    def test_where_all_are_broken_the_live_one_is_named(
        self, store: Store, publish: Publish
    ) -> None:
        for version in [publish(text) for text in "가나"]:
            (store.folder / "versions" / version / "votes.npy").unlink()
        with pytest.raises(SnapshotError, match=rf"{store.live()}.*votes\.npy"):
            store.open_best()

    def test_a_pointer_to_nothing_is_survived(self, store: Store, publish: Publish) -> None:
        version = publish("가")
        for text in ("0123456789ab\n", "../x", "\0", "no such thing\n"):
            (store.folder / "live").write_text(text, encoding="utf-8")
            assert store.open_best().snapshot.version == version
        assert publish("나") == store.live()

    def test_a_build_goes_on_from_the_newest_that_is_whole(
        self, store: Store, publish: Publish, tmp_path: Path
    ) -> None:
        _, two = publish("가"), publish("나")
        (store.folder / "versions" / two / "votes.npy").unlink()
        built = build([tmp_path / "digests"], store)
        assert built.version == two  # the same contents, whole again
        assert built.new
        assert store.open_live().passage(0).text.startswith("나")

    def test_what_is_whole_and_says_the_same_becomes_live(
        self, store: Store, publish: Publish, tmp_path: Path
    ) -> None:
        one = publish("가")
        two = publish("나")
        (store.folder / "versions" / two / "votes.npy").unlink()
        assert publish("가") == one == store.live()


class TestFailed:
    """Builds whose version is not published."""

    @pytest.fixture
    def shrunk(self, store: Store, tmp_path: Path) -> Path:
        folder = tmp_path / "many"
        folder.mkdir()
        for day in range(1, 5):
            (folder / f"2024-05-0{day}.md").write_text(
                f"### [P{day}](https://arxiv.org/abs/2405.0000{day})\n\n- **Summary**: {day}번.\n",
                encoding="utf-8",
            )
        build([folder], store)
        for day in range(2, 5):
            (folder / f"2024-05-0{day}.md").unlink()
        return folder

    def test_it_is_kept_aside_with_its_report(self, store: Store, shrunk: Path) -> None:
        live = store.live()
        with pytest.raises(ChecksFailedError) as failed:
            build([shrunk], store)
        assert store.live() == live
        assert _folders(store) == {live}
        aside = failed.value.aside
        assert (aside / LAYOUT.report).is_file()
        assert (aside / LAYOUT.manifest).is_file()
        assert str(aside) in str(failed.value)
        assert "--force" in str(failed.value)

    def test_only_the_last_two_are_kept(self, store: Store, shrunk: Path) -> None:
        asides = []
        for number in range(4):
            path = shrunk / "2024-05-01.md"
            path.write_text(path.read_text(encoding="utf-8") + f" {number}", encoding="utf-8")
            with pytest.raises(ChecksFailedError) as failed:
                build([shrunk], store)
            asides.append(failed.value.aside)
        assert [path.is_dir() for path in asides] == [False, False, True, True]

    def test_it_goes_when_a_version_passes(self, store: Store, shrunk: Path) -> None:
        with pytest.raises(ChecksFailedError) as failed:
            build([shrunk], store)
        assert store.failed(failed.value.aside.name).report
        build([shrunk], store, BuildSettings(checks=CheckSettings(least_kept=0)))
        assert not failed.value.aside.exists()

    def test_force_publishes_and_says_so(self, store: Store, shrunk: Path) -> None:
        built = build([shrunk], store, options=BuildOptions(force=True))
        assert store.live() == built.version
        (version, _) = store.versions()
        assert version.manifest.forced == built.report.failures != []
        assert version.report
        assert version.report.forced
        # It is the live one now: what comes after is compared with it.
        assert not build([shrunk], store).new
