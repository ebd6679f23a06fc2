"""What is doubted about summaries, with the places in the digests, for their maintainers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from index.papers import Paper, Source
from index.quality import Finding
from rag.filters import Filters
from rag.search import NO_FILTERS, Searcher


@dataclass(frozen=True, slots=True)
class Doubted:
    """A finding, its paper, and where in the digests the text in question stands."""

    paper: Paper
    finding: Finding
    source: Source


class Checked(NamedTuple):
    """So many papers were looked at, and this is doubted, newest paper first."""

    papers: int
    found: list[Doubted]


def check(searcher: Searcher, filters: Filters = NO_FILTERS) -> Checked:
    """What is doubted in the papers that pass the filters."""
    allowed = searcher.allowed(filters)
    snapshot = searcher.snapshot
    found: dict[int, list[Doubted]] = {}
    for finding in snapshot.findings:
        row = searcher.row_of(finding.paper)
        if row is not None and (allowed is None or allowed.papers[row]):
            paper = snapshot.paper(row)
            found.setdefault(row, []).append(Doubted(paper, finding, locate(paper, finding)))
    newest = sorted(found, key=lambda row: (snapshot.paper(row).date or dt.date.min, row))[::-1]
    papers = len(snapshot) if allowed is None else int(allowed.papers.sum())
    return Checked(papers, [one for row in newest for one in found[row]])


def findings_of(searcher: Searcher, paper: Paper) -> Iterator[Doubted]:
    """What is doubted in one paper."""
    for finding in searcher.snapshot.findings:
        if finding.paper == paper.id:
            yield Doubted(paper, finding, locate(paper, finding))


def locate(paper: Paper, finding: Finding) -> Source:
    """Where in the digest the text in question stands; of a whole summary, all of it."""
    for section in paper.sections:
        if section.name == finding.section and finding.end > finding.start:
            return section.locate(finding.start, finding.end)
    first, last = paper.sections[0].source, paper.sections[-1].source
    end = max(first.end, last.end) if first.file == last.file else first.end
    return Source(first.file, first.start, end)
