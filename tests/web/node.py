"""Node and npm, which run and check the page's own scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "rag" / "web"
TESTS = Path(__file__).parent


def unable(reason: str) -> NoReturn:
    """Skip a test that can't run here; where everything has to run, it has failed."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


def tool(name: str) -> str:
    """Where a program is."""
    return shutil.which(name) or unable(f"{name} is not installed")


def node(*args: str, zone: str = "UTC") -> subprocess.CompletedProcess[str]:
    """Run Node, with what it is given, in the folder of the page and in a time zone."""
    return subprocess.run(
        [tool("node"), *args],
        cwd=WEB,
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
