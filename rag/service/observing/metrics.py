"""What the service counts and measures, in the form that Prometheus reads."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import ValueClass

from index.scoring import Leg
from index.stages import Stage
from rag.citing import Answer, AnswerKind
from rag.generation import Fallback
from rag.legs import Status
from rag.service.observing.readings import OfThisProcess, ProcessReadings, Readings

# A second, when it was made, for every series: it doubles what is sent, and nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGE_SECONDS = (0.0001, 0.00025, 0.0005, *_SECONDS)  # most stages take less than a millisecond
_BATCH = (1, 2, 4, 8, 16, 32)
_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
)
_BAD = frozenset({Status.FAILED, Status.SLOW})


class Refusal(StrEnum):
    """Why a request was not worked on, or given up."""

    QUEUE_FULL = "queue_full"
    DEADLINE = "deadline"
    RATE_LIMIT = "rate_limit"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    NO_REQUEST = "no_request"
    CLIENT_LEFT = "client_left"


class Rendered(NamedTuple):
    """All metrics as text, and its media type."""

    content: bytes
    content_type: str


def bounded(method: str) -> str:
    """The method, or `other`: a client can send any word, and each would be a series."""
    return method if method in _METHODS else "other"


class Metrics:
    """Counts and measures. Safe to use from several threads.

    Where PROMETHEUS_MULTIPROC_DIR was in the environment before prometheus_client was imported,
    what several processes count is told as one.
    """

    def __init__(self, readings: Readings | None = None) -> None:
        """Begin to count.

        Args:
            readings: What is read when the metrics are asked for.
        """
        # Its own: two services in a process count for themselves.
        self._registry = registry = CollectorRegistry()
        self._readings = readings or Readings()
        self._process = ProcessReadings()
        self._requests = Counter(
            "nonmun_requests_total",
            "Requests, by the template of their path",
            ["route", "method", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "nonmun_request_seconds",
            "From the first byte of a request to the last of its response",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        stages = Histogram(
            "nonmun_stage_seconds",
            "What each stage of a question took; encode is part of the legs that need it",
            ["stage"],
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self._stages = {stage: stages.labels(stage) for stage in Stage}
        self._queue_seconds = Histogram(
            "nonmun_queue_seconds",
            "How long requests waited for their turn",
            buckets=_SECONDS,
            registry=registry,
        )
        self._batch_size = Histogram(
            "nonmun_batch_size",
            "How many queries were encoded together",
            buckets=_BATCH,
            registry=registry,
        )
        cache = Counter(
            "nonmun_cache_requests_total",
            "Whether a reply was in the cache",
            ["result"],
            registry=registry,
        )
        self._cache = {True: cache.labels("hit"), False: cache.labels("miss")}
        refused = Counter(
            "nonmun_refused_total",
            "Requests that were refused or given up, by the reason",
            ["reason"],
            registry=registry,
        )
        self._refused = {reason: refused.labels(reason) for reason in Refusal}
        failures = Counter(
            "nonmun_leg_failures_total",
            "Searches that went on without a leg",
            ["leg", "status"],
            registry=registry,
        )
        self._failures = {
            (leg, status): failures.labels(leg, status) for leg in Leg for status in sorted(_BAD)
        }
        answers = Counter(
            "nonmun_answers_total",
            "Questions, by where the words of their answer come from",
            ["kind"],
            registry=registry,
        )
        self._answers = {kind: answers.labels(kind) for kind in AnswerKind}
        fallbacks = Counter(
            "nonmun_answer_fallbacks_total",
            "Answers that were to be generated and were not, or end early, by the reason",
            ["reason"],
            registry=registry,
        )
        self._fallbacks = {reason: fallbacks.labels(reason) for reason in Fallback}
        self._unsupported = Counter(
            "nonmun_unsupported_sentences_total",
            "Generated sentences that were removed: no passage says them",
            registry=registry,
        )

    def request_ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request has been answered, or its client has left.

        Args:
            route: The template of the path, never the path.
            method: As the client sent it.
            status: Of the response; 499 where the client left before it began.
            seconds: From the first byte of the request to the last of the response.
        """
        self._requests.labels(route, bounded(method), str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def stage_ended(self, stage: Stage, seconds: float) -> None:
        """A stage has ended, well or not."""
        self._stages[stage].observe(seconds)

    def queue_left(self, seconds: float) -> None:
        """A request has waited for its turn, and has it."""
        self._queue_seconds.observe(seconds)

    def batch_encoded(self, size: int) -> None:
        """Some queries were encoded together."""
        self._batch_size.observe(size)

    def cache_asked(self, hit: bool) -> None:
        """A reply was looked for in the cache."""
        self._cache[hit].inc()

    def refused(self, reason: Refusal) -> None:
        """A request was refused or given up."""
        self._refused[reason].inc()

    def leg_fared(self, leg: Leg, status: Status) -> None:
        """A search is over; a leg that is fine or off counts for nothing."""
        if status in _BAD:
            self._failures[leg, status].inc()

    def answered(self, answer: Answer) -> None:
        """A question was answered, or told that nothing here answers it."""
        self._answers[answer.kind].inc()
        if answer.fallback:
            self._fallbacks[answer.fallback].inc()
        self._unsupported.inc(answer.unsupported)

    def render(self) -> Rendered:
        """All metrics, of all workers where there are several."""
        told = CollectorRegistry()
        if not getattr(ValueClass, "_multiprocess", False):
            told.register(self._registry)
            told.register(self._readings)
            told.register(self._process)
        else:
            MultiProcessCollector(told)  # type: ignore[no-untyped-call]
            told.register(OfThisProcess(self._readings, ("nonmun_queue_length",)))
            told.register(OfThisProcess(self._process, ("process_",)))
        return Rendered(generate_latest(told), CONTENT_TYPE_LATEST)
