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


@dataclass(frozen=True, slots=True)
class AboutPaper(Problem):
    """A remark about a paper, with its id and authors as far as they could be read.

    For whoever decides whether the remark may be made: it may quote the paper.
    """

    paper: str = ""
    authors: tuple[str, ...] = ()

    def plain(self) -> Problem:
        """The remark alone."""
        return Problem(self.file, self.line, self.reason, self.severity)
