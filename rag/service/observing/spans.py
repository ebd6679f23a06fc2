"""Traces of requests, by whatever is installed for them."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Protocol

from index.errors import SettingsError

Headers = Iterable[tuple[bytes, bytes]]


class Span(Protocol):
    """A piece of work that is being done."""

    def begin(self, name: str) -> Span:
        """Begin a piece of it."""

    def end(self) -> None:
        """It is done."""


class RequestSpan(Span, Protocol):
    """A request that is being answered."""

    def answer(self, method: str, route: str | None, status: int) -> None:
        """Say what became of it, and end it.

        Args:
            method: As the client sent it.
            route: The template of the path; `None` where none fits.
            status: Of the response.
        """


class Tracing(Protocol):
    """Begins spans, and sends those that have ended. No text of a query is in any."""

    def begin(self, request_id: str, headers: Headers) -> RequestSpan:
        """Begin the span of a request; its parent is what the headers name."""

    def shutdown(self) -> None:
        """Send what has not been sent; after a few seconds it is let go."""


SPAN: ContextVar[RequestSpan | None] = ContextVar("span", default=None)


def current_span() -> RequestSpan | None:
    """The span of the request that is being answered here, where requests are traced."""
    return SPAN.get()


def open_tracer(endpoint: str, service_name: str = "nonmun") -> Tracing:
    """Trace to a collector that speaks OTLP over HTTP.

    Args:
        endpoint: The whole address, such as http://localhost:4318/v1/traces.
        service_name: What the traces are found under.

    Raises:
        SettingsError: It is no such address, or OpenTelemetry is not installed.
    """
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError(
            f"traces go to an address such as http://localhost:4318/v1/traces, not {endpoint!r}"
        )
    try:
        from rag.service.observing.otel import over_http
    except ImportError:
        raise SettingsError("traces need OpenTelemetry; pip install 'nonmun[otel]'") from None
    return over_http(endpoint, service_name)
