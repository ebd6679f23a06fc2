"""What a reader has to say about a source: where, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """`PROBLEM`: something could not be read. `NOTE`: all was read, but it is worth knowing."""

    PROBLEM = "problem"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """One remark about a source; `line` counts from 1, `None` means the file as a whole."""

    file: str
    line: int | None
    reason: str
    severity: Severity = Severity.PROBLEM

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.reason}"
