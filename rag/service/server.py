"""Serve until told to stop: take the socket, load, and then run one process or several."""

from __future__ import annotations

import os
import resource
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from index.errors import NonmunError
from index.manifest import Manifest
from index.papers import Paper
from rag.settings import Settings
from rag.settings.server import ServerGroup

_BACKLOG = 2048
_COUNTS = "PROMETHEUS_MULTIPROC_DIR"


def serve(settings: Settings, on_ready: Callable[[str, Manifest, Paper | None], None]) -> None:
    """Serve until the process is told to stop.

    Args:
        settings: All settings.
        on_ready: Called with the address, what is served and its newest paper, if that is at
            hand, before the first request.

    Raises:
        NonmunError: The address is taken or open to others, there is no index to serve, or a
            setting can't be used.
    """
    server = settings.server
    server.check_reach()
    _allow_connections()
    with _listen(server) as taken, _shared_counts(server.workers):
        # Not before: what counts looks for the folder of the counts as it is imported.
        from rag.service.running import run

        address = _address(server, taken)
        run(settings, taken, lambda manifest, newest: on_ready(address, manifest, newest))


@contextmanager
def _listen(server: ServerGroup) -> Iterator[socket.socket]:
    host, port = server.host, server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, port))
            taken.listen(_BACKLOG)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise NonmunError(
                f"can't listen on {host} port {port}: {reason}; choose another with --port"
            ) from None
        # uvicorn sends itself the signal again once it has stopped; being told to stop is no error.
        for told in (signal.SIGTERM, signal.SIGINT):
            signal.signal(told, lambda *_: None)
        yield taken


def _address(server: ServerGroup, taken: socket.socket) -> str:
    shown = f"[{server.host}]" if ":" in server.host else server.host
    return f"http://{shown}:{taken.getsockname()[1]}"


def _allow_connections() -> None:
    """Open as many files as the system lets this process: a connection is one."""
    with suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def _shared_counts(workers: int) -> Iterator[None]:
    """Where several processes add up what they count."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="nonmun-counts-") as folder:
        os.environ[_COUNTS] = folder
        try:
            yield
        finally:
            del os.environ[_COUNTS]
