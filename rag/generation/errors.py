"""Why there is no generated answer."""

from __future__ import annotations

from enum import StrEnum

from index.errors import NonmunError


class Fallback(StrEnum):
    """Why the caller gives its extractive answer, or why a generated one ends early."""

    TIMED_OUT = "timed-out"
    UNREACHABLE = "unreachable"  # no connection, or one that ended before it answered
    RATE_LIMITED = "rate-limited"  # 429
    REFUSED = "refused"  # any other 4xx: a wrong key, model or request
    FAILED = "failed"  # 5xx, or an error that the server reports amid its stream
    MALFORMED = "malformed"  # not a stream of the protocol, or one that broke off
    EMPTY = "empty"
    UNSUPPORTED = "unsupported"  # there was text, but no sentence of it holds


class GenerationError(NonmunError):
    """There is no generated answer.

    The text never holds what the server or its client library said: servers repeat keys.
    """

    def __init__(self, reason: Fallback, unsupported: int = 0) -> None:
        super().__init__(f"no answer was generated: {reason}")
        self.reason = reason
        self.unsupported = unsupported  # sentences that were written and do not hold
