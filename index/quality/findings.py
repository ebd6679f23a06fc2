"""Findings: a paper, a flag and the evidence."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import msgspec

from index.papers import Paper

MAX_QUOTE = 80  # characters


class Flag(StrEnum):
    """A doubt about a paper's summary."""

    SUMMARY_MISMATCH = "summary-mismatch"
    DUPLICATE_SUMMARY = "duplicate-summary"
    TEMPLATE_TEXT = "template-text"
    UNTRANSLATED = "untranslated"


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a paper is flagged.

    `evidence` is one line of English with a short quote. `start` and `end` are a span of the
    text of the section `section`; without a section the finding is about the whole summary.
    """

    paper: str
    flag: Flag
    evidence: str
    section: str = ""
    start: int = 0
    end: int = 0


def quote(text: str) -> str:
    """At most MAX_QUOTE characters of a text, on one line, to stand in evidence."""
    # Most of a long text is cut off, and splitting all of it would be for nothing.
    line = " ".join(text[: 10 * MAX_QUOTE].split())
    shown = "".join(c if c.isprintable() else "\ufffd" for c in line[: MAX_QUOTE + 1])
    return shown if len(shown) <= MAX_QUOTE else shown[: MAX_QUOTE - 1].rstrip() + "…"


def in_place(papers: Sequence[Paper]) -> Sequence[Paper]:
    """Papers as `oldest_first` has them, in whatever order they come and if they are empty.

    Those that are in place are given back as they are: they may lie on disk.
    """

    def place(paper: Paper) -> tuple[dt.date, str, int, str]:
        day = paper.date or dt.date.min
        if not paper.sections:
            return day, "", 0, paper.id
        source = paper.sections[0].source
        return day, source.file, source.start, paper.id

    places = [place(paper) for paper in papers]
    if all(one <= other for one, other in pairwise(places)):
        return papers
    return [papers[row] for row in sorted(range(len(places)), key=places.__getitem__)]


def in_order(findings: Iterable[Finding], papers: Sequence[Paper]) -> list[Finding]:
    """Findings by the place of their paper, then by flag, then as they stand in the summary."""
    findings = list(findings)
    named = {finding.paper for finding in findings}
    places: dict[str, int] = {}
    sections: dict[tuple[str, str], int] = {}
    for row, paper in enumerate(papers):
        if paper.id in named:
            places[paper.id] = row
            for number, section in enumerate(paper.sections):
                sections.setdefault((paper.id, section.name), number)

    def place(finding: Finding) -> tuple[int, str, int, int, int, str]:
        section = sections.get((finding.paper, finding.section), -1)
        number = places[finding.paper]
        return number, finding.flag, section, finding.start, finding.end, finding.evidence

    return sorted(findings, key=place)


def write_findings(path: Path, findings: Iterable[Finding]) -> None:
    """Write what `read_findings` reads."""
    path.unlink(missing_ok=True)  # somebody may have it open
    rows = [asdict(finding) for finding in findings]
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def read_findings(path: Path) -> tuple[Finding, ...]:
    """Read findings.

    Raises:
        OSError: It can't be read.
        ValueError: These are none.
    """
    return tuple(msgspec.json.decode(path.read_bytes(), type=list[Finding]))
