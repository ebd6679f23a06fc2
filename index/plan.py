"""What a build would change, by what the papers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.papers import Paper
from index.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build would change, as ids."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int


def make_plan(papers: Sequence[Paper], live: Snapshot | None) -> Plan:
    """Compare papers with those of the live snapshot, by what they say."""
    before = {}
    if live:
        before = {name: _said(live.paper(row)) for row, name in enumerate(live.ids)}
    after = {paper.id: _said(paper) for paper in papers}
    changed = tuple(name for name in after if name in before and after[name] != before[name])
    added = tuple(name for name in after if name not in before)
    return Plan(
        added,
        changed,
        tuple(name for name in before if name not in after),
        len(after) - len(added) - len(changed),
    )


def _said(paper: Paper) -> tuple[object, ...]:
    """What a paper says, wherever in whichever file it says it."""
    about = (
        paper.title,
        paper.url,
        paper.dates,
        paper.votes,
        paper.authors,
        paper.more_authors,
        paper.thumbnail,
    )
    return (*about, tuple((section.name, section.text) for section in paper.sections))
