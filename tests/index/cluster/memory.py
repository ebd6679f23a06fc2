"""`Tables` in memory, by brute force: what Milvus is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from index.cluster.base import KEY, Condition, Field, Floats, Found, Relation, Sparse
from index.errors import ClusterError


class MemoryTables:
    """Every row is looked at; `broken` makes what it names fail."""

    def __init__(self) -> None:
        self.columns: dict[str, dict[str, list[Any]]] = {}
        self.schemas: dict[str, list[Field]] = {}
        self.aliases: dict[str, str] = {}
        self.finished: set[str] = set()
        self.ready: set[str] = set()  # loaded
        self.broken: set[str] = set()
        self.calls: list[str] = []
        self._matrices: dict[tuple[str, str], Any] = {}

    def names(self) -> list[str]:
        self._called("names")
        return sorted(self.columns)

    def create(self, table: str, fields: Sequence[Field]) -> None:
        self._called("create")
        if table in self.columns:
            raise ClusterError(f"{table} is there already")
        self.schemas[table] = list(fields)
        self.columns[table] = {name: [] for name in (KEY, *(field.name for field in fields))}

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        self._called("insert")
        assert columns.keys() == self._there(table).keys()
        assert len({len(values) for values in columns.values()}) == 1
        for name, values in columns.items():
            self.columns[table][name] += values

    def finish(self, table: str) -> None:
        self._called("finish")
        assert table in self.columns
        self.finished.add(table)
        self.ready.add(table)

    def count(self, table: str) -> int:
        self._called("count")
        return len(self._there(table)[KEY])

    def fields(self, table: str) -> list[Field]:
        self._there(table)
        return self.schemas[table]

    def drop(self, table: str) -> None:
        self._called("drop")
        assert table not in self.aliases.values()
        del self.columns[table]
        self.ready.discard(table)
        self.finished.discard(table)
        self._matrices = {key: one for key, one in self._matrices.items() if key[0] != table}

    def search(
        self,
        table: str,
        field: str,
        query: Floats | Sparse,
        count: int,
        conditions: Sequence[Condition] = (),
    ) -> Found:
        self._called(f"search {field}")
        columns = self._there(table)
        self._must_be_ready(table)
        keys = np.array(columns[KEY], np.int64)
        allowed = self._meeting(table, conditions)
        if (table, field) not in self._matrices:
            self._matrices[table, field] = _matrix(columns[field])
        matrix = self._matrices[table, field]
        if isinstance(query, Sparse):
            dense = np.zeros(matrix.shape[1], np.float32)
            known = query.numbers < matrix.shape[1]
            dense[query.numbers[known]] = query.values[known]
            scores = (matrix @ dense).astype(np.float32)
            allowed = allowed & (scores > 0)
        else:
            scores = matrix @ query
        rows = np.flatnonzero(allowed)
        order = rows[np.lexsort((keys[rows], -scores[rows]))][:count]
        return Found(keys[order], scores[order])

    def look_up(
        self, table: str, conditions: Sequence[Condition], fields: Sequence[str]
    ) -> list[dict[str, Any]]:
        self._called("look_up")
        columns = self._there(table)
        self._must_be_ready(table)
        rows = np.flatnonzero(self._meeting(table, conditions)).tolist()
        found = [{name: columns[name][row] for name in (KEY, *fields)} for row in rows]
        return sorted(found, key=lambda row: int(row[KEY]))

    def point(self, name: str, table: str) -> None:
        self._called("point")
        self._there(table)
        self.aliases[name] = table

    def target(self, name: str) -> str | None:
        self._called("target")
        return self.aliases.get(name)

    def close(self) -> None:
        pass

    def load(self, table: str) -> None:
        self._called("load")
        if table not in self.finished:
            raise ClusterError(f"{table} is not finished")
        self.ready.add(table)

    def unload(self, table: str) -> None:
        self._called("unload")
        self._there(table)
        self.ready.discard(table)

    def unpoint(self, name: str) -> None:
        self._called("unpoint")
        del self.aliases[name]

    def _must_be_ready(self, table: str) -> None:
        if table not in self.ready:
            self.load(table)

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if what in self.broken or "all" in self.broken:
            raise ClusterError("the cluster is gone")

    def _there(self, table: str) -> dict[str, list[Any]]:
        if table not in self.columns:
            raise ClusterError(f"there is no {table}")
        return self.columns[table]

    def _meeting(self, table: str, conditions: Sequence[Condition]) -> Any:
        columns = self._there(table)
        found = np.ones(len(columns[KEY]), np.bool_)
        for field, relation, values in conditions:
            meets = _RELATIONS[relation]
            found &= np.array([meets(value, values) for value in columns[field]], np.bool_)
        return found


_RELATIONS: dict[Relation, Any] = {
    Relation.AT_LEAST: lambda value, values: value >= values[0],
    Relation.AT_MOST: lambda value, values: value <= values[0],
    Relation.IN: lambda value, values: value in values,
    Relation.NOT_IN: lambda value, values: value not in values,
    Relation.HAS_ANY: lambda value, values: not set(value).isdisjoint(values),
    Relation.HAS_NONE: lambda value, values: set(value).isdisjoint(values),
}


def _matrix(vectors: Sequence[Any]) -> Any:
    if not isinstance(vectors[0], Sparse):
        return np.stack(vectors)
    ends = np.cumsum([0, *(len(one.numbers) for one in vectors)])
    numbers = np.concatenate([one.numbers for one in vectors])
    values = np.concatenate([one.values for one in vectors])
    kept = numbers < 2**31  # the one that no term has would make it wide
    values = np.where(kept, values, 0).astype(np.float32)
    numbers = np.where(kept, numbers, 0)
    width = int(numbers.max(initial=0)) + 1
    return sparse.csr_matrix((values, numbers, ends), shape=(len(vectors), width))
