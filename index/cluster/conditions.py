"""What papers and passages of a cluster are filtered by, as conditions on their fields.

Milvus takes names cut to the length of a field, and knows of several days of a paper the first and
the last alone: what meets the conditions may be a little more than what is meant. A service looks
again at what it has gathered, by the same filters as of a snapshot on disk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from index.cluster.base import Condition, Relation, name_of
from index.forgotten import Forgotten
from index.labels import fold_name
from index.papers import paper_id


def between(since: date | None, until: date | None) -> list[Condition]:
    """Papers with a day from one to another, both included; `None` is no bound."""
    conditions = []
    if since is not None:
        conditions.append(Condition("last_day", Relation.AT_LEAST, [since.toordinal()]))
    if until is not None:
        conditions.append(Condition("first_day", Relation.AT_MOST, [until.toordinal()]))
    return conditions


def with_votes(least: int | None) -> list[Condition]:
    """Papers with so many votes."""
    return [] if least is None else [Condition("votes", Relation.AT_LEAST, [max(least, 0)])]


def by_authors(names: Collection[str]) -> list[Condition]:
    """Papers by any of some people, as they write themselves; none asks for nothing."""
    return _any("authors", Relation.HAS_ANY, map(fold_name, names))


def with_ids(names: Collection[str]) -> list[Condition]:
    """Papers by any of their names; none asks for nothing."""
    return _any("id", Relation.IN, [*names, *filter(None, map(paper_id, names))])


def without_flags(flags: Collection[str]) -> list[Condition]:
    """Papers that have none of some flags."""
    return _any("flags", Relation.HAS_NONE, flags)


def passages_in(sections: Collection[str]) -> list[Condition]:
    """Passages of sections with any of some names; none asks for nothing."""
    return _any("section", Relation.IN, map(fold_name, sections))


def papers_with(sections: Collection[str]) -> list[Condition]:
    """Papers that have a section with any of some names."""
    return _any("sections", Relation.HAS_ANY, map(fold_name, sections))


def not_forgotten(forgotten: Forgotten) -> list[Condition]:
    """Papers that are not forgotten, whatever their version is."""
    conditions = _any("plain_id", Relation.NOT_IN, sorted(forgotten.papers))
    return [*conditions, *_any("authors", Relation.HAS_NONE, sorted(forgotten.authors))]


def forgotten_by(forgotten: Forgotten) -> list[Condition]:
    """Papers that are forgotten: those that meet any of these."""
    conditions = _any("plain_id", Relation.IN, sorted(forgotten.papers))
    return [*conditions, *_any("authors", Relation.HAS_ANY, sorted(forgotten.authors))]


def _any(field: str, relation: Relation, names: Iterable[str]) -> list[Condition]:
    listed = list(dict.fromkeys(map(name_of, names)))
    return [Condition(field, relation, listed)] if listed else []
