"""`nonmun build --watch`: a build after every change, until somebody ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index.journal import FOLDER, Build, BuildState, Journal
from index.store import Store
from rag import cli
from rag.commands import watching
from tests.services import COMMAND

WAITING = "waiting for changes"


class _Process:
    """In place of a build's process; each ends with the next status, or is interrupted."""

    started: list[list[str]]
    statuses: list[int | BaseException]
    told: list[str]

    def __init__(self, command: list[str]) -> None:
        self.started.append(command)
        self._ends = self.statuses.pop(0)

    def wait(self, timeout: float | None = None) -> int:
        self.told.append("wait" if timeout is None else "wait a while")
        ends, self._ends = self._ends, 0
        if isinstance(ends, BaseException):
            raise ends
        return ends

    def terminate(self) -> None:
        self.told.append("terminate")


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> type[_Process]:
    class Process(_Process):
        started, statuses, told = [], [], []

    monkeypatch.setattr("rag.commands.watching.subprocess.Popen", Process)
    monkeypatch.setattr("index.following.time.sleep", lambda _: None)
    monkeypatch.setattr(watching, "changes", lambda _: iter([frozenset()] * 3))
    return Process


class TestLoop:
    """Builds that only pretend to be some."""

    def test_each_change_is_built_whatever_became_of_the_one_before(
        self, process: type[_Process], capsys: pytest.CaptureFixture[str]
    ) -> None:
        process.statuses = [0, 1, -9]
        watching.watch(["digests"], [], ["build", "digests", "--force"])
        command = [sys.executable, "-m", "rag.cli", "build", "digests", "--force"]
        assert process.started == [command] * 3
        assert process.told == ["wait"] * 3
        assert capsys.readouterr().err.count(WAITING) == 3

    @pytest.mark.parametrize(
        ("end", "grace"), [(KeyboardInterrupt(), ["wait a while"]), (SystemExit(143), [])]
    )
    def test_who_is_ended_ends_the_build_and_waits_for_it(
        self, process: type[_Process], end: BaseException, grace: list[str]
    ) -> None:
        # A terminal interrupts both, and a build that is told twice can't clean up.
        process.statuses = [0, end]
        with pytest.raises(type(end)):
            watching.watch(["digests"], [], ["build", "digests"])
        assert process.told == ["wait", "wait", *grace, "terminate", "wait"]

    def test_it_looks_at_the_sources_and_at_what_else_a_build_reads(
        self, process: type[_Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks: list[object] = []

        def changes(look: Callable[[], object]) -> Iterator[object]:
            for name in ("2024-05-01.md", "list.json"):
                looks.append(look())
                (tmp_path / name).write_text("다르다", encoding="utf-8")
            looks.append(look())
            return iter([])

        monkeypatch.setattr(watching, "changes", changes)
        watching.watch([str(tmp_path)], [tmp_path / "list.json"], [])
        assert len(set(looks)) == 3


class TestCommand:
    """What the command hands on."""

    @pytest.fixture
    def run(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
        monkeypatch.setenv("NONMUN_PROFILE", "")
        monkeypatch.setenv("COLUMNS", "200")

        def run(*words: str) -> int:
            monkeypatch.setattr(sys, "argv", ["nonmun", *words])
            with pytest.raises(SystemExit) as stop:
                cli.main()
            return int(stop.value.code or 0)

        return run

    def test_a_build_has_the_same_words_but_one(
        self, run: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[object] = []
        monkeypatch.setattr(watching, "watch", lambda *words: given.extend(words))
        data = tmp_path / "data"
        words = ["build", "a", "b", "--data", str(data), "--strict", "--watch", "--keep-missing"]
        assert run(*words) == 0
        sources, beside, command = given
        assert sources == ["a", "b"]
        assert beside == [Store(data).forgotten.path]
        assert command == [word for word in words if word != "--watch"]

    @pytest.mark.parametrize("other", ["--plan", "--full"])
    def test_it_goes_with_neither_a_plan_nor_a_full_build(
        self,
        run: Callable[..., int],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        other: str,
    ) -> None:
        monkeypatch.setattr(watching, "watch", lambda *_: pytest.fail("it is followed"))
        assert run("build", str(tmp_path), "--data", str(tmp_path / "data"), "--watch", other) == 2
        assert "goes neither with --plan nor with --full" in capsys.readouterr().err
        assert not (tmp_path / "data").exists()


class _Watch:
    """A running `nonmun build --watch`; as a context manager it is ended in any case."""

    def __init__(self, folder: Path) -> None:
        self.digests, self.data = folder / "digests", folder / "data"
        self._log = folder / "log"
        with self._log.open("wb") as said:
            self.process = subprocess.Popen(
                [*COMMAND, "build", str(self.digests), "--data", str(self.data), "--watch"],
                stdout=said,
                stderr=said,
                env={**os.environ, "NONMUN_PROFILE": ""},
                start_new_session=True,  # with its builds, as in a terminal of its own
            )

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def builds(self) -> list[Build]:
        return Journal(self.data / FOLDER).all()

    def until(self, true: Callable[[], object]) -> None:
        deadline = time.monotonic() + 90
        while not true():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)

    def until_built(self, count: int) -> None:
        """Until so many builds have ended, and it waits for the next change."""
        self.until(lambda: self.said().count(WAITING) == count)

    def alone(self) -> bool:
        """Whether nothing that it started is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "2024-05-01.md"
    path.write_text(
        f"### [Paper](https://arxiv.org/abs/2405.00001)\n\n- **What's New**: {text}라고 말한다.\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.slow
def test_what_is_changed_is_published_until_it_is_ended(tmp_path: Path) -> None:
    path = _write(tmp_path / "digests", "하나")
    with _Watch(tmp_path) as watch:
        store = Store(watch.data)
        watch.until_built(1)
        assert store.open_live().passage(0).text.startswith("하나")
        _write(path.parent, "둘")
        watch.until_built(2)
        before = store.live()
        assert store.open_live().passage(0).text.startswith("둘")
        # A build that fails says why, and the next change is built all the same.
        path.unlink()
        watch.until_built(3)
        assert "nonmun: no papers in the sources" in watch.said()
        assert store.live() == before
        _write(path.parent, "셋")
        watch.until_built(4)
        assert store.open_live().passage(0).text.startswith("셋")
        # What is forgotten is a change too; where nothing is left of the corpus, nothing is built.
        store.forgotten.add(["2405.00001"])
        watch.until_built(5)
        states = [build.state for build in watch.builds()]
        failed, done = BuildState.FAILED, BuildState.DONE
        assert states == [failed, done, failed, done, done]
        watch.process.send_signal(signal.SIGTERM)
        assert watch.process.wait(timeout=20) == 143
        assert watch.said().endswith("nonmun: stopped\n")
        assert watch.alone()
        assert len(store.versions()) == 3


@pytest.mark.slow
@pytest.mark.parametrize("way", ["Ctrl-C", "SIGTERM"])
def test_the_build_that_is_running_ends_with_it(tmp_path: Path, way: str) -> None:
    _write(tmp_path / "digests", "하나")
    with _Watch(tmp_path) as watch:
        watch.until(lambda: list(watch.data.glob("staging-*")))
        (build,) = watch.builds()
        assert build.state is BuildState.RUNNING
        if way == "Ctrl-C":  # a terminal tells all that runs in it
            os.killpg(watch.process.pid, signal.SIGINT)
        else:
            watch.process.send_signal(signal.SIGTERM)
        status = watch.process.wait(timeout=30)
        assert status == {"Ctrl-C": 130, "SIGTERM": 143}[way], watch.said()
        assert watch.alone()
        (build,) = watch.builds()
        assert build.state is BuildState.CANCELLED
        assert Store(watch.data).live() is None
        assert "Traceback" not in watch.said()
        if way == "SIGTERM":  # who is told twice may leave something for the next build to clear
            assert list(watch.data.glob("staging-*")) == []
