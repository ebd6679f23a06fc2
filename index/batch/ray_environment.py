"""What Ray reads from the environment, before it is imported."""

from __future__ import annotations

import os
import secrets


def prepare(*, alone: bool) -> None:
    """Set what the user has not set, for this process and those that Ray starts.

    Args:
        alone: Ray is started here for one build, and nobody else may use it: it listens on
            127.0.0.1 alone, and whoever asks needs a key.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it reports to its makers
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it writes to standard error
    if alone:
        # In spite of its name this says on any system that Ray stays on one machine.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
