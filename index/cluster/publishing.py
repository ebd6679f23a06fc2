"""What is published on this machine -> what is published in the cluster that the settings name."""

from __future__ import annotations

from dataclasses import dataclass

from index.cluster.base import ClusterSettings
from index.cluster.forgetting import ClusterForgotten
from index.cluster.pushing import push
from index.cluster.registry import open_tables
from index.cluster.versions import ClusterVersions, PushedVersion
from index.progress import Progress
from index.store import Store


@dataclass(frozen=True, slots=True)
class Published:
    """What came of publishing.

    Attributes:
        version: The version that is live in the cluster.
        before: The one that was before; `None` where there was none.
        retired: Versions that were deleted there because they are old.
    """

    version: str
    before: str | None
    retired: list[str]


def publish(store: Store, settings: ClusterSettings, progress: Progress | None = None) -> Published:
    """Make a cluster serve what is live here, and forget what is forgotten here.

    Args:
        store: Of this machine.
        settings: They name the cluster.
        progress: Told about every paper that is written.

    Raises:
        SnapshotError: Nothing is published here, or it is broken.
        ClusterError: The cluster does not do it; what it served it serves still.
    """
    snapshot = store.open_live(whole=True)
    tables = open_tables(settings)
    try:
        # First: no version is served for a moment as if nothing were forgotten.
        ClusterForgotten(tables, settings.prefix).write(store.forgotten.read())
        versions = ClusterVersions(tables, settings.prefix)
        before = versions.live()
        retired = push(snapshot, versions, settings.keep, progress)
        return Published(snapshot.version, before, retired)
    finally:
        tables.close()


def forget(store: Store, settings: ClusterSettings) -> None:
    """Let a cluster forget what is forgotten here, and nothing else.

    Raises:
        SnapshotError: What is forgotten here can't be read.
        ClusterError: The cluster does not do it.
    """
    tables = open_tables(settings)
    try:
        ClusterForgotten(tables, settings.prefix).write(store.forgotten.read())
    finally:
        tables.close()


def published(settings: ClusterSettings) -> list[PushedVersion]:
    """The versions that are whole in a cluster, the one that was pushed last first.

    Raises:
        ClusterError: It does not say.
    """
    tables = open_tables(settings)
    try:
        return ClusterVersions(tables, settings.prefix).versions()
    finally:
        tables.close()
