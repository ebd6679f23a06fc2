"""Run the app on a socket that is taken before anything is loaded."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable

import uvicorn

from index.errors import NonmunError
from index.store import Store
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings


def serve(settings: Settings, on_ready: Callable[[str, Live], None]) -> None:
    """Serve until the process is told to stop.

    Args:
        settings: All settings.
        on_ready: Called with the address and what is served, before the first request.

    Raises:
        NonmunError: The address is taken, or there is no index to serve.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("rag").setLevel(logging.INFO)
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, port))
            taken.listen(2048)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise NonmunError(
                f"can't listen on {host} port {port}: {reason}; choose another with --port"
            ) from None
        live = Live(Store(settings.data), settings)
        live.refresh()
        shown = f"[{host}]" if family is socket.AF_INET6 else host
        on_ready(f"http://{shown}:{taken.getsockname()[1]}", live)
        # uvicorn sends itself the signal again once it has stopped; being told to stop is no error.
        for told in (signal.SIGTERM, signal.SIGINT):
            signal.signal(told, lambda *_: None)
        config = uvicorn.Config(create_app(live, settings), log_level="warning")
        uvicorn.Server(config).run(sockets=[taken])
