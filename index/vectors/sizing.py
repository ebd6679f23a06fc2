"""Which index suits how many vectors, and how it is described."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from index.settings import VectorSettings

MB = 1_000_000
LEAST_LISTS = 16
_ID_BYTES = 8  # of each vector in a list
_LISTS = 1.6  # times the root of the rows: fewer lists are longer, more take longer to choose from


class Kind(StrEnum):
    """The indexes there are, from the quickest to build to the smallest.

    `EXACT` compares a query with every vector. The others keep the vectors in clusters, of which
    a query visits some: `SQ8` with a byte a dimension, `RABITQ` with a bit.
    """

    EXACT = "exact"
    SQ8 = "sq8"
    RABITQ = "rabitq"


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What a manifest says of an index.

    Attributes:
        kind: Which it is.
        lists: How many clusters; 0 for `EXACT`, as all that follows but `recall`.
        probes: How many of them a query visits.
        rescored: How many of what it finds there are compared with the query exactly, at least.
        recall: The share of the exact ten that it found when it was measured.
        learned_from: How many rows there were when the clusters were learned.
        fit: How near, in the mean, the rows were to their cluster's centre then: a cosine.
    """

    kind: Kind = Kind.EXACT
    lists: int = 0
    probes: int = 0
    rescored: int = 0
    recall: float = 1.0
    learned_from: int = 0
    fit: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The facts as they stand in a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read what `as_json` gave.

        Raises:
            ValueError: There is no such index.
        """
        return cls(**{**values, "kind": Kind(values["kind"])})


def choose(rows: int, dimension: int, settings: VectorSettings) -> Kind:
    """The index for so many vectors.

    Args:
        rows: How many there are.
        dimension: Of each.
        settings: What decides.
    """
    if rows < LEAST_LISTS * LEAST_LISTS:  # no clusters to speak of
        return Kind.EXACT
    if settings.index != "auto":
        return Kind(settings.index)
    if rows <= settings.exact_rows:
        return Kind.EXACT
    fits = rows * (dimension + _ID_BYTES) <= settings.memory_mb * MB
    return Kind.SQ8 if fits else Kind.RABITQ


def lists_for(rows: int) -> int:
    """How many clusters, a power of 2."""
    return max(LEAST_LISTS, int(2 ** round(math.log2(_LISTS * math.sqrt(max(rows, 1))))))
