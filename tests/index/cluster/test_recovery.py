"""A store that is killed and comes back: told at once, and read again by itself."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from index.cluster import ClusterSettings, open_tables
from index.cluster.base import KEY, Field, FieldKind, Tables
from index.errors import ClusterError
from tests.index.cluster.servers import LiteServer

pytestmark = pytest.mark.slow
SOON = 5.0
TIMEOUT = 1.0
AWAY = 15.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiteServer]:
    pytest.importorskip("milvus_lite")
    with LiteServer(tmp_path / "data") as server:
        yield server


def soon(work: Callable[[], object], seconds: float) -> float:
    """How long it took until it worked."""
    began = time.monotonic()
    while True:
        with suppress(ClusterError, OSError):
            work()
            return time.monotonic() - began
        assert time.monotonic() - began < seconds
        time.sleep(0.1)


def test_a_store_that_was_killed_is_told_at_once_and_read_again_by_itself(
    server: LiteServer,
) -> None:
    settings = ClusterSettings(uri=server.uri, timeout_s=TIMEOUT)
    opened: list[Tables] = []
    soon(lambda: opened.append(open_tables(settings)), 30)
    (tables,) = opened
    tables.create("some", [Field("vector", FieldKind.DENSE, 4, exact=True)])
    vectors = np.eye(4, dtype=np.float32)
    tables.insert("some", {KEY: range(4), "vector": list(vectors)})
    tables.finish("some")

    def first() -> int:
        return int(tables.search("some", "vector", vectors[2], 1).rows[0])

    assert first() == 2
    server.kill()
    began = time.monotonic()
    with pytest.raises(ClusterError, match="can't be reached"):
        first()
    assert time.monotonic() - began < TIMEOUT + 2
    began = time.monotonic()
    for _ in range(20):  # one of them may try, all others are told at once
        with pytest.raises(ClusterError, match="can't be reached"):
            first()
    assert time.monotonic() - began < TIMEOUT + 2
    server.start()
    server.wait()
    assert soon(first, SOON) < SOON
    assert first() == 2
    tables.close()


def test_a_store_that_stays_away_is_tried_as_often_as_at_first(server: LiteServer) -> None:
    """gRPC would wait longer after each try, and find a store late that was gone for long."""
    settings = ClusterSettings(uri=server.uri, timeout_s=TIMEOUT)
    opened: list[Tables] = []
    soon(lambda: opened.append(open_tables(settings)), 30)
    (tables,) = opened
    server.kill()
    tries: list[float] = []
    with socket.socket() as refusing:
        refusing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        refusing.bind(("127.0.0.1", server.port))
        refusing.listen()
        refusing.settimeout(0.1)
        ends = time.monotonic() + AWAY
        while time.monotonic() < ends:
            with suppress(ClusterError):
                tables.names()
            with suppress(TimeoutError):
                refusing.accept()[0].close()
                tries.append(time.monotonic())
    tables.close()
    assert max(later - one for one, later in itertools.pairwise(tries)) < 2.5
    assert ends - tries[-1] < 2.5
