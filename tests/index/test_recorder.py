"""What a build records of itself: how far it is, how fast, how it ended, and at what cost."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from index.errors import SourceError
from index.journal import Build, BuildState, Journal, Recorder, StageProgress, recorder
from index.journal.builds import BuildFiles
from index.leases import is_taken
from index.progress import Both


def interrupted(error: Exception) -> Exception:
    """An error that came of an interrupt."""
    error.__cause__ = KeyboardInterrupt()
    return error


class Clock:
    """Time that passes when it is told to; also by every write, as on a slow disk."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now, self.write_seconds = 1000.0, 0.0
        self.writes = 0
        patch.setattr(recorder, "time", SimpleNamespace(monotonic=lambda: self.now))
        save = BuildFiles.save

        def counted(files: BuildFiles, build: Build, *, durably: bool = False) -> None:
            self.writes += 1
            self.now += self.write_seconds
            save(files, build, durably=durably)

        patch.setattr(BuildFiles, "save", counted)


@pytest.fixture
def builds(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "builds")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def _get(builds: Journal, begun: Recorder) -> Build:
    build = builds.get(begun.build.id)
    assert build
    return build


class TestProgress:
    def test_rate_and_time_left_are_of_the_stage(self, builds: Journal, clock: Clock) -> None:
        with builds.begin() as begun:
            clock.now += 100
            begun.stage("encode", 60)
            assert _get(builds, begun).progress == StageProgress(0, 60, None, None)
            clock.now += 4
            begun.advance(10)
            assert _get(builds, begun).progress == StageProgress(10, 60, 2.5, 20.0)
            clock.now += 6
            begun.advance(30)
            assert _get(builds, begun).progress == StageProgress(40, 60, 4.0, 5.0)
            clock.now += 10
            begun.advance(40)  # more than was said
            assert _get(builds, begun).progress == StageProgress(80, 60, 4.0, 0.0)
            begun.stage("write", 1)
            assert _get(builds, begun).progress is None
            assert _get(builds, begun).stage == "write"

    def test_steps_in_no_time_have_no_rate(self, builds: Journal, clock: Clock) -> None:
        with builds.begin() as begun:
            begun.stage("encode", 60)
            begun.advance(10)
            begun.failed("for the test")
        assert _get(builds, begun).progress == StageProgress(10, 60, None, None)

    def test_two_can_watch(self) -> None:
        class Watcher:
            def __init__(self) -> None:
                self.seen: list[tuple[object, ...]] = []

            def stage(self, name: str, total: int) -> None:
                self.seen.append((name, total))

            def advance(self, steps: int) -> None:
                self.seen.append((steps,))

        first, second = Watcher(), Watcher()
        both = Both(first, second)
        both.stage("read", 3)
        both.advance(2)
        assert first.seen == second.seen == [("read", 3), (2,)]


class TestCost:
    def test_steps_are_written_twice_a_second_at_most(self, builds: Journal, clock: Clock) -> None:
        with builds.begin() as begun:
            begun.stage("encode", 10_000)
            before = clock.writes
            for _ in range(10_000):
                clock.now += 0.001
                begun.advance(1)
            assert 15 <= clock.writes - before <= 20

    def test_a_slow_disk_is_written_to_less_often(self, builds: Journal, clock: Clock) -> None:
        clock.write_seconds = 0.1
        with builds.begin() as begun:
            begun.stage("encode", 10_000)
            before, begin = clock.writes, clock.now
            for _ in range(10_000):
                clock.now += 0.001
                begun.advance(1)
            wrote = (clock.writes - before) * clock.write_seconds
            assert 0 < wrote <= 0.05 * (clock.now - begin) + clock.write_seconds

    def test_a_disk_that_is_full_costs_the_record_and_not_the_build(
        self, builds: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with builds.begin() as begun:
            with monkeypatch.context() as patch:
                patch.setattr(Path, "replace", full)
                begun.stage("encode", 2)
                begun.problems([])
            assert _get(builds, begun).stage is None
            assert [path.suffix for path in builds.folder.glob(f"{begun.build.id}.*.new")] == []
            begun.done("v", {})
        assert _get(builds, begun).state is BuildState.DONE
        assert _get(builds, begun).stage == "encode"


class TestEnd:
    @pytest.mark.parametrize(
        ("error", "state", "told"),
        [
            (SourceError("no papers"), BuildState.FAILED, "no papers"),
            (ValueError("seven"), BuildState.FAILED, "unexpected: ValueError: seven"),
            (KeyboardInterrupt(), BuildState.CANCELLED, None),
            (interrupted(ImportError("initialization failed")), BuildState.CANCELLED, None),
            (
                interrupted(ValueError("seven")),
                BuildState.FAILED,
                "unexpected: ValueError: seven",
            ),
            (SystemExit(143), BuildState.CANCELLED, None),
        ],
    )
    def test_an_exception_is_recorded_and_goes_on(
        self, builds: Journal, error: BaseException, state: BuildState, told: str | None
    ) -> None:
        begun = builds.begin()
        begun.stage("load", 1)
        with pytest.raises(type(error)), begun:
            raise error
        ended = _get(builds, begun)
        assert (ended.state, ended.error, ended.stage) == (state, told, "load")
        assert ended.finished
        assert not is_taken(builds.folder / f"{begun.build.id}.lock")

    def test_the_first_end_counts(self, builds: Journal) -> None:
        begun = builds.begin()
        begun.done("v", {"papers": 1})
        begun.failed("too late")
        with pytest.raises(SystemExit), begun:
            raise SystemExit(143)
        assert _get(builds, begun).state is BuildState.DONE
        assert _get(builds, begun).error is None

    def test_an_end_without_a_version_is_none_that_is_good(self, builds: Journal) -> None:
        with builds.begin() as begun:
            pass
        assert _get(builds, begun).state is BuildState.FAILED
        assert "without a version" in str(_get(builds, begun).error)
