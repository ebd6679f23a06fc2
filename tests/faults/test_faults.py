"""Killed builds, full disks, two builds at once: the short form of the scripts beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from index.store import Store
from tests.faults.forked import digest
from tests.services import COMMAND

ROOT = Path(__file__).parents[2]


def _run(script: str, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.faults.{script}", *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_builds_that_are_killed_lose_nothing() -> None:
    found = _run("kills", "--moments", "6", "--every", "9")
    assert found["faults"] == []
    assert found["stages"] >= 8
    assert found["renames"] >= 100
    assert found["kills"] >= 20
    # Some died before they published, and some after.
    assert 0 < found["published"] < found["kills"]


@pytest.mark.slow
def test_builds_on_a_full_disk_lose_nothing() -> None:
    found = _run("full_disk")
    assert found["faults"] == []
    assert found["refused"] >= 30


@pytest.mark.slow
def test_of_two_builds_at_once_one_is_refused(tmp_path: Path) -> None:
    for day in (1, 2):
        digest(tmp_path / "digests", day, f"{day}째 글이다.")
    command = [*COMMAND, "build", str(tmp_path / "digests"), "--data", str(tmp_path / "data")]
    processes = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NONMUN_PROFILE": ""},
        )
        for _ in range(2)
    ]
    said: dict[int, tuple[str, str]] = {}
    readers = [
        threading.Thread(target=lambda one=one: said.update({one.pid: one.communicate()}))
        for one in processes
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(timeout=120)
    done, refused = sorted(processes, key=lambda one: one.returncode)
    assert (done.returncode, refused.returncode) == (0, 1)
    assert "is running" in said[refused.pid][1]
    assert "Traceback" not in said[refused.pid][1]
    assert Store(tmp_path / "data").open_live().manifest.papers == 4
