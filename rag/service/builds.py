"""Builds that are started over HTTP: each a process of its own, one at a time."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from index.errors import UnknownBuildError
from index.journal import FOLDER, Build, BuildState, Journal, Recorder
from rag.errors import BuildNotRunningError, BuildNotStartedError, NoSourcesError

COMMAND = (sys.executable, "-m", "rag.cli", "build")
NICE = 10  # searches come first
CANCEL_SECONDS = 5.0
_LOOK_SECONDS = 0.05

log = logging.getLogger(__name__)


class Builds:
    """Starts `nonmun build` on the sources that the settings name, and reads the journal of it.

    A build goes on when the service ends. The service that is started next finds it there, as
    it finds those that were started from a shell.
    """

    def __init__(
        self, data: Path, sources: Sequence[str], on_done: Callable[[], None] = lambda: None
    ) -> None:
        """Start nothing yet.

        Args:
            data: The folder of the published versions.
            sources: What a build reads.
            on_done: Called, in a thread of its own, when a build has published a version.
        """
        self._data = data
        self._sources = tuple(sources)
        self._on_done = on_done
        self._journal = Journal(data / FOLDER)

    def start(self, full: bool = False, force: bool = False) -> Build:
        """Start a build.

        Args:
            full: Compute everything anew.
            force: Publish a version even if it fails its checks.

        Raises:
            NoSourcesError: The settings name no sources.
            BuildRunningError: One is running already, started here or from a shell.
            BuildNotStartedError: It can't be recorded, or the process can't be made.
        """
        if not self._sources:
            raise NoSourcesError("the service was started without build.sources: nothing to read")
        try:
            recorder = self._journal.reserve()
        except OSError as error:
            raise _not_started(error, f"can't write in {self._journal.folder}: ") from None
        try:
            process = self._spawn(recorder, full, force)
        except OSError as error:
            refused = _not_started(error)
            recorder.failed(str(refused))
            raise refused from None
        finally:
            recorder.close()  # the process holds it on
        threading.Thread(
            target=self._follow,
            args=(recorder.build.id, process),
            name="follow-build",
            daemon=True,
        ).start()
        return recorder.build

    def get(self, name: str) -> Build:
        """A build by its id.

        Raises:
            UnknownBuildError: There is none on record.
        """
        build = self._journal.get(name)
        if build is None:
            raise UnknownBuildError(f"no build {name[:100]!r} is on record here")
        return build

    def all(self) -> list[Build]:
        """The last builds, newest first."""
        return self._journal.all()

    def cancel(self, name: str) -> Build:
        """Stop a build, and wait a little for it to end; the live version stays what it is.

        Raises:
            UnknownBuildError: There is none on record.
            BuildNotRunningError: It has ended, or its process can't be told from here.
        """
        build = self.get(name)
        told = build.state is BuildState.RUNNING and self._journal.stop(name)
        if not told:
            state = self.get(name).state
            reason = f"build {name} is {state}"
            if state is BuildState.RUNNING:
                reason += " in a process that can't be told to stop from here"
            raise BuildNotRunningError(reason)
        deadline = time.monotonic() + CANCEL_SECONDS
        while (build := self.get(name)).state is BuildState.RUNNING:
            if time.monotonic() > deadline:
                break
            time.sleep(_LOOK_SECONDS)
        return build

    def _spawn(self, recorder: Recorder, full: bool, force: bool) -> subprocess.Popen[bytes]:
        name = recorder.build.id
        command = [*COMMAND, *self._sources, "--data", str(self._data), "--id", name]
        command += [*(["--full"] if full else []), *(["--force"] if force else [])]
        with self._journal.log(name).open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 - words of ours and of the settings
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                pass_fds=[recorder.fileno()],  # held until the process ends, however it ends
                start_new_session=True,  # what stops the service in its terminal doesn't stop it
            )
        _lower(process.pid)
        recorder.run_by(process.pid)
        return process

    def _follow(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for a process to end, and say what became of it."""
        process.wait()
        build = self._journal.get(name)
        if build is None:
            return
        level = logging.INFO if build.state is BuildState.DONE else logging.WARNING
        log.log(level, "build %s: %s%s", name, build.state, f": {build.error}" * bool(build.error))
        if build.state is BuildState.DONE:
            try:
                self._on_done()
            except Exception:  # the service looks for another version by itself too
                log.exception("what build %s has published can't be served yet", name)


def _lower(pid: int) -> None:
    """Give a process a low priority."""
    with suppress(OSError, AttributeError):  # no such thing on Windows
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    # Where Linux groups processes by session, priorities count within a group only, and this
    # process begins a group of its own.
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE), encoding="ascii")


def _not_started(error: OSError, where: str = "") -> BuildNotStartedError:
    reason = (error.strerror or str(error)).lower()
    return BuildNotStartedError(f"the build can't be started: {where}{reason}")
