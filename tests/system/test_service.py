"""The service as a user runs it: a process of its own, reached over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.journal import BuildState, Journal
from tests.services import COMMAND, Service


def _write(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "2024-05-01.md").write_text(
        f"### [A Paper](https://arxiv.org/abs/2405.00001)\n\n- **What's New**: {text}\n",
        encoding="utf-8",
    )


def _build(folder: Path, data: Path) -> str:
    command = [*COMMAND, "build", str(folder), "--data", str(data), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    version: str = json.loads(done.stdout)["version"]
    return version


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    _write(tmp_path / "digests", "강화 학습을 다룬다.")
    return tmp_path / "digests"


@pytest.fixture
def service(digests: Path, tmp_path: Path) -> Iterator[Service]:
    _build(digests, tmp_path / "data")
    with Service(tmp_path / "data") as running:
        yield running


def test_it_greets_with_its_address_and_stops_when_told(service: Service) -> None:
    assert "serves 1 paper " in service.greeting
    assert service.search("강화 학습")["papers"][0]["id"] == "2405.00001"
    assert service.stop() == 0


def test_a_build_is_taken_up_while_clients_ask(
    service: Service, digests: Path, tmp_path: Path
) -> None:
    failures: list[Exception] = []
    seen: set[tuple[str, str]] = set()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                reply = service.search("강화 학습")
                text = reply["papers"][0]["passages"][0]["text"]
                seen.add((reply["index_version"], text))
            except Exception as error:
                failures.append(error)

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    before = service.search("강화 학습")["index_version"]
    _write(digests, "확산 모형과 강화 학습을 잇는다.")
    version = _build(digests, tmp_path / "data")
    deadline = time.monotonic() + 20
    while service.search("강화 학습")["index_version"] != version:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stop.set()
    for client in clients:
        client.join()
    assert failures == []
    assert seen == {
        (before, "강화 학습을 다룬다."),
        (version, "확산 모형과 강화 학습을 잇는다."),
    }
    assert service.stop() == 0


@pytest.mark.parametrize(("told", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_build_that_is_stopped_leaves_nothing_and_says_so(
    tmp_path: Path, told: signal.Signals, status: int
) -> None:
    samples = Path(__file__).parents[2] / "index" / "samples"
    process = subprocess.Popen(
        [*COMMAND, "build", str(samples), "--data", str(tmp_path / "data")],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("analyse"):
            process.send_signal(told)
            break
    rest = process.stderr.read()
    assert process.wait(timeout=20) == status
    assert rest.splitlines()[-1] == "nonmun: stopped"
    assert "Traceback" not in rest
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"build.lock", "builds"}
    (build,) = Journal(tmp_path / "data" / "builds").all()
    assert (build.state, build.stage) == (BuildState.CANCELLED, "analyse")
