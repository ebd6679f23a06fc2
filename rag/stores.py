"""Where what is asked is published: on this machine, or in a cluster."""

from __future__ import annotations

from index.cluster.store import CACHE, ClusterStore
from index.store import Store
from rag.settings import Settings


def open_store(settings: Settings) -> Store | ClusterStore:
    """Where what is served is published: the cluster that the settings name, or the data folder.

    Nothing is opened yet.
    """
    cluster = settings.cluster.settings()
    if cluster is None:
        return Store(settings.data)
    return ClusterStore(cluster, settings.data / CACHE)
