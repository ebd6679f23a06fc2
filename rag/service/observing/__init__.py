"""Seeing inside the service: its log, its metrics and its traces."""

from rag.service.observing.logs import request_id, set_up_logging
from rag.service.observing.metrics import Metrics, Refusal
from rag.service.observing.readings import Readings, Served
from rag.service.observing.requests import Requests
from rag.service.observing.spans import Tracing, current_span, open_tracer
from rag.service.observing.watching import RequestWatcher

__all__ = [
    "Metrics",
    "Readings",
    "Refusal",
    "RequestWatcher",
    "Requests",
    "Served",
    "Tracing",
    "current_span",
    "open_tracer",
    "request_id",
    "set_up_logging",
]
