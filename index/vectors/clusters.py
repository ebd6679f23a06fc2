"""Centroids by FAISS."""

from __future__ import annotations

import faiss
import numpy as np
import numpy.typing as npt

from index.threads import cpu_count
from index.vectors.base import Floats

_ROUNDS = 8
_SEED = 1


def centroids(vectors: Floats, count: int) -> Floats:
    """Spherical k-means: (count, dimension), of length 1.

    Args:
        vectors: (rows, dimension), of length 1; all of them are used.
        count: How many centroids; not more than there are rows.
    """
    faiss.omp_set_num_threads(cpu_count())
    dimension = vectors.shape[1]
    options = faiss.ClusteringParameters()
    options.niter, options.seed, options.spherical = _ROUNDS, _SEED, True
    options.min_points_per_centroid, options.max_points_per_centroid = 1, len(vectors)
    clustering = faiss.Clustering(dimension, count, options)
    points = np.ascontiguousarray(vectors, np.float32)
    clustering.train(points, faiss.IndexFlatIP(dimension))
    found: Floats = faiss.vector_to_array(clustering.centroids).reshape(count, dimension)
    return found


def nearest(vectors: Floats, points: Floats) -> npt.NDArray[np.int64]:
    """The point with the highest dot product for each vector: (rows,)."""
    if not len(vectors):
        return np.zeros(0, np.int64)
    faiss.omp_set_num_threads(cpu_count())
    index = faiss.IndexFlatIP(points.shape[1])
    index.add(np.ascontiguousarray(points, np.float32))
    _, rows = index.search(np.ascontiguousarray(vectors, np.float32), 1)
    found: npt.NDArray[np.int64] = rows[:, 0]
    return found
