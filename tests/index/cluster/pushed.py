"""A version in a store, to test with."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from index.cluster.base import Tables
from index.cluster.gathering import Gatherer
from index.cluster.pushing import push
from index.cluster.reading import Reader
from index.cluster.versions import ClusterVersions
from index.manifest import seal
from index.snapshot import Snapshot

KEEP = 3


def renamed(snapshot: Snapshot, version: str) -> Snapshot:
    """The same snapshot under the name of another version."""
    late = snapshot.late
    other = Snapshot(
        snapshot.folder,
        replace(snapshot.manifest, version=version),
        snapshot.plain_encoder,
        None if late is None else late.encoder,
    )
    other.compared = True
    return other


def another(snapshot: Snapshot, folder: Path) -> Snapshot:
    """Another version of the same papers, in a folder of its own."""
    shutil.copytree(snapshot.folder, folder)
    seal(folder, replace(snapshot.manifest, forced=[folder.name]))
    late = snapshot.late
    return Snapshot.open(folder, snapshot.plain_encoder, None if late is None else late.encoder)


def read(versions: ClusterVersions, snapshot: Snapshot, cache: Path) -> Reader:
    """A version that was pushed, with the encoders of its snapshot."""
    return Reader(versions, snapshot.version, cache, snapshot)


def gatherer(tables: Tables, snapshot: Snapshot, cache: Path) -> Gatherer:
    """Gathers from a snapshot that is pushed first."""
    versions = ClusterVersions(tables, "nonmun")
    push(snapshot, versions, KEEP)
    return Gatherer(read(versions, snapshot, cache), ThreadPoolExecutor(6))
