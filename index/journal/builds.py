"""A build and its files: a record, a lock, and the log where a service started it."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from index.durable import write_whole

FOLDER = "builds"  # in the data folder
_ID = re.compile(r"[0-9a-f]{12}")
_LAST_LINES = 5
_LAST_BYTES = 2_000


class BuildState(StrEnum):
    """What has become of a build; `DIED`: its process ended and could not say so."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far a stage is.

    Attributes:
        done: Steps.
        total: Steps.
        rate: Steps a second since the stage began; `None` before the first.
        left_s: Seconds left at that rate; `None` before the first step.
    """

    done: int
    total: int
    rate: float | None = None
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """A build, as its record has it.

    Attributes:
        id: 12 hexadecimal digits.
        number: Greater than that of every build before, whatever the clock says.
        state: What has become of it.
        started: When.
        finished: When; of one that died, when it last wrote its record.
        pid: Of its process, while it is running.
        stage: The current one, or the last.
        progress: Of that stage; `None` where it is a single step.
        index_version: What was published.
        error: Why it failed or died.
        problems: What could not be read, as far as is known yet.
        report: Of one that is done.
    """

    id: str
    number: int
    state: BuildState
    started: datetime
    finished: datetime | None = None
    pid: int | None = None
    stage: str | None = None
    progress: StageProgress | None = None
    index_version: str | None = None
    error: str | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)
    report: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class BuildFiles:
    """The files of a build, by name; said nowhere else."""

    folder: Path
    id: str

    @staticmethod
    def is_id(name: str) -> bool:
        """Whether a name can be a build's, and so a part of a path."""
        return bool(_ID.fullmatch(name))

    @property
    def record(self) -> Path:
        """The build as JSON."""
        return self.folder / f"{self.id}.json"

    @property
    def lock(self) -> Path:
        """Held as long as the build's process lives, whose id it contains."""
        return self.folder / f"{self.id}.lock"

    @property
    def log(self) -> Path:
        """What a process that the service started says on its standard error."""
        return self.folder / f"{self.id}.log"

    @property
    def stop(self) -> Path:
        """There when the process was told to stop."""
        return self.folder / f"{self.id}.stop"

    def pid(self) -> int | None:
        """Of the process that runs the build, as far as is known."""
        try:
            return int(self.lock.read_bytes())
        except (OSError, ValueError):
            return None

    def last_words(self) -> str:
        """The end of the log; empty where there is none."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.strip().splitlines()[-_LAST_LINES:])

    def load(self) -> Build | None:
        """Read the record; one that can't be read is a build that died.

        Returns:
            The build, or `None` where there is no record.
        """
        try:
            build: Build = msgspec.json.decode(self.record.read_bytes(), type=Build)
            return replace(build, id=self.id)  # whatever a copied file says
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            reason = f"{self.record} can't be read: {error}"
            seen = self.written()
            return Build(self.id, 0, BuildState.DIED, seen, finished=seen, error=reason)

    def written(self) -> datetime:
        """When the record was last written."""
        try:
            return datetime.fromtimestamp(self.record.stat().st_mtime, UTC)
        except OSError:
            return datetime.now(UTC)

    def save(self, build: Build, *, durably: bool = False) -> None:
        """Write the record, as a whole or not at all.

        Args:
            build: What to write, all but the process's id.
            durably: So that it survives a power cut.

        Raises:
            OSError: It can't be written; the record is what it was.
        """
        values = msgspec.to_builtins(build)
        del values["pid"]  # it is said in the lock, and only while that is held
        # A file's name need not be UTF-8, and what stands for its bytes can't be sent as JSON.
        data = json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")
        write_whole(self.record, data, durably=durably)

    def remove(self) -> None:
        """Forget the build."""
        for path in self.folder.glob(f"{self.id}.*"):
            with suppress(OSError):
                path.unlink()
