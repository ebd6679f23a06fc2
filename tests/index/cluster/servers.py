"""Stores to test with: Milvus Lite in a file, and a server that is started for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir

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
    # It looks for free ports and takes them later: of two at a time both would take the same.
    with FileLock(Path(gettempdir()) / "nonmun-tests-milvus.lock"):
        server.start()
    try:
        yield ClusterSettings(uri=f"http://127.0.0.1:{server.listen_port}", timeout_s=20)
    finally:
        with suppress(Exception):  # it waits no longer than a few seconds for its end
            server.stop()
