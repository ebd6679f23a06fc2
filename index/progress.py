"""How a build tells what it is doing."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Somebody who watches a build; every method may do nothing."""

    def stage(self, name: str, total: int) -> None:
        """A stage of `total` steps begins; the one before it has ended."""

    def advance(self, steps: int) -> None:
        """So many more steps of the stage are done."""


class Both:
    """A `Progress` that two others watch."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._watchers = (first, second)

    def stage(self, name: str, total: int) -> None:
        """Tell both."""
        for watcher in self._watchers:
            watcher.stage(name, total)

    def advance(self, steps: int) -> None:
        """Tell both."""
        for watcher in self._watchers:
            watcher.advance(steps)


class Silent:
    """A `Progress` that nobody watches."""

    def stage(self, name: str, total: int) -> None:
        """Do nothing."""

    def advance(self, steps: int) -> None:
        """Do nothing."""
