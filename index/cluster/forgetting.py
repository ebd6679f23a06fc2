"""What is forgotten, in the store of a cluster: a list of changes that all services read.

It is for all versions, as the list beside the versions on disk is. A row is never changed: who has
read some rows reads those that came after.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from index.cluster.base import (
    KEY,
    MOST_FOUND,
    NAME_BYTES,
    Condition,
    Field,
    FieldKind,
    Relation,
    Tables,
)
from index.errors import ClusterError
from index.forgotten import NOTHING, Forgotten

_PAPER, _AUTHOR = "paper", "author"
_FORGOTTEN, _TAKEN_BACK = 1, 0
_FIELDS = (
    Field("kind", FieldKind.TEXT, 10),
    Field("name", FieldKind.TEXT, NAME_BYTES),
    Field("forgotten", FieldKind.NUMBER),
)


class ClusterForgotten:
    """The list in a store. Safe to use from several threads."""

    def __init__(self, tables: Tables, prefix: str) -> None:
        self._tables = tables
        self._table = f"{prefix}_forgotten"
        self._next = 0
        self._names: dict[tuple[str, str], int] = {}
        self._known = NOTHING
        self._lock = threading.Lock()

    @property
    def known(self) -> Forgotten:
        """What was forgotten when it was read last; nothing before that."""
        return self._known

    def read(self) -> Forgotten:
        """What is forgotten.

        Raises:
            ClusterError: The store does not say, or there is no list. It is never taken as
                empty: what is forgotten would be found again.
        """
        with self._lock:
            rows, is_new = self._new(), False
            while rows:
                is_new = True
                for row in rows:
                    self._names[row["kind"], row["name"]] = row["forgotten"]
                    self._next = int(row[KEY]) + 1
                rows = self._new() if len(rows) >= MOST_FOUND else []
            if is_new:
                held = [key for key, is_held in self._names.items() if is_held]
                self._known = Forgotten(
                    frozenset(name for kind, name in held if kind == _PAPER),
                    frozenset(name for kind, name in held if kind == _AUTHOR),
                )
            return self._known

    def _new(self) -> list[dict[str, Any]]:
        since = [Condition(KEY, Relation.AT_LEAST, [self._next])]
        return self._tables.look_up(self._table, since, [field.name for field in _FIELDS])

    def write(self, wanted: Forgotten) -> None:
        """Let the list in the store say what another does; only one may write at a time.

        Raises:
            ClusterError: The store does not do it.
        """
        if self._table not in self._tables.names():
            self._tables.create(self._table, _FIELDS)
            self._tables.finish(self._table)
        held = self.read()
        changes = [
            *_changes(_PAPER, held.papers, wanted.papers),
            *_changes(_AUTHOR, held.authors, wanted.authors),
        ]
        if not changes:
            return
        too_long = [name for _, name, _ in changes if len(name.encode()) > NAME_BYTES]
        if too_long:
            raise ClusterError(f"a cluster forgets no name as long as {too_long[0][:100]!r}")
        kinds, names, states = zip(*changes, strict=True)
        self._tables.insert(
            self._table,
            {
                KEY: range(self._next, self._next + len(changes)),
                "kind": kinds,
                "name": names,
                "forgotten": states,
            },
        )


def _changes(
    kind: str, held: frozenset[str], wanted: frozenset[str]
) -> Iterable[tuple[str, str, int]]:
    for name in sorted(wanted - held):
        yield kind, name, _FORGOTTEN
    for name in sorted(held - wanted):
        yield kind, name, _TAKEN_BACK
