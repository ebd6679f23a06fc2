"""Builds over HTTP: started, refused, followed, listed."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.journal import FOLDER, Journal
from index.journal.builds import BuildFiles
from rag.service import builds as builds_module
from rag.service.builds import NICE, Builds

Connect = Callable[..., TestClient]
WaitFor = Callable[..., dict[str, Any]]

BUILDS = "/v1/index/builds"
FINISH = """
with begin() as recorder:
    recorder.done("0123456789ab", {"papers": 4})
"""
FAIL = """
from index.errors import SourceError
with begin():
    raise SourceError("no papers in the sources")
"""


def _problem(reply: Any, status: int, *parts: str) -> None:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    for part in parts:
        assert part in reply.json()["detail"]


def _ended(build: dict[str, Any]) -> bool:
    return bool(build["state"] != "running")


class TestStart:
    def test_it_is_accepted_and_can_be_followed(self, connect: Connect, wait_for: WaitFor) -> None:
        client = connect()
        reply = client.post(BUILDS)
        assert reply.status_code == 202
        started = reply.json()
        assert (started["state"], started["finished"], started["error"]) == ("running", None, None)
        assert reply.headers["location"] == f"{BUILDS}/{started['id']}"
        build = wait_for(client, started["id"], lambda build: build["stage"])
        assert (build["stage"], build["state"]) == ("encode", "running")
        assert build["progress"] == {"done": 0, "total": 100, "rate": None, "left_s": None}
        assert build["problems"] == [{"file": "a.md", "line": 3, "reason": "no link"}]
        build = wait_for(client, started["id"], lambda build: build["progress"]["done"])
        progress = build["progress"]
        assert (progress["done"], progress["total"]) == (25, 100)
        assert 0 < progress["rate"] < 25 / 0.6
        assert progress["left_s"] == pytest.approx(75 / progress["rate"], abs=0.1)
        assert build["started"] == started["started"]

    @pytest.mark.parametrize(
        ("body", "options"),
        [
            (None, set()),
            ({}, set()),
            ({"full": True}, {"--full"}),
            ({"force": True}, {"--force"}),
            ({"full": True, "force": True}, {"--full", "--force"}),
        ],
    )
    def test_the_process_is_given_the_sources_and_the_wishes(
        self,
        connect: Connect,
        wait_for: WaitFor,
        build_by: Callable[[str], None],
        builds_data: Path,
        body: dict[str, Any] | None,
        options: set[str],
    ) -> None:
        build_by("begin().failed(' '.join(words))")
        client = connect(("one", "two"))
        name = client.post(BUILDS, json=body).json()["id"]
        words = wait_for(client, name, _ended)["error"].split()
        assert words[:6] == ["one", "two", "--data", str(builds_data), "--id", name]
        assert set(words[6:]) == options

    def test_it_runs_after_the_searches(
        self, connect: Connect, builds_data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(builds_module, "NICE", NICE)
        client = connect()
        name = client.post(BUILDS).json()["id"]
        build = Journal(builds_data / FOLDER).get(name)
        assert build
        assert build.pid
        assert os.getpriority(os.PRIO_PROCESS, build.pid) == NICE
        assert os.getsid(build.pid) == build.pid
        group = Path(f"/proc/{build.pid}/autogroup")
        if group.exists() and group.read_text(encoding="ascii"):
            assert group.read_text(encoding="ascii").split()[-2:] == ["nice", str(NICE)]

    def test_what_it_did_is_told_when_it_is_done(
        self, connect: Connect, wait_for: WaitFor, build_by: Callable[[str], None]
    ) -> None:
        build_by(FINISH)
        client = connect()
        done = wait_for(client, client.post(BUILDS).json()["id"], _ended)
        assert (done["state"], done["index_version"]) == ("done", "0123456789ab")
        assert done["report"] == {"papers": 4}
        assert done["finished"]
        build_by(FAIL)
        failed = wait_for(client, client.post(BUILDS).json()["id"], _ended)
        assert (failed["state"], failed["error"]) == ("failed", "no papers in the sources")
        assert (failed["index_version"], failed["report"]) == (None, None)

    def test_the_service_is_told_when_one_is_done(
        self, builds_data: Path, build_by: Callable[[str], None], caplog: Any
    ) -> None:
        told = threading.Event()

        def on_done() -> None:
            told.set()
            raise RuntimeError("for the test")

        builds = Builds(builds_data, ["digests"], on_done)
        for script, expected in ((FAIL, False), (FINISH, True)):
            build_by(script)
            caplog.clear()
            name = builds.start().id
            for thread in threading.enumerate():
                if thread.name == "follow-build":
                    thread.join()
            assert told.is_set() is expected
            assert any(name in record.getMessage() for record in caplog.records)
        assert "can't be served yet" in caplog.text

    def test_no_zombie_is_left(self, builds_data: Path, build_by: Callable[[str], None]) -> None:
        build_by("sys.exit('no')")
        name = Builds(builds_data, ["digests"]).start().id
        pid = BuildFiles(builds_data / FOLDER, name).pid()
        deadline = time.monotonic() + 20
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)


class TestRefused:
    def test_a_second_with_the_id_of_the_first(self, connect: Connect) -> None:
        client = connect()
        first = client.post(BUILDS).json()["id"]
        _problem(client.post(BUILDS, json={"full": True}), 409, f"build {first} is running")
        assert [build["id"] for build in client.get(BUILDS).json()["builds"]] == [first]

    def test_one_beside_a_build_from_a_shell(
        self, connect: Connect, builds_data: Path, wait_for: WaitFor
    ) -> None:
        command = [*builds_module.COMMAND, "digests", "--data", str(builds_data)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as shell:
            client = connect()
            deadline = time.monotonic() + 20
            while not (listed := client.get(BUILDS).json()["builds"]):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            (build,) = listed
            _problem(client.post(BUILDS), 409, build["id"])
            assert client.post(f"{BUILDS}/{build['id']}/cancel").json()["state"] == "cancelled"
            assert shell.wait() == 143

    def test_all_but_one_that_are_started_at_the_same_moment(self, connect: Connect) -> None:
        clients = [connect() for _ in range(6)]
        together = threading.Barrier(len(clients))
        replies: list[Any] = []

        def post(client: TestClient) -> None:
            together.wait()
            replies.append(client.post(BUILDS))

        threads = [threading.Thread(target=post, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(reply.status_code for reply in replies) == [202, *[409] * 5]
        (name,) = (reply.json()["id"] for reply in replies if reply.status_code == 202)
        assert all(name in reply.text for reply in replies)

    @pytest.mark.parametrize(
        ("sources", "key", "shown", "status"),
        [
            (("digests",), "right", None, 401),
            (("digests",), "right", "wrong", 401),
            (("digests",), None, "any", 401),
            (("digests",), None, None, 403),
            ((), "right", "right", 409),
        ],
    )
    def test_without_a_key_or_sources(
        self,
        connect: Connect,
        sources: tuple[str, ...],
        key: str | None,
        shown: str | None,
        status: int,
    ) -> None:
        client = connect(sources, key, shown)
        _problem(client.post(BUILDS), status)
        client.headers.pop("authorization", None)
        assert client.get(BUILDS).json() == {"builds": []}

    def test_a_request_that_names_what_is_read(self, connect: Connect) -> None:
        reply = connect().post(BUILDS, json={"sources": ["/etc"]})
        _problem(reply, 422)
        assert reply.json()["errors"][0]["field"] == "sources"

    def test_one_that_cannot_be_recorded(
        self, connect: Connect, builds_data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        client = connect()
        with monkeypatch.context() as patch:
            patch.setattr(BuildFiles, "save", full)
            _problem(client.post(BUILDS), 503, "can't write in builds", "no space left on device")
        assert client.get(BUILDS).json() == {"builds": []}
        assert client.post(BUILDS).status_code == 202

    def test_one_in_a_folder_that_is_none(self, connect: Connect, builds_data: Path) -> None:
        builds_data.write_text("a file", encoding="utf-8")
        client = connect()
        _problem(client.post(BUILDS), 503, "can't write in")
        assert client.get(BUILDS).json() == {"builds": []}

    def test_one_whose_process_cannot_be_made(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = connect()
        with monkeypatch.context() as patch:
            patch.setattr(builds_module, "COMMAND", ("/no/such/python",))
            _problem(client.post(BUILDS), 503, "no such file")
        (build,) = client.get(BUILDS).json()["builds"]
        assert build["state"] == "failed"
        assert "no such file" in build["error"]
        assert client.post(BUILDS).status_code == 202


class TestList:
    def test_the_newest_is_first_and_none_has_its_report(
        self, connect: Connect, wait_for: WaitFor, build_by: Callable[[str], None]
    ) -> None:
        client = connect()
        assert client.get(BUILDS).json() == {"builds": []}
        names = []
        for script in (FINISH, FAIL):
            build_by(script)
            names.append(client.post(BUILDS).json()["id"])
            wait_for(client, names[-1], _ended)
        listed = connect(shown=None).get(BUILDS).json()["builds"]
        assert [build["id"] for build in listed] == names[::-1]
        assert [build["state"] for build in listed] == ["failed", "done"]
        for build in listed:
            assert not {"report", "problems", "pid"} & set(build)
            whole = client.get(f"{BUILDS}/{build['id']}").json()
            assert build.items() <= whole.items()

    @pytest.mark.parametrize(
        "name",
        ["none", "..%2Fx", "%2e%2e%2fx", "a" * 12, "a" * 5000, "A" * 12, "빌드", "%00", "a%0a"],
    )
    def test_a_build_that_is_not_there(
        self, connect: Connect, builds_data: Path, name: str
    ) -> None:
        (builds_data / FOLDER).mkdir(parents=True)
        (builds_data / "x.json").write_text("{}", encoding="utf-8")
        client = connect()
        _problem(client.get(f"{BUILDS}/{name}"), 404)
        _problem(client.post(f"{BUILDS}/{name}/cancel"), 404)
        assert len(client.get(f"{BUILDS}/{name}").json()["detail"]) < 200
