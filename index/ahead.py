"""What is computed of queries ahead of their search, one step at a time for all that wait.

Each step reads megabytes that another step has pushed out of the processor's cache. For several
queries in a row they are still there, and it takes a third of the time. Every query is computed by
itself, as in its search: beside any others its scores are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from index.encoders.kept import Kept
from index.late import LateQuery
from index.stages import Stage, stage
from index.threads import beside, cpu_count
from index.vectors import Neighbours

if TYPE_CHECKING:
    from index.snapshot import Snapshot

Floats = npt.NDArray[np.float32]

KEPT = 32  # queries; their tokens, compared with all centroids, take 150 kB each


class Near(NamedTuple):
    """What lies near a query, whatever the filters are.

    Attributes:
        vector: (dimension,) its embedding.
        titles: (papers,) the cosines of the titles, standardised; `None` where there are none.
        passages: The nearest.
    """

    vector: Floats
    titles: Floats | None
    passages: Neighbours


class Ahead:
    """What was computed ahead of queries that are asked next."""

    def __init__(self) -> None:
        self._near: Kept[tuple[str, int], Near] = Kept(KEPT)
        self._tokens: Kept[str, LateQuery] = Kept(KEPT)

    def near(self, snapshot: Snapshot, text: str, candidates: int) -> Near:
        """What lies near a query, computed now if it was not before.

        Args:
            snapshot: Where to look.
            text: The query.
            candidates: How many passages.
        """
        return self._near.get((text, candidates)) or near_vector(
            snapshot, embedded(snapshot, text), candidates
        )

    def know(self, text: str, candidates: int, near: Near) -> None:
        """Take what was computed of a query elsewhere."""
        self._near.put((text, candidates), near)

    def tokens(self, snapshot: Snapshot, text: str) -> LateQuery | None:
        """A query's tokens, compared with all centroids now if they were not before.

        `None` where it has none, or the snapshot has no tokens.
        """
        return self._tokens.get(text) or _tokens(snapshot, text)

    def prepare(self, snapshot: Snapshot, texts: Sequence[str], candidates: int) -> None:
        """Compute what some queries need.

        Args:
            snapshot: That they will be asked of.
            texts: The queries.
            candidates: How many passages their searches will look for.
        """
        snapshot.plain_encoder.prepare_queries(texts)
        vectors = [embedded(snapshot, text) for text in texts]
        titles = [_titles(snapshot, vector, candidates) for vector in vectors]
        passages = [snapshot.vectors.search(vector[None], candidates) for vector in vectors]
        nears = map(Near, vectors, titles, passages)
        for text, near in zip(texts, nears, strict=True):
            self._near.put((text, candidates), near)
        if snapshot.late is not None:
            for text in texts:
                tokens = _tokens(snapshot, text)
                if tokens is not None:
                    self._tokens.put(text, tokens)


def embedded(snapshot: Snapshot, text: str) -> Floats:
    """The embedding of a query: (dimension,)."""
    with stage(Stage.ENCODE):
        vector: Floats = snapshot.encoder.encode_query([text])[0]
    return vector


def near_vector(snapshot: Snapshot, vector: Floats, candidates: int) -> Near:
    """What lies near an embedding."""
    if snapshot.vectors.is_exact or cpu_count() == 1:
        passages = snapshot.vectors.search(vector[None], candidates)
        return Near(vector, _titles(snapshot, vector, candidates), passages)
    titles = beside(lambda: _titles(snapshot, vector, candidates))
    passages = snapshot.vectors.search(vector[None], candidates)
    return Near(vector, titles(), passages)


def _titles(snapshot: Snapshot, vector: Floats, candidates: int) -> Floats | None:
    index = snapshot.title_index
    return None if index is None else index.scores(vector, candidates)


def _tokens(snapshot: Snapshot, text: str) -> LateQuery | None:
    late = snapshot.late
    if late is None:
        return None
    with stage(Stage.ENCODE):
        tokens = late.encoder.encode_query_tokens(text, late.space.basis)
    return late.space.query(tokens)
