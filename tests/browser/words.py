"""The page's own words, read from its dictionaries."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "rag" / "web" / "words"
_ENTRY = re.compile(r'^  "?([\w-]+)"?: (".*"),$', re.MULTILINE)
_VALUE = re.compile(r"\{(\w+)\}")


@cache
def dictionary(language: str) -> dict[str, str]:
    """All texts of a language by their names."""
    source = (_FOLDER / f"{language}.js").read_text(encoding="utf-8")
    return {name: json.loads(text) for name, text in _ENTRY.findall(source)}


class Words:
    """A language's texts: `words("found", n=3)`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = dictionary(language)

    def __call__(self, name: str, **values: object) -> str:
        return _VALUE.sub(lambda found: str(values[found[1]]), self._texts[name])

    def begin(self, name: str) -> str:
        """A text up to its first value."""
        return self._texts[name].split("{")[0].strip()
