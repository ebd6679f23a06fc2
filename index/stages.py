"""Stages of a question's work, for whoever measures them or gives the work up between two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import wraps
from time import perf_counter
from types import TracebackType
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Stage(StrEnum):
    """What a question goes through; `encode` is part of the legs that need it.

    Papers are gathered from a cluster alone, before they are ranked.
    """

    GATHER = "gather"
    ENCODE = "encode"
    LEXICAL = "lexical"
    DENSE = "dense"
    LATENT = "latent"
    LATE = "late"
    FUSE = "fuse"
    RERANK = "rerank"
    READ = "read"
    ANSWER = "answer"
    GENERATE = "generate"


class Watcher(Protocol):
    """Is told of each stage, in the thread that does the work."""

    def begin(self, stage: Stage) -> None:
        """A stage is about to begin. What this raises ends the work."""

    def end(self, stage: Stage, seconds: float) -> None:
        """A stage has ended, well or not."""


_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


class stage:  # noqa: N801 - used as a function
    """What is done inside is a stage; where nobody watches, this costs nothing worth naming."""

    __slots__ = ("_begun", "_name", "_watcher")

    def __init__(self, name: Stage) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._watcher = _WATCHER.get()
        if self._watcher is not None:
            self._watcher.begin(self._name)
            self._begun = perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watcher is not None:
            self._watcher.end(self._name, perf_counter() - self._begun)


def staged(name: Stage) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a function a stage."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def run(*args: P.args, **named: P.kwargs) -> T:
            with stage(name):
                return function(*args, **named)

        return run

    return decorate


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell a watcher of all stages of what this thread does inside."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)
