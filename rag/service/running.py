"""Run the app: in this process, or in several that share what this one has loaded."""

from __future__ import annotations

import gc
import math
import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import uvicorn
from fastapi import FastAPI

from index.cluster.store import ClusterStore
from index.encoders import EncoderKind, EncoderSettings, LateKind, LateSettings
from index.manifest import Manifest
from index.papers import Paper
from index.snapshot import Snapshot
from index.store import Store
from rag.search import Searcher
from rag.service.app import create_app
from rag.service.connections import limited
from rag.service.live import Live
from rag.service.observing import set_up_logging
from rag.service.work import Work
from rag.settings import ServerGroup, Settings
from rag.stores import open_store


def run(
    settings: Settings, taken: socket.socket, on_ready: Callable[[Manifest, Paper | None], None]
) -> None:
    """Serve on a socket until the process is told to stop.

    Args:
        settings: All settings.
        taken: Listens already.
        on_ready: Called with what is served and its newest paper, if that is at hand, before the
            first request.

    Raises:
        NonmunError: There is no index to serve, or a setting can't be used.
    """
    set_up_logging(settings.server.log_format)
    store = open_store(settings)
    server = settings.server
    connection = limited(server.connections, server.idle_s)
    options = {**_options(server), "http": connection}

    def load(live: Live) -> FastAPI:
        app = create_app(live, settings)
        work: Work = app.state.work
        connection.limits.on_refusal = work.metrics.refused
        return app

    if server.workers == 1:
        live = _opened(store, settings)
        app = load(live)
        on_ready(live.searcher.snapshot.manifest, live.searcher.newest())
        uvicorn.Server(uvicorn.Config(app, **options)).run(sockets=[taken])
        return
    from rag.service.workers import run_workers

    if isinstance(store, ClusterStore):
        # A process that has spoken with a cluster can't be forked: gRPC would wait for ever.
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            manifest = apart.submit(_manifest_there, settings).result()
        on_ready(manifest, None)
        run_workers(
            lambda: load(_opened(open_store(settings), settings)),
            server,
            taken,
            options,
            preload=False,
        )
        return
    snapshot = store.open_best().snapshot
    if _can_fork(snapshot, settings):
        live = _opened(store, settings)
        app = load(live)
        on_ready(live.searcher.snapshot.manifest, live.searcher.newest())
        del snapshot
        gc.collect()
        gc.freeze()  # what is never looked at is never copied
        run_workers(lambda: app, server, taken, options, preload=True)
        return
    searcher = Searcher(snapshot, settings.search)
    on_ready(snapshot.manifest, searcher.newest())
    del snapshot, searcher
    run_workers(lambda: load(_opened(store, settings)), server, taken, options, preload=False)


def _manifest_there(settings: Settings) -> Manifest:
    """What is live in the cluster that the settings name, in a process of its own."""
    store = open_store(settings)
    version = store.live()
    for one in store.versions():
        if one.version == version:
            return one.manifest
    return store.open_best().snapshot.manifest  # it says what is wrong


def _opened(store: Store | ClusterStore, settings: Settings) -> Live:
    live = Live(store, settings)
    live.refresh()
    return live


def _can_fork(snapshot: Snapshot, settings: Settings) -> bool:
    """Whether what a search loads can be shared with processes that are forked off.

    The threads of torch are not there after a fork, and who asks for them waits for ever.
    """
    manifest = snapshot.manifest
    encoder = EncoderSettings.from_json(manifest.encoder).kind
    late = LateSettings.from_json(manifest.late).kind
    universal = encoder is EncoderKind.UNIVERSAL and late in (LateKind.UNIVERSAL, LateKind.OFF)
    return universal and not settings.rerank.model


def _options(server: ServerGroup) -> dict[str, Any]:
    """What uvicorn is told, but for its connections."""
    return {
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "log_level": "error",  # what a client sends wrong is the client's, and may be sent often
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(server.proxies),
        "forwarded_allow_ips": list(server.proxies),
        "timeout_keep_alive": math.ceil(server.idle_s),
        "timeout_graceful_shutdown": math.ceil(server.grace_s),
    }
