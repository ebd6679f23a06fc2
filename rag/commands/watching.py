"""`nonmun build --watch`: a build whenever the digests have changed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import typer

from index.following import changes, state_of

_GRACE_SECONDS = 10.0


def watch(sources: Sequence[str], beside: Sequence[Path], words: Sequence[str]) -> None:
    """Build at once and after every change, until somebody ends it.

    Each build is a process of its own, which gives back the memory that it took. One that
    fails has said why, and the next change is tried again.

    Args:
        sources: Directories, files and globs.
        beside: Other files that a build reads.
        words: The command that builds, without the program.
    """
    for _ in changes(lambda: state_of(sources, beside)):
        process = subprocess.Popen([sys.executable, "-m", "rag.cli", *words])  # noqa: S603
        try:
            process.wait()
        except BaseException as stop:  # told to stop: so is the build, and it cleans up
            if isinstance(stop, KeyboardInterrupt):  # a terminal has told it already
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE_SECONDS)
            process.terminate()
            process.wait()
            raise
        typer.echo("nonmun: waiting for changes; Ctrl-C ends it", err=True)
