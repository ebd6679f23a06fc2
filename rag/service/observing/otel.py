"""Traces by OpenTelemetry, an optional extra: only `open_tracer` imports this."""

from __future__ import annotations

import threading

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rag.service.observing.metrics import bounded
from rag.service.observing.spans import Headers

SHUTDOWN_SECONDS = 5.0
_CARRIED = (b"traceparent", b"tracestate")


def over_http(endpoint: str, service_name: str) -> OpenTelemetry:
    """Trace to a collector, in batches from a thread of its own."""
    return OpenTelemetry(BatchSpanProcessor(OTLPSpanExporter(endpoint)), service_name)


class OpenTelemetry:
    """Begins spans and hands those that have ended to a processor."""

    def __init__(self, processor: SpanProcessor, service_name: str) -> None:
        # Not the process's: two services in one trace for themselves.
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service_name}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("nonmun")
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, request_id: str, headers: Headers) -> _RequestSpan:
        """Begin the span of a request; its parent is the `traceparent` of the headers."""
        carried = {
            name.decode("ascii"): value.decode("latin-1")
            for name, value in headers
            if name in _CARRIED
        }
        span = self._tracer.start_span(
            "HTTP",  # until it is known what fits
            self._propagator.extract(carried, Context()),
            SpanKind.SERVER,
            {"nonmun.request_id": request_id},
        )
        return _RequestSpan(self._tracer, span)

    def shutdown(self) -> None:
        """Send what has not been sent; what a collector doesn't take in time is let go."""
        # The exporter tries again, and no argument bounds that.
        sending = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        sending.start()
        sending.join(SHUTDOWN_SECONDS)


class _Span:
    __slots__ = ("_context", "_span", "_tracer")

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._context: Context | None = None

    def begin(self, name: str) -> _Span:
        """Begin a span within; where whoever asked samples, and not this, it is no other."""
        if not self._span.is_recording():
            return self
        if self._context is None:
            self._context = set_span_in_context(self._span, Context())
        return _Span(self._tracer, self._tracer.start_span(name, self._context))

    def end(self) -> None:
        """It is done."""
        self._span.end()


class _RequestSpan(_Span):
    __slots__ = ()

    def answer(self, method: str, route: str | None, status: int) -> None:
        """Name it and its attributes as the semantic conventions do, and end it."""
        span, method = self._span, bounded(method)
        known = method != "other"
        span.update_name(" ".join(([method] if known else ["HTTP"]) + ([route] if route else [])))
        span.set_attribute(HTTP_REQUEST_METHOD, method if known else "_OTHER")
        span.set_attribute(HTTP_RESPONSE_STATUS_CODE, status)
        if route:
            span.set_attribute(HTTP_ROUTE, route)
        if status >= 500:
            # Not the error: its text may have words of the query.
            span.set_attribute(ERROR_TYPE, str(status))
            span.set_status(Status(StatusCode.ERROR))
        span.end()
