"""What a command does when it is told to end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATED = 128 + signal.SIGTERM
_GRACE_SECONDS = 10.0


@contextmanager
def clean_when_terminated() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does: everything is cleaned up on the way out."""
    told = float("-inf")

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal told
        # Who is told twice is cleaning up; but an exit can get lost in somebody's callback.
        if time.monotonic() - told > _GRACE_SECONDS:
            told = time.monotonic()
            sys.exit(TERMINATED)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except Exception:
        if told > float("-inf"):  # the exit was lost in the import of an extension module
            sys.exit(TERMINATED)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
