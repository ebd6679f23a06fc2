"""What a build would change, by what the papers say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from index.papers import Paper


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build would change, as ids.

    Attributes:
        added: Papers that the live snapshot does not have.
        changed: Papers that say something else there.
        removed: Papers of the live snapshot that are in no source, but for forgotten ones.
        unchanged: How many are neither.
        forgotten: How many papers of the live snapshot go because they are forgotten.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    forgotten: int = 0


def make_plan(
    papers: Sequence[Paper],
    live: Sequence[Paper],
    is_forgotten: Callable[[Paper], bool] = lambda _: False,
) -> Plan:
    """Compare papers with those of the live snapshot, by what they say.

    Args:
        papers: Those of the sources.
        live: Those that are published.
        is_forgotten: Papers of the live snapshot that nobody is to be told about.
    """
    # Rows, not papers: where these are many, they are read from disk when they are asked for.
    before = {paper.id: row for row, paper in enumerate(live)}
    after = {paper.id: row for row, paper in enumerate(papers)}
    changed = tuple(
        name
        for name, row in after.items()
        if name in before and _differ(papers[row], live[before[name]])
    )
    added = tuple(name for name in after if name not in before)
    gone = [name for name in before if name not in after]
    removed = tuple(name for name in gone if not is_forgotten(live[before[name]]))
    unchanged = len(after) - len(added) - len(changed)
    return Plan(added, changed, removed, unchanged, len(gone) - len(removed))


def _differ(one: Paper, other: Paper) -> bool:
    return one is not other and _said(one) != _said(other)


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
