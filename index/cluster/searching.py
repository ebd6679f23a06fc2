"""What the searches of one question find in a cluster, leg by leg, and how that is put together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from index.cluster.base import Found, Sparse
from index.cluster.telling import tell
from index.cluster.versions import PLACE_BITS
from index.errors import ClusterError
from index.moments import Distribution, Moments
from index.scoring import TRANSLATED, Leg

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_FIRST = 5  # of each search, whatever they are worth
_NOTHING = Found(np.zeros(0, np.int64), np.zeros(0, np.float32))


@dataclass(slots=True)
class Searched:
    """What the searches of one question found; what was not asked is empty.

    Attributes:
        lexical: By BM25 of papers, translations included.
        own: By the question's own words alone.
        passages: By BM25 of passages; the keys are those of passages.
        dense: By cosines of passages; the same.
        titles: By cosines of titles.
        latent: By cosines in the latent space.
        failed: Why legs were not searched.
    """

    lexical: Found = field(default_factory=lambda: _NOTHING)
    own: Found = field(default_factory=lambda: _NOTHING)
    passages: Found = field(default_factory=lambda: _NOTHING)
    dense: Found = field(default_factory=lambda: _NOTHING)
    titles: Found = field(default_factory=lambda: _NOTHING)
    latent: Found = field(default_factory=lambda: _NOTHING)
    failed: dict[Leg, ClusterError] = field(default_factory=dict)

    @property
    def papers(self) -> Ints:
        """The rows of all papers that were found, ascending."""
        return np.unique(np.concatenate(self._of_papers))

    @property
    def first(self) -> list[int]:
        """The rows of those that stand first in any search: some of a leg's numbers are theirs."""
        return [int(row) for rows in self._of_papers for row in rows[:_FIRST]]

    @property
    def _of_papers(self) -> list[Ints]:
        own = self.lexical.rows, self.own.rows, self.titles.rows, self.latent.rows
        return [*own, self.dense.rows >> PLACE_BITS]


_LEGS = {
    "lexical": Leg.LEXICAL,
    "own": Leg.LEXICAL,
    "passages": Leg.LEXICAL,
    "dense": Leg.DENSE,
    "titles": Leg.DENSE,
    "latent": Leg.LATENT,
}


def waited(searches: Mapping[str, Future[Found]]) -> Searched:
    """What searches found, when they have ended.

    Raises:
        ClusterError: All have failed.
    """
    search = Searched()
    for name, future in searches.items():
        try:
            setattr(search, name, future.result())
        except ClusterError as error:
            search.failed[_LEGS[name]] = error
    if searches and set(search.failed) == {_LEGS[name] for name in searches}:
        raise next(iter(search.failed.values()))
    for why in search.failed.values():
        tell(why)
    for leg in search.failed:  # half of a leg is none
        for name in (name for name, own in _LEGS.items() if own is leg):
            setattr(search, name, _NOTHING)
    return search


def summed(terms: Sequence[int], translations: Sequence[int] = ()) -> Sparse:
    """Terms, and translations for less; one that stands there twice counts twice."""
    sums: dict[int, float] = {}
    for some, weight in ((terms, 1.0), (translations, TRANSLATED)):
        for term in some:
            sums[term] = sums.get(term, 0.0) + weight
    return Sparse(np.array(list(sums), np.int64), np.array(list(sums.values()), np.float32))


def best_passages(found: Found) -> Found:
    """The papers of passages, each as good as its best."""
    # Best first: where a paper comes for the first time, there is its best.
    rows, firsts = np.unique(found.rows >> PLACE_BITS, return_index=True)
    scores = found.scores[firsts]
    order = np.lexsort((rows, -scores))
    return Found(rows[order], scores[order])


def added(one: Found, other: Found) -> Found:
    """The sums of what two searches say of papers."""
    rows = np.union1d(one.rows, other.rows)
    scores = spread(rows, [one], 0.0) + spread(rows, [other], 0.0)
    order = np.lexsort((rows, -scores))
    return Found(rows[order], scores[order])


def least(found: Found) -> float | None:
    """The score of the last that was found; `None` where nothing was."""
    return float(found.scores[-1]) if len(found.scores) else None


def moments_of(found: Found, count: int) -> Moments | None:
    """Mean and deviation of the scores of a corpus: those that were found, and 0 for all others."""
    if not len(found.rows):
        return None
    scores = found.scores.astype(np.float64)
    mean = float(scores.sum()) / count
    variance = max(float(scores @ scores) / count - mean**2, 0.0)
    return Moments(mean, math.sqrt(variance) if variance > 1e-18 else 1.0)


def spread(rows: Ints, found: Sequence[Found], others: float) -> Floats:
    """The scores of rows, and of those that were not found another: (rows,)."""
    scores = np.full(len(rows), others, np.float32)
    for some in found:
        scores[np.searchsorted(rows, some.rows)] = some.scores
    return scores


def best_cosines(rows: Ints, passages: Found) -> Floats:
    """The best cosine of papers' passages; what was not found has that of the last: (rows,)."""
    best = np.full(len(rows), passages.scores[-1], np.float32)
    owners = passages.rows >> PLACE_BITS
    places = np.minimum(np.searchsorted(rows, owners), len(rows) - 1)
    there = rows[places] == owners
    np.maximum.at(best, places[there], passages.scores[there])
    return best


def cosines(
    rows: Ints, found: Sequence[Found], distribution: Distribution | None, vector: Floats
) -> Floats | None:
    """Cosines of papers, standardised; what was not found has that of the last of all."""
    others = least(found[0])
    if distribution is None or others is None:
        return None
    return distribution.moments(vector).standardise(spread(rows, found, others))
