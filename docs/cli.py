"""Writes docs/cli.md from the command's own help: `make docs`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COMMANDS = (
    "build",
    "search",
    "ask",
    "similar",
    "terms",
    "check",
    "serve",
    "key",
    "eval",
    "versions",
    "rollback",
    "push",
    "verify",
    "forget",
)
TARGET = Path(__file__).with_name("cli.md")


def help_of(*words: str) -> str:
    """What `nonmun ... --help` prints, at 100 columns."""
    code = "from rag.cli import main; main()"
    environment = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"}
    done = subprocess.run(  # noqa: S603 - our own command, fixed words
        [sys.executable, "-c", code, *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return done.stdout.replace("Usage: -c", "Usage: nonmun").strip()


def render() -> str:
    """The page."""
    parts = ["# The command `nonmun`", "Written by `make docs` from the command's own help."]
    for words in ((), *((command,) for command in COMMANDS)):
        parts.append(f"## nonmun {' '.join(words)}".rstrip())
        parts.append(f"```\n{help_of(*words)}\n```")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
