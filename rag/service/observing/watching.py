"""Watches the stages of one request: gives it up, measures it, traces it."""

from __future__ import annotations

from collections.abc import Callable

from index.stages import Stage
from rag.service.observing.metrics import Metrics
from rag.service.observing.spans import Span, current_span


class RequestWatcher:
    """A `Watcher` for one request, in one thread."""

    __slots__ = ("_give_up", "_metrics", "_spans")

    def __init__(self, metrics: Metrics, give_up: Callable[[], None] | None = None) -> None:
        """Make it where the request is at hand; its span is taken from there.

        Args:
            metrics: Told what each stage took.
            give_up: Called before every stage; what it raises ends the work.
        """
        self._metrics = metrics
        self._give_up = give_up
        span = current_span()
        self._spans: list[Span] | None = None if span is None else [span]

    def begin(self, stage: Stage) -> None:
        """A stage is about to begin."""
        # First: of a stage that does not begin, nobody tells the end.
        if self._give_up is not None:
            self._give_up()
        if self._spans is not None:
            self._spans.append(self._spans[-1].begin(stage))

    def end(self, stage: Stage, seconds: float) -> None:
        """A stage has ended, well or not."""
        self._metrics.stage_ended(stage, seconds)
        if self._spans is not None:
            self._spans.pop().end()
