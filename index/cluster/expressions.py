"""Conditions in the language in which Milvus is asked for rows."""

from __future__ import annotations

import json
from collections.abc import Sequence

from index.cluster.base import Condition, Relation


def expression(conditions: Sequence[Condition]) -> str:
    """Conditions as Milvus writes them."""
    return " and ".join(map(_clause, conditions))


def _clause(condition: Condition) -> str:
    field, relation, values = condition
    if relation in (Relation.AT_LEAST, Relation.AT_MOST):
        return f"{field} {relation} {int(values[0])}"
    # JSON's texts are those of Milvus: in double quotes, with the same escapes.
    listed = json.dumps(list(values), ensure_ascii=False)
    if relation in (Relation.HAS_ANY, Relation.HAS_NONE):
        clause = f"array_contains_any({field}, {listed})"
        return clause if relation is Relation.HAS_ANY else f"not {clause}"
    return f"{field} {relation} {listed}"
