"""A published version in the store of a cluster: written, switched, and read for questions."""

from index.cluster.base import ClusterSettings, Condition, Tables
from index.cluster.registry import open_tables

__all__ = ["ClusterSettings", "Condition", "Tables", "open_tables"]
