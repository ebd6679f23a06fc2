"""Builds that are started over HTTP: each a process of its own, one at a time."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from rag.errors import BuildRunningError, NoSourcesError

NICE = 10  # searches come first
KEPT = 20

log = logging.getLogger(__name__)


class BuildState(StrEnum):
    """What has become of a build."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Build:
    """A build and how far it is; `report` is there when it is done, `error` when it failed."""

    id: str
    state: BuildState
    started: datetime
    finished: datetime | None = None
    stage: str | None = None
    index_version: str | None = None
    error: str | None = None
    report: dict[str, Any] | None = None


class Builds:
    """Starts `nonmun build` on the sources that the settings name, and watches it."""

    def __init__(self, data: Path, sources: Sequence[str]) -> None:
        self._data = data
        self._sources = tuple(sources)
        self._builds: dict[str, Build] = {}
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def start(self, full: bool = False) -> Build:
        """Start a build.

        Raises:
            NoSourcesError: The settings name no sources.
            BuildRunningError: One is running already.
        """
        if not self._sources:
            raise NoSourcesError("the service was started without build.sources: nothing to read")
        with self._lock:
            running = next(
                (b for b in self._builds.values() if b.state is BuildState.RUNNING), None
            )
            if running:
                raise BuildRunningError(f"build {running.id} is running")
            printed = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - the watcher's
            command = [sys.executable, "-m", "rag.cli", "build", *self._sources]
            command += ["--data", str(self._data), "--json", *(["--full"] if full else [])]
            self._process = subprocess.Popen(  # noqa: S603 - words of ours and of the settings
                command,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
            with suppress(OSError, AttributeError):  # no such thing on Windows
                os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
            build = Build(uuid.uuid4().hex[:12], BuildState.RUNNING, datetime.now(UTC))
            self._builds[build.id] = build
            while len(self._builds) > KEPT:
                del self._builds[next(iter(self._builds))]
        threading.Thread(
            target=self._watch,
            args=(build.id, self._process, printed),
            name="watch-build",
            daemon=True,
        ).start()
        return build

    def get(self, name: str) -> Build | None:
        """A build by its id, among the last ones that this process started."""
        return self._builds.get(name)

    def close(self) -> None:
        """End the build that is running; the live version stays what it is."""
        process = self._process
        if process and process.poll() is None:
            process.terminate()
            process.wait()

    def _watch(self, name: str, process: subprocess.Popen[str], printed: IO[str]) -> None:
        """Follow a build's stages on its standard error, then read its report."""
        complaint = ""
        for line in process.stderr or ():
            if line.startswith("nonmun: "):
                complaint = line.removeprefix("nonmun: ").strip()
            else:
                self._change(name, stage=line.split()[0] if line.split() else None)
        status = process.wait()
        with printed:
            printed.seek(0)
            text = printed.read()
        finished = datetime.now(UTC)
        if status:
            reason = complaint or f"the build ended with status {status}"
            log.error("build %s failed: %s", name, reason)
            self._change(name, state=BuildState.FAILED, finished=finished, error=reason)
            return
        report = json.loads(text)
        version = report.pop("version")
        self._change(
            name, state=BuildState.DONE, finished=finished, index_version=version, report=report
        )

    def _change(self, name: str, **values: Any) -> None:
        with self._lock:
            if name in self._builds:
                self._builds[name] = replace(self._builds[name], **values)
