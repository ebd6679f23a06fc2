"""Forgets papers and authors, or takes that back, and counts what it means for readers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from index.errors import SnapshotError
from index.forgotten import Forgotten, plain_id
from index.labels import Mask, fold_name
from index.snapshot import Snapshot
from index.store import Store
from rag.errors import ForgetError

MAX_NAME = 300


class Kind(StrEnum):
    """What a name is of."""

    PAPER = "paper"
    AUTHOR = "author"


@dataclass(frozen=True, slots=True)
class Named:
    """A paper or an author, as the list has it."""

    kind: Kind
    name: str

    def forgotten(self) -> Forgotten:
        """This alone."""
        names = frozenset({self.name})
        return Forgotten(papers=names) if self.kind is Kind.PAPER else Forgotten(authors=names)


@dataclass(frozen=True, slots=True)
class Forgot:
    """What came of forgetting a name.

    Attributes:
        named: What is forgotten.
        new: Whether it was not on the list before.
        papers: How many papers of the live version it hides; `None` where none can be read.
    """

    named: Named
    new: bool
    papers: int | None


@dataclass(frozen=True, slots=True)
class TookBack:
    """What came of taking a name off the list.

    Attributes:
        named: What is not forgotten any more.
        papers: How many papers of the live version are back; `None` where none can be read.
        hidden: How many stay hidden, since something else on the list names them too.
    """

    named: Named
    papers: int | None
    hidden: int | None


def forget(store: Store, ids: Iterable[str], authors: Iterable[str]) -> list[Forgot]:
    """Forget papers and authors, in all versions from now on and in those to come.

    Args:
        store: Where they are forgotten.
        ids: Papers, by whatever name.
        authors: Whole names, in any case.

    Raises:
        ForgetError: A name can't be one; nothing is forgotten then.
        SnapshotError: The list can't be read or written.
    """
    named = _named(ids, authors)
    new = store.forgotten.add(*_by_kind(named))
    live = _live(store)
    return [Forgot(one, _has(new, one), _count(_rows(one.forgotten(), live))) for one in named]


def take_back(store: Store, ids: Iterable[str], authors: Iterable[str]) -> list[TookBack]:
    """Take papers and authors off the list.

    Args:
        store: Where they are forgotten.
        ids: Papers, by whatever name.
        authors: Whole names, in any case.

    Raises:
        ForgetError: One is not on the list; nothing is taken off then.
        SnapshotError: The list can't be read or written.
    """
    named = _named(ids, authors)
    known = store.forgotten.read()
    unknown = ", ".join(one.name for one in named if not _has(known, one))
    if unknown:
        raise ForgetError(f"not forgotten: {unknown}; nonmun forget --list shows what is")
    store.forgotten.remove(*_by_kind(named))
    live = _live(store)
    left = _rows(store.forgotten.read(), live)
    done = []
    for one in named:
        rows = _rows(one.forgotten(), live)
        if rows is None or left is None:
            done.append(TookBack(one, None, None))
        else:
            done.append(TookBack(one, _count(rows & ~left), _count(rows & left)))
    return done


def _named(ids: Iterable[str], authors: Iterable[str]) -> list[Named]:
    """The names, each once.

    Raises:
        ForgetError: There is none, or one can't be a name.
    """
    papers = {plain_id(_checked(Kind.PAPER, name)): None for name in ids}
    people = {fold_name(_checked(Kind.AUTHOR, name)): name for name in authors}
    if not papers and not people:
        raise ForgetError("give the id of a paper or --author NAME; --list shows what is forgotten")
    found = [Named(Kind.PAPER, name) for name in papers]
    return [*found, *(Named(Kind.AUTHOR, " ".join(name.split())) for name in people.values())]


def _checked(kind: Kind, name: str) -> str:
    """A name, if it can be one.

    Raises:
        ForgetError: It is empty, endless, or has characters that no name has.
    """
    wanted = "the id of a paper" if kind is Kind.PAPER else "the name of an author"
    if not name.strip():
        raise ForgetError(f"{wanted} should not be empty")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise ForgetError(f"{wanted} should have no control characters, {name[:40]!a} has")
    if len(name) > MAX_NAME:
        raise ForgetError(
            f"{wanted} should have up to {MAX_NAME} characters, {name[:40]!r}... has {len(name):,}"
        )
    return name


def _by_kind(named: Iterable[Named]) -> tuple[list[str], list[str]]:
    named = list(named)
    papers, authors = (
        [one.name for one in named if one.kind is kind] for kind in (Kind.PAPER, Kind.AUTHOR)
    )
    return papers, authors


def _has(forgotten: Forgotten, named: Named) -> bool:
    own = named.forgotten()
    return own.papers <= forgotten.papers and own.authors <= forgotten.authors


def _live(store: Store) -> Snapshot | None:
    """The live snapshot; whatever is wrong with it, the list counts."""
    try:
        return store.open_live()
    except SnapshotError:
        return None


def _rows(forgotten: Forgotten, live: Snapshot | None) -> Mask | None:
    """Which papers of the live version are forgotten; `None` where none can be read."""
    if live is None:
        return None
    rows = forgotten.rows(live)
    return np.zeros(len(live), np.bool_) if rows is None else rows


def _count(rows: Mask | None) -> int | None:
    return None if rows is None else int(rows.sum())
