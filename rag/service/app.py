"""The app, made of the parts it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from anyio import to_thread
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from index.errors import NonmunError, SnapshotError
from index.report import Report
from rag.service import docs, page, problems
from rag.service.admission import Admission
from rag.service.builds import Builds
from rag.service.headers import SecurityHeaders
from rag.service.keys import Keys
from rag.service.limits import BodyLimit
from rag.service.live import Live
from rag.service.observing import Metrics, Readings, Requests, Served, open_tracer
from rag.service.rates import Rates
from rag.service.ready import Readiness
from rag.service.routes import allowed_methods, operations, v1
from rag.service.work import Work
from rag.settings import Settings

_SENT = ["Authorization", "Content-Type", "X-Request-ID", "X-Request-Timeout"]
_SHOWN = ["X-Request-ID", "RateLimit", "RateLimit-Policy", "Retry-After", "Location"]


def create_app(live: Live, settings: Settings) -> FastAPI:
    """Make the service.

    Args:
        live: What it searches; `live.refresh` was called if it should be ready at once.
        settings: All settings.

    Raises:
        SettingsError: A setting can't be used, or a package is missing; it is named.
    """
    server = settings.server
    builds = Builds(live.store.folder, settings.build.sources, live.refresh)
    metrics = Metrics(Readings(lambda: _served(live), builds.all, lambda: work.waiting))
    work = Work(live, settings, metrics)
    readiness = Readiness(live)
    tracing = open_tracer(server.traces) if server.traces else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # A worker that takes the place of another was forked from what was loaded at the start.
        with suppress(NonmunError):
            await to_thread.run_sync(live.refresh)
        live.watch()
        yield
        live.close()  # a build goes on, and is found by the next service
        work.stop()
        readiness.stop()
        if tracing:
            await to_thread.run_sync(tracing.shutdown)  # it waits for what is being sent

    app: FastAPI = FastAPIOffline(
        title="nonmun",
        version=version("nonmun"),
        description="Questions in any language over Korean summaries of research papers.",
        lifespan=lifespan,
        # What FastAPI tells by itself has whole addresses and the texts of errors in it.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        docs_url=None,
        redirect_slashes=False,  # to wherever the Host header says
        redoc_url=None,
    )
    app.state.work = work
    app.state.builds = builds
    app.state.readiness = readiness
    problems.install(app, metrics, allowed_methods, live.store.folder)
    docs.install(app)
    app.include_router(v1)
    app.include_router(operations)
    page.read_page()  # what is missing is told now, not to the first who asks
    app.include_router(page.router)
    # From the inside: what is refused early costs little.
    app.add_middleware(BodyLimit, seconds=server.idle_s, metrics=metrics)
    if server.rate_limit:
        app.add_middleware(Rates, rate=server.rate_limit, metrics=metrics)
    app.add_middleware(Keys, settings=server, metrics=metrics)
    app.add_middleware(Admission, work=work, metrics=metrics)
    if server.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=server.origins,
            allow_methods=["GET", "POST"],
            allow_headers=_SENT,
            expose_headers=_SHOWN,
        )
    # Around what answers unexpected errors too, which no middleware is that is added.
    _enclose(app, lambda inner: Requests(SecurityHeaders(inner), metrics, tracing))
    return app


def _enclose(app: FastAPI, enclosed: Callable[[ASGIApp], ASGIApp]) -> None:
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: enclosed(build())  # type: ignore[method-assign]


def _served(live: Live) -> Served | None:
    try:
        snapshot = live.searcher.snapshot
    except SnapshotError:
        return None
    report = Report.read(snapshot.folder)
    papers = snapshot.manifest.papers
    return Served(snapshot.version, papers, report.ended if report else None)
