"""Nearest neighbours: one port, an adapter a file."""

from index.vectors.base import Neighbours, VectorIndex
from index.vectors.clusters import centroids, nearest
from index.vectors.faiss import FaissIndex

__all__ = ["FaissIndex", "Neighbours", "VectorIndex", "centroids", "nearest"]
