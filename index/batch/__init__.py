"""Work of a build that other processes do, here or on the machines of a cluster."""

from index.batch.base import BatchKind, BatchSettings, Pool, Work
from index.batch.registry import open_pool

__all__ = ["BatchKind", "BatchSettings", "Pool", "Work", "open_pool"]
