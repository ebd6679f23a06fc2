"""Opens the store that the settings name; its adapter is imported when it is asked for."""

from __future__ import annotations

from index.cluster.base import ClusterSettings, Tables
from index.errors import ClusterError


def open_tables(settings: ClusterSettings) -> Tables:
    """The store that the settings name.

    Raises:
        ClusterError: It can't be reached, refuses, or is too old; a package is missing.
    """
    try:
        from index.cluster.milvus import MilvusTables
    except ModuleNotFoundError as error:
        if error.name != "pymilvus":
            raise
        raise ClusterError(
            "a cluster needs the package pymilvus, which is not installed:"
            " pip install 'nonmun[cluster]'"
        ) from None
    tables = MilvusTables(settings)
    try:
        tables.check_version()
    except ClusterError:
        tables.close()
        raise
    return tables
