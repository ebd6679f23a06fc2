"""Topics: regions of the layout, small ones within large ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from index.threads import one_thread

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_FINE = 1.25  # small regions for the root of the number of papers: 82 of 4,342
_BROAD = 0.58  # the power of their number that the large ones are: 13 of 82
_TRIES = 4
_CORE = 4  # a label stands amid the densest one of so many parts
_SEED = 0


class Topics(NamedTuple):
    """Regions.

    Attributes:
        fine: (papers,) the small region of each.
        parents: (regions,) the large region of each small one.
    """

    fine: Ints
    parents: Ints

    @property
    def broad(self) -> Ints:
        """The large region of each paper: (papers,)."""
        return self.parents[self.fine]


def find_topics(places: Floats) -> Topics:
    """Part a layout into regions: by k-means, and those by Ward's method into larger ones.

    Regions are numbered by their large ones, the largest first. The same places give the same
    regions.
    """
    from sklearn.cluster import KMeans  # as for the latent space

    wanted = max(1, round(_FINE * len(places) ** 0.5))
    wanted = min(wanted, len(np.unique(places, axis=0)))
    if wanted == 1:
        return Topics(np.zeros(len(places), np.int64), np.zeros(1, np.int64))
    with one_thread():
        model = KMeans(wanted, n_init=_TRIES, random_state=_SEED).fit(places.astype(np.float64))
    _, fine = np.unique(model.labels_, return_inverse=True)
    sums = np.stack([np.bincount(fine, weights=side) for side in places.T.astype(np.float64)], 1)
    sizes = np.bincount(fine)
    parents = _merged(sums / sizes[:, None], max(1, round(len(sizes) ** _BROAD)))
    parents = _by_size(np.bincount(parents, sizes))[parents]
    order = np.lexsort((np.arange(len(sizes)), -sizes, parents))
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.arange(len(order))
    return Topics(numbers[fine].astype(np.int64), parents[order])


def _merged(centres: npt.NDArray[np.float64], wanted: int) -> Ints:
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(centres) == 1:
        return np.zeros(1, np.int64)
    found = fcluster(linkage(centres, "ward"), wanted, "maxclust")
    return np.asarray(np.unique(found, return_inverse=True)[1], np.int64)


def _by_size(sizes: npt.NDArray[Any]) -> Ints:
    """The rank of each by its size, largest first."""
    ranks = np.empty(len(sizes), np.int64)
    ranks[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return ranks


def densest(places: Floats) -> tuple[float, float]:
    """Amid the quarter of some places that lies closest together: where a label stands."""
    count = max(1, len(places) // _CORE)
    exact = places.astype(np.float64)
    apart = ((exact[:, None] - exact[None]) ** 2).sum(2)
    reach = np.partition(apart, count - 1, axis=1)[:, count - 1]
    core = np.argsort(apart[int(reach.argmin())], kind="stable")[:count]
    x, y = exact[core].mean(0).tolist()
    return x, y
