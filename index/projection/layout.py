"""Vectors of papers -> places in a plane, by t-SNE (scikit-learn)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from index.threads import one_thread

Floats = npt.NDArray[np.float32]

_FEW = 5  # papers up to which there are no neighbours to speak of
_NEIGHBOURS = 30  # the perplexity: how many others a paper is to lie near
# The usual 1,000 and 0.5 take more than twice as long for the same (docs/decisions.md).
_STEPS, _ANGLE = 600, 0.8
_SEED = 0


def lay_out(vectors: Floats) -> Floats:
    """Lay out papers so that those lie near each other whose vectors do.

    van der Maaten 2014, "Accelerating t-SNE using tree-based algorithms". The same vectors give
    the same places, to the bit.

    Args:
        vectors: (papers, dimension), one or more.

    Returns:
        (papers, 2) in [-1, 1], the longer side from end to end, both of one scale.
    """
    if len(vectors) <= _FEW or not np.ptp(vectors, axis=0).any():
        return fitted(_principal(vectors))
    from sklearn.manifold import TSNE  # no other command has a use for it

    model = TSNE(
        perplexity=min(_NEIGHBOURS, (len(vectors) - 1) / 3),
        max_iter=_STEPS,
        angle=_ANGLE,
        init="pca",
        random_state=_SEED,
        n_jobs=1,
    )
    with one_thread():
        return fitted(np.asarray(model.fit_transform(vectors)))


def fitted(places: npt.NDArray[np.floating]) -> Floats:
    """Move and scale places into [-1, 1], both sides alike."""
    places = places.astype(np.float64)
    low, high = places.min(0), places.max(0)
    half = float((high - low).max()) / 2
    scaled = (places - (low + high) / 2) / (half or 1.0)
    clipped: Floats = np.clip(scaled, -1, 1).astype(np.float32)
    return clipped


def _principal(vectors: Floats) -> npt.NDArray[np.float64]:
    """The first two principal components: (papers, 2)."""
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(vectors), 2))
    taken = min(2, len(sizes))
    found[:, :taken] = left[:, :taken] * sizes[:taken]
    return found
