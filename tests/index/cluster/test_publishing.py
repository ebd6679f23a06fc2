"""What is live on a machine is live in the cluster; what is forgotten there is forgotten here."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from index.cluster import ClusterSettings
from index.cluster.base import KEY
from index.cluster.forgetting import ClusterForgotten
from index.cluster.publishing import forget, publish, published
from index.cluster.versions import ClusterVersions
from index.errors import ClusterError, SnapshotError
from index.snapshot import Snapshot
from index.store import Store
from tests.index.cluster.memory import MemoryTables
from tests.index.cluster.pushed import another

SETTINGS = ClusterSettings(uri="memory", keep=2)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> MemoryTables:
    tables = MemoryTables()
    monkeypatch.setattr("index.cluster.publishing.open_tables", lambda _: tables)
    return tables


@pytest.fixture
def own(store: Store, snapshot: Snapshot, tmp_path: Path) -> Store:
    """A store with two versions, of which the first is live."""
    folder = tmp_path / "data"
    shutil.copytree(store.folder, folder)
    other = another(snapshot, tmp_path / "another")
    (tmp_path / "another").rename(folder / "versions" / other.version)
    return Store(folder)


def test_the_cluster_follows_what_is_live(own: Store, tables: MemoryTables) -> None:
    first = own.live()
    second = next(one.version for one in own.versions() if not one.live)
    done = publish(own, SETTINGS)
    assert (done.version, done.before, done.retired) == (first, None, [])
    own.activate(second)
    assert publish(own, SETTINGS).before == first
    assert [(one.version, one.live) for one in published(SETTINGS)] == [
        (second, True),
        (first, False),
    ]
    own.activate(first or "")  # back: nothing is written again
    tables.calls.clear()
    assert publish(own, SETTINGS).version == first
    assert not {"insert", "create"} & set(tables.calls)
    assert ClusterVersions(tables, "nonmun").live() == first


def test_one_that_is_made_live_meanwhile_is_live_there_in_the_end(
    own: Store, tables: MemoryTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who goes back while a version is written is told so, and deletes nothing that is written."""
    first = str(own.live())
    second = next(one.version for one in own.versions() if not one.live)
    finish = tables.finish

    def go_back(table: str) -> None:
        if own.live() == first and second not in table and "forgotten" not in table:
            own.activate(second)
            with pytest.raises(ClusterError, match="another command is writing to memory"):
                publish(own, SETTINGS)
        finish(table)

    monkeypatch.setattr(tables, "finish", go_back)
    assert publish(own, SETTINGS).version == second
    assert [(one.version, one.live) for one in published(SETTINGS)] == [
        (second, True),
        (first, False),
    ]


def test_what_is_forgotten_is_there_before_the_version_is(
    own: Store, tables: MemoryTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.forgotten.add(["1706.03762"], ["Jacob Devlin"])
    with monkeypatch.context() as patch:
        patch.setattr("index.cluster.publishing.push", _fail)
        with pytest.raises(ClusterError):
            publish(own, SETTINGS)
    listed = ClusterForgotten(tables, "nonmun").read()
    assert listed.papers == {"1706.03762"}
    assert listed.authors == {"jacob devlin"}
    own.forgotten.remove([], ["Jacob Devlin"])
    forget(own, SETTINGS)
    assert ClusterForgotten(tables, "nonmun").read() == own.forgotten.read()


def test_what_is_forgotten_while_a_version_is_pushed_is_not_taken_back(
    own: Store, tables: MemoryTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both commands write the list: who has read it before may not write it after."""
    publish(own, SETTINGS)
    names, began, done = tables.names, threading.Event(), threading.Event()

    def forget_more() -> None:
        began.wait(10)
        own.forgotten.add(["1706.03762"])
        forget(own, SETTINGS)
        done.set()

    other = threading.Thread(target=forget_more)
    other.start()

    def slowly() -> list[str]:
        if threading.current_thread() is not other and not began.is_set():
            began.set()  # this one has read the list of this machine
            done.wait(0.5)
        return names()

    monkeypatch.setattr(tables, "names", slowly)
    publish(own, SETTINGS)
    other.join(10)
    assert ClusterForgotten(tables, "nonmun").read().papers == {"1706.03762"}
    keys = tables.columns["nonmun_forgotten"][KEY]
    assert len(set(keys)) == len(keys)


def test_nothing_is_pushed_where_nothing_is_published(tables: MemoryTables, tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="no index in"):
        publish(Store(tmp_path), SETTINGS)
    assert tables.names() == []


def test_a_broken_version_is_not_pushed(own: Store, tables: MemoryTables) -> None:
    path = own.folder / "versions" / str(own.live()) / "glossary.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(SnapshotError, match=r"glossary\.json"):
        publish(own, SETTINGS)
    assert ClusterVersions(tables, "nonmun").live() is None


def _fail(*_: object) -> None:
    raise ClusterError("the cluster is gone")
