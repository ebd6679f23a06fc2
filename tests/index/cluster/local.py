"""`Tables` whose vectors are searched by the index of one machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.cluster.base import KEY, Condition, Floats, Found, Sparse
from index.vectors import FaissIndex
from tests.index.cluster.memory import MemoryTables


class FaissTables(MemoryTables):
    """Conditions become the mask of rows that may be found, as a local search has it."""

    def search(
        self,
        table: str,
        field: str,
        query: Floats | Sparse,
        count: int,
        conditions: Sequence[Condition] = (),
    ) -> Found:
        if isinstance(query, Sparse) or table not in self.columns:
            return super().search(table, field, query, count, conditions)
        self._called(f"search {field}")
        self._must_be_ready(table)
        columns = self.columns[table]
        allowed = self._meeting(table, conditions) if conditions else None
        index = FaissIndex(np.stack(columns[field]))
        found = index.search(query[None], count, allowed)
        keys = np.array(columns[KEY], np.int64)
        return Found(keys[found.rows[0]], found.scores[0])
