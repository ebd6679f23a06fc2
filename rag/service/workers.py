"""Several processes that serve one socket, by gunicorn: it replaces one that dies or hangs."""

from __future__ import annotations

import math
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

from fastapi import FastAPI
from gunicorn.app.base import BaseApplication
from uvicorn_worker import UvicornWorker

from rag.settings.server import ServerGroup

_KILLED_AFTER_S = 5  # beyond the time for what runs
_HANGS_AFTER_S = 60  # without a sign of life


def run_workers(
    load: Callable[[], FastAPI],
    server: ServerGroup,
    taken: socket.socket,
    options: dict[str, Any],
    *,
    preload: bool,
) -> None:
    """Serve on a socket until the process is told to stop.

    Args:
        load: Gives the app.
        server: How many processes.
        taken: Listens already.
        options: What uvicorn is told.
        preload: Whether to load before the processes are made, so that they share it.
    """
    told = {**options, "timeout_notify": 1}  # seconds
    worker = type("Worker", (_Worker,), {"CONFIG_KWARGS": told})
    chosen = {
        "bind": f"fd://{os.dup(taken.fileno())}",  # gunicorn closes it, and so does the caller
        "workers": server.workers,
        "worker_class": worker,
        "preload_app": preload,
        "timeout": _HANGS_AFTER_S,
        "graceful_timeout": math.ceil(server.grace_s) + _KILLED_AFTER_S,
        "control_socket_disable": True,
        "loglevel": "warning",
    }
    _Application(load, chosen).run()


class _Worker(UvicornWorker):  # type: ignore[misc]
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop as when told by SIGTERM: what Ctrl-C makes of it would be waited for in vain."""
        signal.raise_signal(signal.SIGTERM)

    async def callback_notify(self) -> None:
        """Give a sign of life, or stop where the process that waits for it was killed."""
        self.notify()
        if self.ppid != os.getppid():
            signal.raise_signal(signal.SIGTERM)


class _Application(BaseApplication):
    def __init__(self, load: Callable[[], FastAPI], chosen: dict[str, Any]) -> None:
        self._load = load
        self._chosen = chosen
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._chosen.items():
            self.cfg.set(name, value)

    def load(self) -> FastAPI:
        return self._load()
