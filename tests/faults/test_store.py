"""The store of a cluster is killed, or hangs, while a service is asked: told, and soon over."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from index.store import Store
from rag.service.problems import CLUSTER_FAILS
from tests.index.cluster.servers import LiteServer
from tests.services import COMMAND, Clients, Service

pytestmark = pytest.mark.slow
TIMEOUT_S = 2.0  # of the store
LITTLE_S = 1.5
SOON = 5.0
CLIENTS = 3
AWAY_S = 6.0


class Seen(NamedTuple):
    """What came of a request.

    Attributes:
        begun: When.
        took: How many seconds.
        status: Of the reply; 0 where there was none.
        said: What it says of the error.
        failed: Legs that had failed.
    """

    begun: float
    took: float
    status: int
    said: str
    failed: list[str]


class Load(Clients):
    """Clients that ask all the while, and never the same."""

    def __init__(self, service: Service) -> None:
        self.seen: list[Seen] = []
        self._service = service
        self._numbers = itertools.count()
        super().__init__(CLIENTS)

    def ask(self, own: int) -> None:
        while not self.stop.wait(0.05):
            begun = time.monotonic()
            status, said, failed = 0, "", []
            try:
                reply = self._service.search(f"모델 {next(self._numbers)}", top_k=2)
                status = 200
                failed = [leg for leg, told in reply["legs"].items() if told == "failed"]
            except urllib.error.HTTPError as error:
                status, said = error.code, json.load(error)["detail"]
            except OSError as error:
                said = str(error)
            self.seen.append(Seen(begun, time.monotonic() - begun, status, said, failed))


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[LiteServer]:
    """A store with a version."""
    pytest.importorskip("milvus_lite")
    with LiteServer(tmp_path_factory.mktemp("milvus") / "data") as there:
        there.wait()
        subprocess.run(
            [*COMMAND, "push", "--data", str(store.folder)],
            env={**os.environ, "NONMUN_PROFILE": "", "NONMUN_CLUSTER__URI": there.uri},
            check=True,
            timeout=60,
        )
        yield there


def _killed(there: LiteServer) -> None:
    there.kill()
    time.sleep(AWAY_S)
    there.start()
    there.wait()


def _hung(there: LiteServer) -> None:
    there.hang()
    time.sleep(AWAY_S)
    there.go_on()


def _wait_for(service: Service) -> None:
    """Until it says that all is well, which has to be soon."""
    ends = time.monotonic() + SOON
    while True:
        with suppress(urllib.error.HTTPError):
            if service.get("/readyz")["trouble"] is None:
                return
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_papers_that_stand_by_answer_meanwhile(there: LiteServer, tmp_path: Path) -> None:
    settings = {"NONMUN_CLUSTER__URI": there.uri, "NONMUN_CLUSTER__TIMEOUT_S": str(TIMEOUT_S)}
    with Service(tmp_path, NONMUN_CLUSTER__STANDBY="20", **settings) as service:
        ends = time.monotonic() + SOON
        while not list(tmp_path.rglob("standby.msgpack")):
            assert time.monotonic() < ends
            time.sleep(0.05)
        with Load(service) as load:
            _killed(there)
            _wait_for(service)
            time.sleep(2)
    assert {one.status for one in load.seen} == {200}, load.seen
    assert sum(one.failed == ["dense"] for one in load.seen) > 20
    assert load.seen[-1].failed == []


@pytest.mark.parametrize("away", [_killed, _hung])
def test_it_is_told_at_once_and_soon_over(
    there: LiteServer, tmp_path: Path, away: Callable[[LiteServer], None]
) -> None:
    settings = {"NONMUN_CLUSTER__URI": there.uri, "NONMUN_CLUSTER__TIMEOUT_S": str(TIMEOUT_S)}
    with Service(tmp_path, **settings) as service, Load(service) as load:
        time.sleep(2)
        gone = time.monotonic()
        away(there)
        back = time.monotonic()
        _wait_for(service)
        time.sleep(2)
    assert {one.status for one in load.seen} == {200, 503}, load.seen
    assert max(one.took for one in load.seen) < TIMEOUT_S + LITTLE_S
    meanwhile = [one for one in load.seen if gone + TIMEOUT_S + LITTLE_S < one.begun < back]
    assert len(meanwhile) > 20
    assert {one.status for one in meanwhile} == {503}
    assert {one.said for one in meanwhile} == {CLUSTER_FAILS}
    # One of all tries it, and waits; the others are told at once.
    assert sorted(one.took for one in meanwhile)[len(meanwhile) // 2] < 0.5
    again = next(one for one in load.seen if one.begun > back and one.status == 200)
    assert again.begun + again.took - back < SOON
    others = [
        one for one in load.seen if one.begun < gone - LITTLE_S or one.begun > again.begun + 1
    ]
    assert others
    assert not any(one.failed or one.status != 200 for one in others)
