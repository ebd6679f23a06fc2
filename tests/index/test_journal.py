"""The journal: what is on record, in which order, and what is said of a process that is gone."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from index.errors import BuildRunningError, UnknownBuildError
from index.journal import Build, BuildState, Journal, journal
from index.journal.builds import BuildFiles
from index.leases import is_open_in, is_taken

LASTING = """
import sys, time
from pathlib import Path
from index.journal import Journal
recorder = Journal(Path(sys.argv[1])).begin()
recorder.stage("encode", 10)
print(recorder.build.id, flush=True)
time.sleep(600)
"""


@pytest.fixture
def builds(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "builds")


@pytest.fixture
def elsewhere(builds: Journal) -> Iterator[Callable[[], tuple[str, subprocess.Popen[str]]]]:
    """Begins a build in another process, which only a signal ends."""
    processes: list[subprocess.Popen[str]] = []

    def begin() -> tuple[str, subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-c", LASTING, str(builds.folder)], stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout
        return process.stdout.readline().strip(), process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def _get(builds: Journal, name: str) -> Build:
    build = builds.get(name)
    assert build
    return build


def _done(builds: Journal) -> str:
    with builds.begin() as recorder:
        recorder.done("v", {})
    return recorder.build.id


def _on_disk(builds: Journal, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((builds.folder / f"{name}.json").read_bytes())
    return record


class TestOneBuild:
    def test_it_is_there_as_it_was_recorded(self, builds: Journal) -> None:
        before = datetime.now(UTC)
        with builds.begin() as recorder:
            name = recorder.build.id
            running = _get(builds, name)
            assert (running.state, running.pid) == (BuildState.RUNNING, os.getpid())
            assert before <= running.started <= datetime.now(UTC)
            assert (running.finished, running.stage, running.progress) == (None, None, None)
            recorder.stage("encode", 10)
            problems = [{"file": "a.md", "line": 3, "reason": "no link"}]
            recorder.problems(problems)
            assert _get(builds, name).stage == "encode"
            assert _get(builds, name).problems == problems
            recorder.done("0123456789ab", {"papers": 4})
        done = _get(builds, name)
        assert (done.state, done.pid, done.error) == (BuildState.DONE, None, None)
        assert (done.index_version, done.report) == ("0123456789ab", {"papers": 4})
        assert done.finished
        assert done.problems == problems

    def test_its_process_can_be_read_while_it_is_said_again(
        self, builds: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with builds.begin() as recorder:
            lock = builds.folder / f"{recorder.build.id}.lock"
            there: list[bytes] = []
            open_path = Path.open

            def look(path: Path, *more: Any) -> Any:
                file = open_path(path, *more)
                with open(path, "rb") as other:  # noqa: PTH123 - the other one is looked at
                    there.append(other.read())
                return file

            with monkeypatch.context() as patch:
                patch.setattr(Path, "open", look)
                recorder.run_by(os.getpid())
            assert there == [str(os.getpid()).encode()]
            assert lock.read_bytes() == there[0]
            recorder.done("v", {})

    def test_nothing_is_there_before_the_first(self, builds: Journal) -> None:
        assert builds.all() == []
        assert builds.running() is None
        assert builds.get("0" * 12) is None
        assert not builds.folder.exists()

    @pytest.mark.parametrize(
        "name",
        ["", "x", "../x", "a" * 11, "A" * 12, "a" * 10_000, "０" * 12, "a" * 12 + "\n", "\0"],
    )
    def test_an_id_that_is_none_finds_nothing(self, builds: Journal, name: str) -> None:
        _done(builds)
        (builds.folder.parent / "x.json").write_text("{}", encoding="utf-8")
        assert builds.get(name) is None
        assert not builds.stop(name)
        with pytest.raises(UnknownBuildError):
            builds.begin(name)

    def test_a_text_that_is_not_unicode_can_be_read_back(self, builds: Journal) -> None:
        with builds.begin() as recorder:
            recorder.problems([{"file": "한글\udcea.md"}])
            assert _get(builds, recorder.build.id).problems == [{"file": "한글?.md"}]


class TestOneAtATime:
    def test_a_second_is_refused_with_the_id_of_the_first(self, builds: Journal) -> None:
        with builds.begin() as recorder:
            name = recorder.build.id
            with pytest.raises(BuildRunningError, match=f"build {name} is running"):
                builds.begin()
            assert [build.id for build in builds.all()] == [name]
            running = builds.running()
            assert running
            assert running.id == name
            recorder.done("v", {})
        assert builds.running() is None
        _done(builds)

    def test_one_is_held_before_anybody_can_read_of_it(
        self, builds: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held: list[bool] = []
        save = BuildFiles.save

        def look(files: BuildFiles, build: Build, *, durably: bool = False) -> None:
            held.append(is_taken(files.lock))
            save(files, build, durably=durably)

        monkeypatch.setattr(BuildFiles, "save", look)
        with builds.begin() as recorder:
            recorder.done("v", {})
        assert held == [True, True]

    def test_that_holds_between_processes(
        self, builds: Journal, elsewhere: Callable[[], tuple[str, subprocess.Popen[str]]]
    ) -> None:
        name, _ = elsewhere()
        with pytest.raises(BuildRunningError, match=name):
            builds.begin()

    def test_a_reserved_one_is_for_whom_its_lock_was_passed_on_to(
        self, builds: Journal, elsewhere: Callable[[], tuple[str, subprocess.Popen[str]]]
    ) -> None:
        name, _ = elsewhere()
        with pytest.raises(UnknownBuildError, match=name):
            builds.begin(name)
        with pytest.raises(UnknownBuildError, match="0" * 12):
            builds.begin("0" * 12)

    def test_a_reserved_one_is_continued(self, builds: Journal) -> None:
        reserved = builds.reserve()
        assert _get(builds, reserved.build.id).pid is None
        with builds.begin(reserved.build.id) as recorder:
            assert recorder.build.number == reserved.build.number
            recorder.done("v", {})
        assert [build.state for build in builds.all()] == [BuildState.DONE]
        reserved.close()
        with pytest.raises(UnknownBuildError):
            builds.begin(reserved.build.id)


class TestMany:
    def test_a_clock_that_goes_backwards_keeps_the_order(
        self, builds: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Backwards(datetime):
            now_is = datetime(2030, 1, 1, tzinfo=UTC)

            @classmethod
            def now(cls, tz: Any = None) -> Any:
                cls.now_is -= timedelta(days=1)
                return cls.now_is

        monkeypatch.setattr(journal, "datetime", Backwards)
        names = [_done(builds) for _ in range(4)]
        found = builds.all()
        assert [build.id for build in found] == names[::-1]
        assert [build.number for build in found] == [4, 3, 2, 1]
        assert found[0].started < found[-1].started

    def test_the_last_ones_are_kept_and_of_the_others_no_file_is_left(
        self, builds: Journal
    ) -> None:
        first = builds.begin()
        builds.log(first.build.id).write_text("said", encoding="utf-8")
        with first:
            first.done("v", {})
        names = [_done(builds) for _ in range(journal.KEPT)]
        assert [build.id for build in builds.all()] == names[::-1]
        assert builds.get(first.build.id) is None
        assert list(builds.folder.glob(f"{first.build.id}*")) == []
        assert [build.number for build in builds.all()][:1] == [journal.KEPT + 1]

    def test_files_that_are_no_records_are_left_alone(self, builds: Journal) -> None:
        builds.folder.mkdir()
        (builds.folder / "notes.json").write_text("{}", encoding="utf-8")
        for _ in range(journal.KEPT + 1):
            _done(builds)
        assert len(builds.all()) == journal.KEPT
        assert (builds.folder / "notes.json").exists()

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"id": 1}', b"\xff"])
    def test_a_record_that_is_broken_is_told_and_harms_no_other(
        self, builds: Journal, content: bytes
    ) -> None:
        good, bad = _done(builds), _done(builds)
        (builds.folder / f"{bad}.json").write_bytes(content)
        assert [build.id for build in builds.all()] == [good, bad]
        told = _get(builds, bad)
        assert told.state is BuildState.DIED
        assert f"{bad}.json can't be read" in str(told.error)
        assert (builds.folder / f"{bad}.json").read_bytes() == content
        _done(builds)


class TestDeath:
    def test_a_process_that_is_killed_has_died(
        self, builds: Journal, elsewhere: Callable[[], tuple[str, subprocess.Popen[str]]]
    ) -> None:
        name, process = elsewhere()
        running = _get(builds, name)
        assert (running.state, running.pid) == (BuildState.RUNNING, process.pid)
        process.kill()
        process.wait()
        assert _on_disk(builds, name)["state"] == "running"
        died = _get(builds, name)
        assert (died.state, died.pid, died.stage) == (BuildState.DIED, None, "encode")
        assert died.error == "the process ended without a word"
        assert died.finished
        assert _on_disk(builds, name)["state"] == "died"
        assert builds.running() is None
        _done(builds)

    def test_the_end_of_its_log_is_told(self, builds: Journal) -> None:
        recorder = builds.begin()
        lines = [f"line {number}" for number in range(1000)]
        builds.log(recorder.build.id).write_bytes(
            "\n".join(lines).encode() + b"\nnot UTF-8: \xff\n"
        )
        recorder.close()
        error = str(_get(builds, recorder.build.id).error)
        assert error.startswith("the process ended without a word; its log ends:\n")
        assert error.splitlines()[1:] == [*lines[-4:], "not UTF-8: \ufffd"]

    def test_its_end_is_when_it_last_wrote(self, builds: Journal) -> None:
        recorder = builds.begin()
        recorder.close()
        os.utime(builds.folder / f"{recorder.build.id}.json", (1e9, 1e9))
        assert _get(builds, recorder.build.id).finished == datetime.fromtimestamp(1e9, UTC)

    def test_what_it_wrote_just_before_it_let_go_counts(
        self, builds: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorder = builds.begin()

        def look(path: Path) -> bool:
            recorder.done("v", {})
            recorder.close()
            return is_taken(path)

        monkeypatch.setattr(journal, "is_taken", look)
        assert _get(builds, recorder.build.id).state is BuildState.DONE

    def test_it_is_told_even_where_nothing_can_be_written(
        self, builds: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorder = builds.begin()
        recorder.close()
        monkeypatch.setattr(BuildFiles, "save", _full)
        assert _get(builds, recorder.build.id).state is BuildState.DIED


class TestStop:
    def test_a_process_that_ends_without_a_word_when_told_to_is_cancelled(
        self, builds: Journal, elsewhere: Callable[[], tuple[str, subprocess.Popen[str]]]
    ) -> None:
        name, process = elsewhere()
        assert builds.stop(name)
        assert process.wait() == -signal.SIGTERM
        cancelled = _get(builds, name)
        assert (cancelled.state, cancelled.error) == (BuildState.CANCELLED, None)
        assert _on_disk(builds, name)["state"] == "cancelled"
        assert not builds.stop(name)

    def test_a_process_that_does_not_hold_the_lock_is_not_told(
        self, builds: Journal, elsewhere: Callable[[], tuple[str, subprocess.Popen[str]]]
    ) -> None:
        name, _ = elsewhere()
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            (builds.folder / f"{name}.lock").write_text(str(other.pid), encoding="utf-8")
            assert not is_open_in(builds.folder / f"{name}.lock", other.pid)
            assert not builds.stop(name)
            other.communicate(b"\n")
        assert other.returncode == 0
        assert _get(builds, name).state is BuildState.RUNNING

    def test_one_that_could_not_be_told_was_not_cancelled(
        self,
        builds: Journal,
        elsewhere: Callable[[], tuple[str, subprocess.Popen[str]]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        name, process = elsewhere()

        def refuse(*_: object) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        with monkeypatch.context() as patch:
            patch.setattr("index.journal.journal.os.kill", refuse)
            assert not builds.stop(name)
        assert _get(builds, name).state is BuildState.RUNNING
        process.kill()
        process.wait()
        assert _get(builds, name).state is BuildState.DIED

    def test_nobody_tells_itself(self, builds: Journal) -> None:
        with builds.begin() as recorder:
            assert not builds.stop(recorder.build.id)
            recorder.done("v", {})


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_half_a_record_of_a_build_that_was_killed_is_cleared_away(builds: Journal) -> None:
    _done(builds)
    left = builds.folder / f"{'0' * 12}.{'1' * 32}.new"
    left.write_text("{", encoding="utf-8")
    _done(builds)
    assert not left.exists()
    assert len(builds.all()) == 2


def test_what_cannot_be_recorded_leaves_nothing(
    builds: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        with pytest.raises(OSError, match="No space left"):
            builds.begin()
    assert [path.name for path in builds.folder.iterdir()] == ["start.lock"]
    _done(builds)


def test_where_nothing_is_recorded_a_build_goes_its_way(tmp_path: Path) -> None:
    with Journal(tmp_path / "builds").unwritten() as recorder:
        recorder.stage("encode", 10)
        recorder.advance(10)
        recorder.done("v", {})
    assert list(tmp_path.iterdir()) == []
