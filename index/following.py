"""Digests as they change: when to build again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from index.checking import find_golden
from index.digests.sources import find_files, state_of_file

SECONDS = 2.0

State = frozenset[tuple[str, tuple[int, ...]]]


def state_of(sources: Iterable[str | Path], beside: Iterable[Path] = ()) -> State:
    """What is another when a digest was added, written, moved or taken away.

    Args:
        sources: Directories, files and globs.
        beside: Other files that a build reads, whether they are there or not.
    """
    sources = list(sources)
    files, _ = find_files(sources)
    others = [*find_golden(sources), *beside]
    states = [(str(file.path), file.state) for file in files]
    return frozenset([*states, *((str(path), state_of_file(path)) for path in others)])


def changes(
    look: Callable[[], State], wait: Callable[[float], object] = time.sleep
) -> Iterator[State]:
    """Yield whenever something has changed and then stayed as it is for a moment.

    Folders are looked at, not listened to: that works for network shares and globs too, and
    costs milliseconds.

    Args:
        look: Tells the state; a state that was yielded is not yielded again until it changes.
        wait: For so many seconds.

    Yields:
        The state as it was when it had settled; at once the one that is there.
    """
    done: State | None = None
    seen = look()
    while True:
        if seen != done:
            done = seen
            yield seen
        wait(SECONDS)
        before, seen = seen, look()
        while seen != before:  # somebody is writing
            wait(SECONDS)
            before, seen = seen, look()
