"""How all commands print numbers and JSON."""

from __future__ import annotations

import json


def print_json(value: object) -> None:
    """Print JSON that people can read too."""
    print(json.dumps(value, ensure_ascii=False, indent=1))


def count(number: int, name: str) -> str:
    """A number of things: `1 paper`, `4,342 papers`."""
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def share(value: float, digits: int) -> str:
    """A number from 0 to 1, always as wide: `.697`, `1.00`."""
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("0") else f"{value:.{digits - 1}f}"
