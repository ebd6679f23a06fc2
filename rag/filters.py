"""Filters: which papers and passages a question is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from index.cluster import Condition, conditions
from index.labels import fold_name
from index.scoring import Allowed, Mask
from index.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Filters:
    """What a paper or passage has to be; `None` and empty ask for nothing.

    A paper passes `since` and `until` by any of its dates, `authors` by any of them in any
    case; `sections` chooses passages, and papers that have such a passage.
    """

    since: date | None = None
    until: date | None = None
    min_votes: int | None = None
    authors: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    exclude_flags: tuple[str, ...] = ()

    def apply(self, snapshot: Snapshot) -> Allowed | None:
        """Find what passes; `None` means everything."""
        if self == Filters():
            return None
        papers = self._papers(snapshot)
        passages = papers[snapshot.owners]
        if self.sections:
            wanted = {fold_name(name) for name in self.sections}
            passages &= snapshot.sections.rows_named(wanted)
            papers = np.zeros_like(papers)
            papers[snapshot.owners[np.flatnonzero(passages)]] = True
        return Allowed(papers, passages)

    def conditions(self) -> list[Condition]:
        """The same, but for `sections`, as a cluster's store filters papers and passages."""
        return [
            *conditions.between(self.since, self.until),
            *conditions.with_votes(self.min_votes),
            *conditions.by_authors(self.authors),
            *conditions.with_ids(self.ids),
            *conditions.without_flags(self.exclude_flags),
        ]

    def _papers(self, snapshot: Snapshot) -> Mask:
        mask = np.ones(len(snapshot), np.bool_)
        if self.since or self.until:
            since = self.since.isoformat() if self.since else ""
            until = self.until.isoformat() if self.until else "9999-99-99"
            mask &= snapshot.dates.rows_between(since, until)
        if self.min_votes is not None:
            mask &= snapshot.votes >= max(self.min_votes, 0)  # -1 is a paper without votes
        if self.authors:
            wanted = {fold_name(name) for name in self.authors}
            mask &= snapshot.authors.rows_named(wanted)
        if self.ids:
            rows = [row for row in map(snapshot.row_of, self.ids) if row is not None]
            chosen = np.zeros_like(mask)
            chosen[rows] = True
            mask &= chosen
        if self.exclude_flags:
            mask &= ~snapshot.flagged(self.exclude_flags)
        return mask


def leave_out(snapshot: Snapshot, allowed: Allowed | None, papers: Mask) -> Allowed:
    """What may be found, without some papers: a mask (papers,) of those."""
    kept = ~papers if allowed is None else allowed.papers & ~papers
    passages = kept[snapshot.owners]
    return Allowed(kept, passages if allowed is None else passages & allowed.passages)
