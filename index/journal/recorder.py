"""Writes down how far a build is, and how it ended."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from index.errors import NonmunError
from index.journal.builds import Build, BuildFiles, BuildState, StageProgress
from index.leases import Lease

WRITE_SECONDS = 0.5
_SHARE = 0.05  # of a build's time, at most, for writing how far it is


class Recorder:
    """A `Progress` that keeps the record of one build.

    As a context manager it records how the block ended, unless that was recorded in it, and
    lets the build's lock go.
    """

    def __init__(self, build: Build, files: BuildFiles | None, lease: Lease | None = None) -> None:
        """Continue a record.

        Args:
            build: What is written there.
            files: Where; `None` writes nothing.
            lease: On the lock; `None` where the process holds it already.
        """
        self._build = build
        self._files = files
        self._lease = lease
        self._begun = self._written = time.monotonic()
        self._pause = WRITE_SECONDS
        self._done, self._total = 0, 1

    @property
    def build(self) -> Build:
        """The build, as it was last recorded."""
        return self._build

    def fileno(self) -> int:
        """The handle of the lock, for a child process that is to hold it."""
        if self._lease is None:
            raise ValueError("the lock is not held here")
        return self._lease.fileno()

    def run_by(self, pid: int) -> None:
        """Say which process runs the build."""
        if self._files:
            # Nothing is truncated: a service and its child may both say so, and a third read it.
            with suppress(OSError), self._files.lock.open("r+") as file:
                file.write(str(pid))

    def stage(self, name: str, total: int) -> None:
        """A stage begins."""
        self._done, self._total = 0, total
        self._begun = time.monotonic()
        self._build = replace(self._build, stage=name, progress=self._progress())
        self._write()

    def advance(self, steps: int) -> None:
        """Steps of the stage are done; written from time to time."""
        self._done += steps
        if time.monotonic() - self._written >= self._pause:
            self._build = replace(self._build, progress=self._progress())
            self._write()

    def problems(self, found: list[dict[str, Any]]) -> None:
        """Say what could not be read."""
        self._build = replace(self._build, problems=found)
        self._write()

    def done(self, version: str, report: dict[str, Any]) -> None:
        """The build has published a version."""
        self._end(BuildState.DONE, index_version=version, report=report)

    def failed(self, error: str, report: dict[str, Any] | None = None) -> None:
        """The build has ended with an error."""
        self._end(BuildState.FAILED, error=error, report=report)

    def cancelled(self) -> None:
        """The build was told to stop."""
        self._end(BuildState.CANCELLED)

    def close(self) -> None:
        """Let the lock go; a child process that was given it holds it on."""
        if self._lease:
            self._lease.close()
        self._lease = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if _is_stop(error) or (
                error is not None and self._files is not None and self._files.stop.exists()
            ):
                self.cancelled()
            elif isinstance(error, NonmunError):
                self.failed(str(error))
            elif error is not None:
                self.failed(f"unexpected: {type(error).__name__}: {error}")
            else:
                self.failed("unexpected: the build ended without a version")
        finally:
            self.close()

    def _progress(self) -> StageProgress | None:
        if self._total <= 1:
            return None
        took = time.monotonic() - self._begun
        if self._done <= 0 or took <= 0:
            return StageProgress(self._done, self._total)
        rate = self._done / took
        left = max(0, self._total - self._done) / rate
        return StageProgress(self._done, self._total, round(rate, 3), round(left, 1))

    def _end(self, state: BuildState, **values: Any) -> None:
        """Record an end; the first one counts."""
        if self._build.state is BuildState.RUNNING:
            self._build = replace(
                self._build,
                state=state,
                finished=datetime.now(UTC),
                progress=self._progress(),
                **values,
            )
            self._write(durably=True)

    def _write(self, *, durably: bool = False) -> None:
        begun = time.monotonic()
        if self._files:
            # A build is worth more than its record: what can't be written, on a full disk most
            # often, is written the next time or not at all.
            with suppress(OSError):
                self._files.save(self._build, durably=durably)
        self._written = time.monotonic()
        self._pause = max(WRITE_SECONDS, (self._written - begun) / _SHARE)


def _is_stop(error: BaseException | None) -> bool:
    """Whether somebody stopped the build.

    While an extension module is imported, that fails in its own way: an `ImportError` whose cause
    is the interrupt.
    """
    while error is not None:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return True
        error = error.__cause__ if isinstance(error, ImportError) else None
    return False
