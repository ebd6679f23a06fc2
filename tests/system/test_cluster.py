"""The move from files to a cluster and back, by the commands and processes that an operator has."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import time
import urllib.error
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from index.cluster import ClusterSettings, open_tables
from index.cluster.base import Tables
from index.cluster.versions import ClusterVersions
from index.store import Store
from tests.index.cluster.servers import LiteServer
from tests.services import COMMAND, Clients, Service

SOON = 5.0
ASKED = 6  # times, over a connection each: so often both of two workers are asked
DPO = "2305.18290"
QUESTION = "검색 증강 생성에서 환각을 줄이는 방법"
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/search", {"query": QUESTION}),
    ("/v1/search", {"query": "quantization", "filters": {"sections": ["Summary"]}}),
    ("/v1/ask", {"question": "How can large models be fine-tuned by small low-rank matrices?"}),
    ("/v1/ask", {"question": "김치찌개는 어떻게 끓이나요?"}),
    ("/v1/similar", {"ids": ["1706.03762"], "text": "선호 학습"}),
]


class Crowd(Clients):
    """Asks services all the while, as a balancer would let it; a reply that is no good is kept."""

    def __init__(self, *services: Service) -> None:
        self.failures: list[object] = []
        self.asked = [0, 0]
        self._services: Sequence[Service] = services
        super().__init__(2)

    def move(self, *services: Service) -> None:
        """Ask others; what was asked before has been replied to afterwards."""
        self._services = services
        before = list(self.asked)
        deadline = time.monotonic() + 30
        while any(now < was + 2 for now, was in zip(self.asked, before, strict=True)):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def ask(self, own: int) -> None:
        for number in itertools.count(own):
            if self.stop.wait(0.3):
                return
            services = self._services
            try:
                reply = services[number % len(services)].search(f"모델 {number}", top_k=2)
                if not reply["papers"] or "failed" in reply["legs"].values():
                    self.failures.append(reply)
            # Whatever it is, it is none that a client should see.
            except Exception as error:
                self.failures.append(error)
            self.asked[own] += 1


def started(*words: object) -> subprocess.Popen[str]:
    """A command, in a session of its own."""
    return subprocess.Popen(
        [*COMMAND, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NONMUN_PROFILE": ""},
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> None:
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def soon(holds: Callable[[], bool], seconds: float = SOON) -> float:
    """How many seconds it took until it was so."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


def serve_version(services: Sequence[Service], version: str) -> bool:
    """Whether all of them, and all their workers, reply from a version and say so in `/readyz`."""
    return all(
        service.search(QUESTION, top_k=1)["index_version"] == version
        and service.get("/readyz") == {"status": "ready", "index_version": version, "trouble": None}
        for service in services
        for _ in range(ASKED)
    )


def finds(service: Service, paper: str) -> bool:
    try:
        service.get(f"/v1/papers/{paper}")
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.NOT_FOUND:
            raise
        return False
    return True


def rounded(value: Any) -> Any:
    """A reply without what differs: times, and the last digits of scores."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items() if key != "took_ms"}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 3) if isinstance(value, float) else value


def versions_there(tables: Tables) -> set[str]:
    names = (name.split("_") for name in tables.names())
    return {parts[1] for parts in names if parts[-1] == "papers"}


@pytest.mark.slow
def test_there_and_back_no_request_fails(store: Store, samples: Path, tmp_path: Path) -> None:
    pytest.importorskip("milvus_lite")
    own = Store(Path(shutil.copytree(store.folder, tmp_path / "data")))
    first = str(own.live())
    digests = Path(shutil.copytree(samples, tmp_path / "digests"))
    profile = tmp_path / "cluster.yaml"
    with ExitStack() as running:
        there = running.enter_context(LiteServer(tmp_path / "milvus"))
        profile.write_text(f"cluster:\n  uri: {there.uri}\n", encoding="utf-8")
        building = ["--data", own.folder, "--profile", profile]
        local = running.enter_context(Service(own.folder))
        crowd = running.enter_context(Crowd(local))
        there.wait()
        ended(started("push", *building))

        def begun(name: str, workers: int) -> Service:
            settings = {"NONMUN_PROFILE": str(profile), "NONMUN_SERVER__WORKERS": str(workers)}
            return running.enter_context(Service(tmp_path / name, **settings))

        with ThreadPoolExecutor() as threads:
            served = list(threads.map(begun, ("one", "two"), (1, 2)))
        soon(lambda: serve_version(served, first), 30)
        for path, asked in REQUESTS:
            wanted = rounded(local.post(path, asked))
            assert all(rounded(one.post(path, asked)) == wanted for one in served), path
        crowd.move(*served)
        assert local.stop() == 0

        # A build that is killed while it writes into the cluster, and what makes up for it.
        tables = open_tables(ClusterSettings(uri=there.uri))
        running.callback(tables.close)
        digest = next(iter(sorted(digests.glob("*.md"))))
        text = digest.read_text(encoding="utf-8")
        digest.write_text(text.replace("합니다.", "하였습니다.", 3), encoding="utf-8")
        build = started("build", digests, *building)
        soon(lambda: len(versions_there(tables)) == 2 or build.poll() is not None, 60)
        os.killpg(build.pid, signal.SIGKILL)
        assert build.wait(10) == -signal.SIGKILL
        second = str(own.live())
        assert second != first
        versions = ClusterVersions(tables, "nonmun")
        assert versions.live() == first
        assert serve_version(served, first)

        def switches(version: str, *words: object) -> None:
            command = started(*words, *building)
            soon(lambda: versions.live() == version, 60)
            soon(lambda: serve_version(served, version))
            ended(command)

        switches(second, "push")
        switches(first, "rollback", first)
        assert {one.version for one in versions.versions()} == versions_there(tables)

        assert all(finds(one, DPO) for one in served)
        ended(started("forget", DPO, *building))
        soon(lambda: not any(finds(one, DPO) for one in served for _ in range(ASKED)))

        for name in ("one", "two"):
            shutil.rmtree(tmp_path / name)  # there is nothing that a service misses
        assert all(one.get("/v1/map") for one in served for _ in range(ASKED))
        local = running.enter_context(Service(own.folder))
        assert serve_version([local], first)
        crowd.move(local)
        assert [one.stop() for one in served] == [0, 0]
        there.kill()
        crowd.move(local)
    assert crowd.failures == []
    assert min(crowd.asked) > 10
