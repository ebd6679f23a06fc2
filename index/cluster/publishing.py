"""What is published on this machine -> what is published in the cluster that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from filelock import FileLock, Timeout

from index.cluster.base import ClusterSettings, Tables
from index.cluster.forgetting import ClusterForgotten
from index.cluster.pushing import push
from index.cluster.registry import open_tables
from index.cluster.versions import ClusterVersions, PushedVersion
from index.errors import ClusterError
from index.progress import Progress
from index.store import Store

_LOCK = "push.lock"
_LIST_LOCK = "push-forgotten.lock"
_PATIENCE_S = 60  # another command holds the list for a few replies of the cluster


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
    with _alone(store, settings), _opened(settings) as tables:
        while True:
            # First: no version is served for a moment as if nothing were forgotten.
            _forget(store, tables, settings)
            versions = ClusterVersions(tables, settings.prefix)
            before = versions.live()
            retired = push(snapshot, versions, settings.keep, progress)
            if store.live() == snapshot.version:
                return Published(snapshot.version, before, retired)
            snapshot = store.open_live(whole=True)  # another was made live meanwhile


def forget(store: Store, settings: ClusterSettings) -> None:
    """Let a cluster forget what is forgotten here, and nothing else.

    Raises:
        SnapshotError: What is forgotten here can't be read.
        ClusterError: The cluster does not do it.
    """
    with _opened(settings) as tables:
        _forget(store, tables, settings)


def published(settings: ClusterSettings) -> list[PushedVersion]:
    """The versions that are whole in a cluster, the one that was pushed last first.

    Raises:
        ClusterError: It does not say.
    """
    with _opened(settings) as tables:
        return ClusterVersions(tables, settings.prefix).versions()


def _forget(store: Store, tables: Tables, settings: ClusterSettings) -> None:
    """Let the list in a cluster say what the one here does.

    Who reads this one waits for whoever has read it before: else he would take back what was
    added meanwhile, and two would write rows with the same keys.
    """
    lock = FileLock(store.folder / _LIST_LOCK, timeout=_PATIENCE_S)
    try:
        lock.acquire()
    except Timeout:
        raise ClusterError(
            f"another command is writing to {settings.uri} what is forgotten; run nonmun push"
        ) from None
    except OSError as error:
        raise ClusterError(f"can't write in {store.folder}: {error.strerror}") from None
    try:
        ClusterForgotten(tables, settings.prefix).write(store.forgotten.read())
    finally:
        lock.release()


@contextmanager
def _opened(settings: ClusterSettings) -> Iterator[Tables]:
    tables = open_tables(settings)
    try:
        yield tables
    finally:
        tables.close()


@contextmanager
def _alone(store: Store, settings: ClusterSettings) -> Iterator[None]:
    """Keep others of this machine from pushing: they would delete what is half-written.

    Raises:
        ClusterError: Another one is pushing.
    """
    lock = FileLock(store.folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ClusterError(
            f"another command is writing to {settings.uri}; when it has ended, what is live here"
            " is live there"
        ) from None
    except OSError as error:
        raise ClusterError(f"can't write in {store.folder}: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()
