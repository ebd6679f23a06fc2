"""The app, made of the parts it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_fastapi_instrumentator import Instrumentator

from rag.composing import open_composer
from rag.service import problems
from rag.service.builds import Builds
from rag.service.limits import BodyLimit
from rag.service.live import Live
from rag.service.routes import operations, v1
from rag.settings import Settings


def create_app(live: Live, settings: Settings) -> FastAPI:
    """Make the service.

    Args:
        live: What it searches; `live.refresh` was called if it should be ready at once.
        settings: All settings.
    """
    builds = Builds(live.store.folder, settings.build.sources, live.refresh)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        live.watch()
        yield
        live.close()  # a build goes on, and is found by the next service

    app: FastAPI = FastAPIOffline(
        title="nonmun",
        version=version("nonmun"),
        description="Questions in any language over Korean summaries of research papers.",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.live = live
    app.state.builds = builds
    app.state.settings = settings
    app.state.composer = open_composer(settings.generate.settings())
    problems.install(app)
    app.add_middleware(BodyLimit)
    app.include_router(v1)
    app.include_router(operations)
    registry = CollectorRegistry()  # each app its own: two in a process count for themselves
    ProcessCollector(registry=registry)
    Instrumentator(registry=registry).instrument(app).expose(app, include_in_schema=False)
    return app
