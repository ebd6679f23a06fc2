"""The version that is served: when it is replaced, when it stays, and what is said of it."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from index.build import build
from index.encoders import EncoderSettings
from index.errors import SnapshotError
from index.forgotten import Forgotten
from index.manifest import LAYOUT, Manifest
from index.snapshot import Snapshot
from index.store import Store
from rag.search import Searcher
from rag.service import comparing
from rag.service import live as live_module
from rag.service.live import Live
from rag.settings import Settings
from tests.quick_encoder import QuickEncoder, use_quick_encoder

Publish = Callable[[str], str]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    use_quick_encoder(monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture
def publish(store: Store, tmp_path: Path) -> Publish:
    """Publishes a version in which the first of two papers says this."""

    def publish(text: str) -> str:
        folder = tmp_path / "digests"
        folder.mkdir(exist_ok=True)
        for number, said in ((1, text), (2, "다른 글이다")):
            (folder / f"2024-05-0{number}.md").write_text(
                f"### [Paper {number}](https://arxiv.org/abs/2405.0000{number})\n\n"
                f"- **What's New**: {said}라고 말한다.\n",
                encoding="utf-8",
            )
        return build([folder], store).version

    return publish


@pytest.fixture
def live(store: Store) -> Iterator[Live]:
    live = Live(store, Settings(data=store.folder))
    yield live
    live.close()


def _break(store: Store, version: str) -> None:
    (store.folder / "versions" / version / LAYOUT.votes).write_bytes(b"")


def _until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _served(live: Live) -> str:
    return live.searcher.snapshot.version


class TestRefresh:
    def test_another_version_is_taken_up_and_the_same_is_left(
        self, live: Live, publish: Publish
    ) -> None:
        one = publish("가")
        live.refresh()
        first = live.searcher
        live.refresh()
        assert live.searcher is first
        two = publish("나")
        live.refresh()
        assert _served(live) == two
        assert live.trouble is None
        assert first.snapshot.version == one

    def test_before_anything_is_published_nothing_is_served(self, live: Live) -> None:
        with pytest.raises(SnapshotError, match="nonmun build SOURCE"):
            live.refresh()
        with pytest.raises(SnapshotError, match="can be served yet"):
            _ = live.searcher
        assert live.trouble is None

    def test_where_nothing_is_served_the_newest_that_is_whole_is_and_the_trouble_is_told(
        self, live: Live, store: Store, publish: Publish, caplog: pytest.LogCaptureFixture
    ) -> None:
        _, two, three = [publish(text) for text in "가나다"]
        _break(store, three)
        live.refresh()
        assert _served(live) == two
        assert live.trouble
        assert LAYOUT.votes in live.trouble
        assert two in live.trouble
        assert live.trouble in caplog.text

    def test_what_is_served_goes_on_where_the_live_one_is_broken(
        self, live: Live, store: Store, publish: Publish
    ) -> None:
        one, _, three = [publish(text) for text in "가나다"]
        store.activate(one)
        live.refresh()
        # The newest that is whole is another; but nobody has asked for that one.
        _break(store, three)
        store.make_live(three)
        with pytest.raises(SnapshotError, match=LAYOUT.votes):
            live.refresh()
        assert _served(live) == one
        assert live.trouble
        assert live.trouble.endswith(f"; version {one} is still served")
        assert three in live.trouble

    def test_a_pointer_that_cannot_be_read_is_a_trouble_too(
        self, live: Live, store: Store, publish: Publish
    ) -> None:
        version = publish("가")
        live.refresh()
        (store.folder / "live").write_bytes(b"\xff")
        with pytest.raises(SnapshotError, match="can't be read"):
            live.refresh()
        assert _served(live) == version
        assert live.trouble
        store.make_live(version)
        live.refresh()
        assert live.trouble is None

    @pytest.mark.parametrize("way", ["back", "on"])
    def test_the_trouble_is_over_with_the_next_version_that_can_be_served(
        self, live: Live, store: Store, publish: Publish, way: str
    ) -> None:
        one, two = [publish(text) for text in "가나"]
        store.activate(one)
        live.refresh()
        _break(store, two)
        store.make_live(two)
        with pytest.raises(SnapshotError):
            live.refresh()
        assert live.trouble
        wanted = one if way == "back" else publish("라")
        store.activate(wanted)
        live.refresh()
        assert _served(live) == wanted
        assert not live.trouble

    def test_a_version_that_cannot_be_searched_is_not_taken_up(
        self, live: Live, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = publish("가")
        live.refresh()
        publish("나")

        def fail(*_: object, **__: object) -> None:
            raise SnapshotError("for the test")

        with monkeypatch.context() as patch:
            patch.setattr(Searcher, "search", fail)
            with pytest.raises(SnapshotError, match="for the test"):
                live.refresh()
        assert _served(live) == one
        assert live.trouble

    def test_the_next_version_uses_the_encoders_that_are_open(
        self, live: Live, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[QuickEncoder] = []

        def open_another(*_: EncoderSettings | object) -> QuickEncoder:
            opened.append(QuickEncoder())
            return opened[-1]

        for name in ("open_encoder", "open_multi_vector_encoder"):
            monkeypatch.setattr(f"index.snapshot.{name}", open_another)
        publish("가")
        live.refresh()
        before, snapshot = len(opened), live.searcher.snapshot
        assert before
        publish("나")  # its checks may open some
        mine = len(opened)
        live.refresh()
        assert len(opened) == mine
        assert live.searcher.snapshot.plain_encoder is snapshot.plain_encoder

    def test_two_at_once_open_it_once(
        self, live: Live, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish("가")
        opened: list[Path] = []
        inner = Snapshot.open

        def slowly(folder: Path) -> Snapshot:
            opened.append(folder)
            time.sleep(0.1)
            return inner(folder)

        monkeypatch.setattr("index.store.Snapshot.open", slowly)
        threads = [threading.Thread(target=live.refresh) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(opened) == 1


class TestWatch:
    @pytest.fixture(autouse=True)
    def often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(live_module, "WATCH_SECONDS", 0.01)

    @pytest.fixture
    def tries(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
        """The versions that somebody tried to open."""
        found: list[str | None] = []
        inner = store.open_live

        def open_live(*, whole: bool = False) -> Snapshot:
            found.append(store.live())
            return inner(whole=whole)

        monkeypatch.setattr(store, "open_live", open_live)
        return found

    def test_a_version_that_failed_is_not_read_again_and_again(
        self,
        live: Live,
        store: Store,
        publish: Publish,
        tries: list[str | None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(live_module, "RETRY_SECONDS", 3600.0)
        one, two = [publish(text) for text in "가나"]
        store.activate(one)
        live.refresh()
        _break(store, two)
        store.make_live(two)
        tries.clear()
        live.watch()
        _until(lambda: live.trouble)
        time.sleep(0.3)
        assert tries == [two]
        # Another one is not kept waiting.
        three = publish("다")
        _until(lambda: _served(live) == three)
        assert live.trouble is None

    def test_a_version_that_failed_is_tried_again_after_a_while(
        self,
        live: Live,
        store: Store,
        publish: Publish,
        tries: list[str | None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(live_module, "RETRY_SECONDS", 0.1)
        one, two = [publish(text) for text in "가나"]
        path = store.folder / "versions" / two / LAYOUT.votes
        good = path.read_bytes()
        store.activate(one)
        live.refresh()
        _break(store, two)
        store.make_live(two)
        live.watch()
        _until(lambda: tries.count(two) > 2)
        path.write_bytes(good)
        _until(lambda: _served(live) == two)
        assert live.trouble is None


class TestCompare:
    """Versions that are too large to compare all of them when they are opened."""

    @pytest.fixture(autouse=True)
    def large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("index.verifying.WHOLE", 0)
        monkeypatch.setattr("index.verifying.SMALL", 4_000)
        monkeypatch.setattr(live_module, "WATCH_SECONDS", 0.01)

    def _damage(self, store: Store, version: str) -> bytes:
        """Change a large file in place; gives back what it was."""
        path = store.folder / "versions" / version / LAYOUT.moments
        good = path.read_bytes()
        assert len(good) > 4_000
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        return good

    def test_one_that_is_whole_is_served_as_before(
        self, live: Live, publish: Publish, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        version = publish("가")
        live.refresh()
        searcher = live.searcher
        assert not searcher.snapshot.compared
        live.watch()
        _until(lambda: searcher.snapshot.compared)
        _until(lambda: f"every file of version {version} is as it was published" in caplog.text)
        assert live.searcher is searcher
        assert live.trouble is None

    def test_instead_of_one_that_is_broken_the_newest_that_is_whole_is_served(
        self, live: Live, store: Store, publish: Publish, caplog: pytest.LogCaptureFixture
    ) -> None:
        one, two, three = [publish(text) for text in "가나다"]
        self._damage(store, two)
        self._damage(store, three)
        live.refresh()
        assert _served(live) == three
        live.watch()
        _until(lambda: _served(live) == one)
        _until(lambda: live.trouble and f"; version {one} is" in live.trouble)
        assert f"{LAYOUT.moments} is broken: its checksum differs" in str(live.trouble)
        assert three in str(live.trouble)
        assert f"version {one} is used instead" in caplog.text
        assert f"can't serve version {two}" in caplog.text
        assert live.searcher.snapshot.compared
        time.sleep(0.1)  # nor is the broken one taken up again, though it is the live one
        assert _served(live) == one
        four = publish("라")
        _until(lambda: _served(live) == four)
        _until(lambda: live.trouble is None)

    def test_where_no_other_is_whole_it_is_still_served_and_the_trouble_told(
        self, live: Live, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        only = publish("가")
        good = self._damage(store, only)
        live.refresh()
        live.watch()
        _until(lambda: live.trouble)
        assert str(live.trouble).endswith("no other version is whole, so it is still served")
        broken = live.searcher
        time.sleep(0.1)
        assert live.searcher is broken
        assert live.trouble
        # What is written anew is opened anew.
        folder = store.folder / "versions" / only
        shutil.copytree(folder, store.folder / "mended")
        (store.folder / "mended" / LAYOUT.moments).write_bytes(good)
        folder.rename(store.folder / "broken")
        (store.folder / "mended").rename(folder)
        _until(lambda: live.searcher is not broken)
        _until(lambda: live.trouble is None)
        _until(lambda: live.searcher.snapshot.compared)

    def test_another_version_ends_the_comparison_of_the_one_before(
        self, live: Live, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared: list[tuple[Path, threading.Event]] = []

        def verify(folder: Path, manifest: Manifest, stop: threading.Event) -> None:
            compared.append((folder, stop))
            stop.wait()
            raise SnapshotError("its files are gone")

        monkeypatch.setattr(comparing, "verify_slowly", verify)
        publish("가")
        live.refresh()
        live.watch()
        _until(lambda: len(compared) == 1)
        two = publish("나")
        _until(lambda: len(compared) == 2)
        assert [stop.is_set() for _, stop in compared] == [True, False]
        assert compared[1][0].name == two
        live.close()
        assert compared[1][1].is_set()
        assert live.trouble is None

    def test_before_it_is_watched_nothing_runs_beside(self, live: Live, publish: Publish) -> None:
        publish("가")
        before = threading.active_count()
        live.refresh()
        assert threading.active_count() == before
        assert not live.searcher.snapshot.compared


class TestForgotten:
    def test_what_is_forgotten_is_read_with_every_request(
        self, live: Live, store: Store, publish: Publish
    ) -> None:
        publish("가")
        live.refresh()
        assert not live.searcher.forgotten
        Store(store.folder).forgotten.add(["2405.00001"])  # as by another process
        assert live.searcher.forgotten == Forgotten(frozenset({"2405.00001"}))
        assert live.searcher is live.searcher
        Store(store.folder).forgotten.remove(["2405.00001"])
        assert not live.searcher.forgotten

    def test_a_list_that_breaks_leaves_what_was_known(
        self, live: Live, store: Store, publish: Publish, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.forgotten.add(["2405.00001"])
        publish("가")
        live.refresh()
        store.forgotten.path.write_text("{", encoding="utf-8")
        for _ in range(3):
            assert live.searcher.forgotten == Forgotten(frozenset({"2405.00001"}))
        assert caplog.text.count("what is forgotten is as it was") == 1

    def test_a_list_that_never_could_be_read_keeps_all_from_being_served(
        self, live: Live, store: Store, publish: Publish
    ) -> None:
        publish("가")
        store.forgotten.path.write_text("{", encoding="utf-8")
        with pytest.raises(SnapshotError, match=store.forgotten.path.name):
            live.refresh()
        with pytest.raises(SnapshotError, match="can be served yet"):
            _ = live.searcher

    def test_a_version_that_is_taken_up_in_that_moment_is_not_lost(
        self, live: Live, store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish("가")
        live.refresh()
        two = publish("나")
        Store(store.folder).forgotten.add(["2405.00001"])
        inner = store.forgotten.read
        asked: list[int] = []

        def read(*_: Any) -> Forgotten:
            asked.append(1)
            if len(asked) == 1:  # between taking the searcher and reading the list
                live.refresh()
            return inner()

        monkeypatch.setattr(store.forgotten, "read", read)
        # The request may be answered from either version, but the next ones from the new one.
        _ = live.searcher
        assert _served(live) == two
        assert live.searcher.forgotten
