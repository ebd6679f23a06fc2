"""Apps whose requests are observed."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp

from rag.service.observing import Metrics, Requests, Tracing


def observe(app: FastAPI, metrics: Metrics, tracing: Tracing | None = None) -> None:
    """Put `Requests` around an app, as the service does."""
    build = app.build_middleware_stack

    def build_observed() -> ASGIApp:
        return Requests(build(), metrics, tracing)

    app.build_middleware_stack = build_observed  # type: ignore[method-assign]
