"""The builds of a data folder: begun, listed, told to stop, and noticed when they died."""

from __future__ import annotations

import os
import signal
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from index.durable import ASIDE
from index.errors import BuildRunningError, UnknownBuildError
from index.journal.builds import Build, BuildFiles, BuildState
from index.journal.recorder import Recorder
from index.leases import is_open_in, is_taken, take

KEPT = 20
_START = "start.lock"
_START_SECONDS = 10.0  # it is held for milliseconds


class Journal:
    """A folder with a record of each of the last builds.

    Whoever runs a build, from a shell or for a service, holds the lock of its record as long
    as its process lives. So a record can't say for ever that a build is running.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, name: str | None = None) -> Recorder:
        """Begin to record a build that this process runs.

        Args:
            name: The id of a build that another process has reserved for this one, and whose
                lock was passed on; `None` makes a new one.

        Raises:
            BuildRunningError: One is running.
            UnknownBuildError: No such build waits for this process.
            OSError: It can't be recorded.
        """
        recorder = self.reserve() if name is None else self._reserved(name)
        recorder.run_by(os.getpid())
        return recorder

    def reserve(self) -> Recorder:
        """Record a build that another process is to run: pass the lock on, say `run_by`, `close`.

        Raises:
            BuildRunningError: One is running.
            OSError: It can't be recorded.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        # While a build is being recorded no other is, by whichever process.
        with FileLock(self.folder / _START, timeout=_START_SECONDS):
            builds = self.all()
            if running := _running(builds):
                raise BuildRunningError(f"build {running.id} is running")
            for left in self.folder.glob(f"*{ASIDE}"):  # half a record, of a build that was killed
                with suppress(OSError):
                    left.unlink()
            build = Build(
                uuid.uuid4().hex[:12],
                max((one.number for one in builds), default=0) + 1,
                BuildState.RUNNING,
                datetime.now(UTC),
            )
            files = self._files(build.id)
            try:
                lease = take(files.lock)  # before anyone can read of it
                files.save(build, durably=True)
            except OSError:
                files.remove()
                raise
            for old in builds[KEPT - 1 :]:
                self._files(old.id).remove()
        return Recorder(build, files, lease)

    @staticmethod
    def unwritten() -> Recorder:
        """Keeps no record, for a build where none can be written."""
        return Recorder(Build("", 0, BuildState.RUNNING, datetime.now(UTC)), None)

    def get(self, name: str) -> Build | None:
        """A build by its id, which may be anything that a request says."""
        return self._settled(self._files(name)) if BuildFiles.is_id(name) else None

    def all(self) -> list[Build]:
        """All builds on record, newest first."""
        names = [path.stem for path in self.folder.glob("*.json")]
        found = [self._settled(self._files(name)) for name in names if BuildFiles.is_id(name)]
        builds = [build for build in found if build]
        return sorted(builds, key=lambda build: (build.number, build.id), reverse=True)

    def running(self) -> Build | None:
        """The build that is running."""
        return _running(self.all())

    def log(self, name: str) -> Path:
        """Where the standard error of a build's process goes, if a service starts it."""
        return self._files(name).log

    def stop(self, name: str) -> bool:
        """Tell the process of a running build to stop.

        Returns:
            Whether there was a process that could be told.
        """
        build = self.get(name)
        if build is None or build.pid in (None, os.getpid()):
            return False
        # In another container, or after a restart, that number may be another process's.
        if not is_open_in(self._files(name).lock, build.pid):
            return False
        told = self._files(name).stop
        # First, for a process that ends before it can record that it was told to.
        with suppress(OSError):
            told.touch()
        try:
            os.kill(build.pid, signal.SIGTERM)
        except OSError:  # it has just ended, or is somebody else's
            with suppress(OSError):
                told.unlink()
            return False
        return True

    def _files(self, name: str) -> BuildFiles:
        return BuildFiles(self.folder, name)

    def _reserved(self, name: str) -> Recorder:
        build = self.get(name)
        if (
            build is None
            or build.state is not BuildState.RUNNING
            or not is_open_in(self._files(name).lock, os.getpid())
        ):
            raise UnknownBuildError(f"no build {name[:100]!r} waits to be run by this process")
        return Recorder(build, self._files(name))

    def _settled(self, files: BuildFiles) -> Build | None:
        """A build as it is: one that says it runs while nobody holds its lock has ended."""
        build = files.load()
        if build is None or build.state is not BuildState.RUNNING:
            return build
        if is_taken(files.lock):
            return replace(build, pid=files.pid())
        build = files.load()  # what it wrote before it let go
        if build is None or build.state is not BuildState.RUNNING:
            return build
        if files.stop.exists():
            ended = replace(build, state=BuildState.CANCELLED, finished=files.written())
        else:
            words = files.last_words()
            error = "the process ended without a word" + (
                f"; its log ends:\n{words}" if words else ""
            )
            ended = replace(build, state=BuildState.DIED, finished=files.written(), error=error)
        with suppress(OSError):  # then it is seen again the next time
            files.save(ended, durably=True)
        return ended


def _running(builds: list[Build]) -> Build | None:
    return next((build for build in builds if build.state is BuildState.RUNNING), None)
