"""A store that is killed and comes back: told at once, and read again by itself."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from index.cluster import ClusterSettings, open_tables
from index.cluster.base import KEY, Field, FieldKind, Tables
from index.errors import ClusterError

pytestmark = pytest.mark.slow
SOON = 5.0
TIMEOUT = 1.0


class Server:
    """Milvus Lite in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = int(taken.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ["-m", "milvus_lite", "server", "--data-dir", str(self._folder)]
        self._process = subprocess.Popen([sys.executable, *words, "--port", str(self.port)])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    pytest.importorskip("milvus_lite")
    server = Server(tmp_path / "data")
    server.start()
    yield server
    server.kill()


def soon(work: Callable[[], object], seconds: float) -> float:
    """How long it took until it worked."""
    began = time.monotonic()
    while True:
        with suppress(ClusterError, OSError):
            work()
            return time.monotonic() - began
        assert time.monotonic() - began < seconds
        time.sleep(0.1)


def test_a_store_that_was_killed_is_told_at_once_and_read_again_by_itself(server: Server) -> None:
    settings = ClusterSettings(uri=f"http://127.0.0.1:{server.port}", timeout_s=TIMEOUT)
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
    soon(lambda: socket.create_connection(("127.0.0.1", server.port), 1).close(), 30)
    assert soon(first, SOON) < SOON
    assert first() == 2
    tables.close()
