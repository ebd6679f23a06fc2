"""Nearest neighbours: one port, an adapter a file."""

from index.vectors.base import Neighbours, VectorIndex
from index.vectors.clusters import centroids, nearest
from index.vectors.faiss import FaissIndex, Known
from index.vectors.sizing import IndexFacts, Kind

__all__ = [
    "FaissIndex",
    "IndexFacts",
    "Kind",
    "Known",
    "Neighbours",
    "VectorIndex",
    "centroids",
    "nearest",
]
