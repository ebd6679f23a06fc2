"""Stores to test with: Milvus Lite in a file, and a server that is started for the tests."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir
from typing import Self

from filelock import FileLock

from index.cluster import ClusterSettings

OLD_TOKEN = "root:Milvus"


def lite(folder: Path) -> ClusterSettings:
    """Milvus Lite, which lives in this process."""
    return ClusterSettings(uri=str(folder / "lite.db"), timeout_s=20)


@contextmanager
def old_server(folder: Path, *, asks: bool = False) -> Iterator[ClusterSettings]:
    """Milvus 2.3.5, the last that comes as a package, on free ports of this machine alone.

    Args:
        folder: For its data.
        asks: Whether it asks for a password; at first it is OLD_TOKEN.
    """
    from milvus import MilvusServer, MilvusServerConfig

    server = MilvusServer(MilvusServerConfig(data_dir=str(folder)))
    server.config.set("authorization_enabled", asks)
    # It looks for free ports and takes them later, and of two at a time one never gets ready.
    with FileLock(Path(gettempdir()) / "nonmun-tests-milvus.lock"):
        server.start()
        try:
            yield ClusterSettings(uri=f"http://127.0.0.1:{server.listen_port}", timeout_s=20)
        finally:
            with suppress(Exception):  # it waits no longer than a few seconds for its end
                server.stop()


class LiteServer:
    """Milvus Lite in a process of its own; as a context manager it is ended in any case."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = int(taken.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to start; `wait` waits for its end."""
        words = ["-m", "milvus_lite", "server", "--data-dir", str(self._folder)]
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        self._process = subprocess.Popen([sys.executable, *words, *address])

    def wait(self) -> None:
        """Until it listens."""
        deadline = time.monotonic() + 30
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def hang(self) -> None:
        """Say nothing any more, and keep all connections."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `hang`."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None
