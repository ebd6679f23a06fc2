"""Builds over HTTP that end before their time: cancelled, killed, outlived by their service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.journal import FOLDER, Journal
from index.journal.builds import BuildFiles
from rag.service import builds as builds_module

Connect = Callable[..., TestClient]
WaitFor = Callable[..., dict[str, Any]]

BUILDS = "/v1/index/builds"
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
recorder = begin()
recorder.stage("encode", 10)
time.sleep(600)
"""


def _problem(reply: Any, status: int, *parts: str) -> None:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    for part in parts:
        assert part in reply.json()["detail"]


def _ended(build: dict[str, Any]) -> bool:
    return bool(build["state"] != "running")


def _kill(data: Path, name: str) -> None:
    build = Journal(data / FOLDER).get(name)
    assert build
    assert build.pid
    os.kill(build.pid, signal.SIGKILL)


@pytest.fixture
def encoding(connect: Connect, wait_for: WaitFor) -> tuple[TestClient, str]:
    """A service, and the id of a build that is in the middle of something."""
    client = connect()
    name = client.post(BUILDS).json()["id"]
    wait_for(client, name, lambda build: build["stage"] == "encode")
    return client, name


class TestCancel:
    def test_it_ends_and_the_next_can_start(self, encoding: tuple[TestClient, str]) -> None:
        client, name = encoding
        reply = client.post(f"{BUILDS}/{name}/cancel")
        assert reply.status_code == 200
        build = reply.json()
        assert (build["id"], build["state"], build["error"]) == (name, "cancelled", None)
        assert build["finished"]
        assert build["stage"] == "encode"
        assert client.get(f"{BUILDS}/{name}").json() == build
        assert client.post(BUILDS).status_code == 202

    def test_it_needs_the_key(self, connect: Connect, encoding: tuple[TestClient, str]) -> None:
        client, name = encoding
        _problem(connect(shown=None).post(f"{BUILDS}/{name}/cancel"), 401)
        _problem(connect(shown="wrong").post(f"{BUILDS}/{name}/cancel"), 401)
        _problem(connect(key=None, shown=None).post(f"{BUILDS}/{name}/cancel"), 403)
        assert client.get(f"{BUILDS}/{name}").json()["state"] == "running"

    def test_one_that_has_ended_is_refused_with_its_state(
        self, encoding: tuple[TestClient, str]
    ) -> None:
        client, name = encoding
        client.post(f"{BUILDS}/{name}/cancel")
        _problem(client.post(f"{BUILDS}/{name}/cancel"), 409, f"build {name} is cancelled")

    def test_one_that_has_not_said_a_word_yet(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        command = (sys.executable, "-c", "import time; time.sleep(600)")
        monkeypatch.setattr(builds_module, "COMMAND", command)
        client = connect()
        name = client.post(BUILDS).json()["id"]
        assert client.post(f"{BUILDS}/{name}/cancel").json()["state"] == "cancelled"

    def test_one_that_takes_its_time_is_not_waited_for(
        self,
        connect: Connect,
        wait_for: WaitFor,
        builds_data: Path,
        build_by: Callable[[str], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(builds_module, "CANCEL_SECONDS", 0.2)
        build_by(STUBBORN)
        client = connect()
        name = client.post(BUILDS).json()["id"]
        wait_for(client, name, lambda build: build["stage"])
        begin = time.monotonic()
        assert client.post(f"{BUILDS}/{name}/cancel").json()["state"] == "running"
        assert time.monotonic() - begin < 5
        _kill(builds_data, name)
        assert wait_for(client, name, _ended)["state"] == "cancelled"

    def test_a_process_that_is_another_one_is_left_alone(
        self, encoding: tuple[TestClient, str], builds_data: Path
    ) -> None:
        client, name = encoding
        files = BuildFiles(builds_data / FOLDER, name)
        its_own = str(files.pid())
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            files.lock.write_text(str(other.pid), encoding="ascii")
            reply = client.post(f"{BUILDS}/{name}/cancel")
            files.lock.write_text(its_own, encoding="ascii")
            other.communicate(b"\n")
        assert other.returncode == 0
        _problem(reply, 409, "running in a process")
        assert client.get(f"{BUILDS}/{name}").json()["state"] == "running"


class TestDeath:
    def test_a_process_that_was_killed_has_died(
        self, encoding: tuple[TestClient, str], wait_for: WaitFor, builds_data: Path
    ) -> None:
        client, name = encoding
        _kill(builds_data, name)
        build = wait_for(client, name, _ended)
        assert (build["state"], build["stage"]) == ("died", "encode")
        assert build["error"].startswith("the process ended without a word")
        assert f"--id {name}" in build["error"]  # what it said on its standard error
        _problem(client.post(f"{BUILDS}/{name}/cancel"), 409, "died")
        assert client.post(BUILDS).status_code == 202

    def test_why_a_process_could_not_begin_is_told(
        self, connect: Connect, wait_for: WaitFor, build_by: Callable[[str], None]
    ) -> None:
        build_by("sys.exit('nonmun: there is no setting search.tpo_k')")
        client = connect()
        build = wait_for(client, client.post(BUILDS).json()["id"], _ended)
        assert build["state"] == "died"
        assert build["error"].endswith("\nnonmun: there is no setting search.tpo_k")


class TestRestart:
    @pytest.fixture
    def left(self, builds_data: Path, build_by: Callable[[str], None]) -> str:
        """The id of a build whose service is gone."""
        code = (
            "import sys; from pathlib import Path; from rag.service import builds\n"
            "builds.COMMAND = (sys.executable, '-c', sys.argv[2])\n"
            "print(builds.Builds(Path(sys.argv[1]), ['digests']).start().id)"
        )
        command = [sys.executable, "-c", code, str(builds_data), builds_module.COMMAND[2]]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def test_one_that_is_running_is_found_and_can_be_cancelled(
        self, connect: Connect, left: str
    ) -> None:
        client = connect()
        assert client.get(f"{BUILDS}/{left}").json()["state"] == "running"
        _problem(client.post(BUILDS), 409, left)
        assert client.post(f"{BUILDS}/{left}/cancel").json()["state"] == "cancelled"

    def test_one_that_died_meanwhile_is_told(
        self, connect: Connect, wait_for: WaitFor, left: str, builds_data: Path
    ) -> None:
        _kill(builds_data, left)
        client = connect()
        assert wait_for(client, left, _ended)["state"] == "died"
        assert client.post(BUILDS).status_code == 202

    def test_a_service_that_is_stopped_stops_none(
        self, connect: Connect, wait_for: WaitFor
    ) -> None:
        with connect() as client:
            name = client.post(BUILDS).json()["id"]
            wait_for(client, name, lambda build: build["stage"])
        assert connect().get(f"{BUILDS}/{name}").json()["state"] == "running"
