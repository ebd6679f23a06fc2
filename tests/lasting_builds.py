"""Builds over HTTP without an index: in place of `nonmun build` a process that waits."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.journal import FOLDER
from index.leases import is_open_in, is_taken
from index.store import Store
from rag.service import builds as builds_module
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings

KEY = "an admin key for the tests"

# It is given the words that `nonmun build` is given.
BEGIN = """
import sys, time
from pathlib import Path
from index.journal import FOLDER, Journal
from rag.commands.stopping import clean_when_terminated
words = sys.argv[1:]
print(*words, file=sys.stderr, flush=True)
def option(name):
    return words[words.index(name) + 1] if name in words else None
def begin():
    return Journal(Path(option("--data")) / FOLDER).begin(option("--id"))
"""
LAST = """
with clean_when_terminated(), begin() as recorder:
    recorder.problems([dict(file="a.md", line=3, reason="no link", severity="problem")])
    recorder.stage("encode", 100)
    time.sleep(0.6)
    recorder.advance(25)
    time.sleep(600)
"""


@pytest.fixture
def builds_data(tmp_path: Path) -> Iterator[Path]:
    """A data folder; every process that builds there is ended."""
    folder = tmp_path / "data"
    yield folder
    for lock in (folder / FOLDER).glob("*.lock"):
        deadline = time.monotonic() + 20
        while is_taken(lock):
            assert time.monotonic() < deadline
            pid = int(lock.read_text(encoding="ascii") or 0)
            if pid not in (0, os.getpid()) and is_open_in(lock, pid):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


@pytest.fixture
def build_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets what runs in place of `nonmun build`; until then it lasts for minutes."""

    def build_by(script: str) -> None:
        monkeypatch.setattr(builds_module, "COMMAND", (sys.executable, "-c", BEGIN + script))

    build_by(LAST)
    monkeypatch.setattr(builds_module, "NICE", 0)  # beside other tests it would take minutes
    return build_by


@pytest.fixture
def connect(builds_data: Path, build_by: Callable[[str], None]) -> Callable[..., TestClient]:
    """Makes a service over the data folder; called again, as after a restart."""

    def connect(
        sources: tuple[str, ...] = ("digests",),
        key: str | None = KEY,
        shown: str | None = KEY,
    ) -> TestClient:
        settings = Settings.model_validate(
            {"data": builds_data, "build": {"sources": sources}, "server": {"admin_key": key}}
        )
        return TestClient(
            create_app(Live(Store(builds_data), settings), settings),
            raise_server_exceptions=False,
            headers={"Authorization": f"Bearer {shown}"} if shown else {},
        )

    return connect


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., dict[str, Any]]:
    """Asks for a build until something is true of it."""

    def wait_for(
        client: TestClient, name: str, true: Callable[[dict[str, Any]], object]
    ) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while True:
            build: dict[str, Any] = client.get(f"/v1/index/builds/{name}").json()
            if true(build):
                return build
            assert time.monotonic() < deadline, build
            time.sleep(0.02)

    return wait_for
