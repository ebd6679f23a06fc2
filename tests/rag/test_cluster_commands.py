"""Commands with a cluster in the profile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from index.cluster.forgetting import ClusterForgotten
from index.cluster.versions import ClusterVersions
from index.store import Store
from tests.index.cluster.memory import MemoryTables
from tests.rag.test_cli import QUESTION, Run, run

__all__ = ["run"]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> MemoryTables:
    tables = MemoryTables()
    for module in ("publishing", "store"):
        monkeypatch.setattr(f"index.cluster.{module}.open_tables", lambda _: tables)
    return tables


@pytest.fixture
def data(store: Store, tmp_path: Path) -> Path:
    return Path(shutil.copytree(store.folder, tmp_path / "data"))


@pytest.fixture
def clustered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NONMUN_CLUSTER__URI", "http://milvus:19530")


@pytest.mark.usefixtures("clustered")
class TestWithACluster:
    def test_push_makes_the_live_version_live_there(
        self, run: Run, data: Path, tables: MemoryTables
    ) -> None:
        assert run("push", "--data", data) == 0
        live = Store(data).live()
        assert f"Version {live} is live in http://milvus:19530." in run.err
        assert ClusterVersions(tables, "nonmun").live() == live
        assert run("push", "--data", data) == 0
        assert f"Version {live} is live already" in run.err

    def test_a_question_is_asked_of_the_cluster(
        self, run: Run, data: Path, tables: MemoryTables, store: Store, tmp_path: Path
    ) -> None:
        assert run("push", "--data", data) == 0
        asked = ["search", QUESTION], ["similar", "1706.03762"], ["ask", QUESTION]
        found = []
        for words in asked:
            assert run(*words, "--data", tmp_path / "empty", "--top-k", 3) == 0
            found.append(run.out)
        monkeypatch = pytest.MonkeyPatch()
        monkeypatch.delenv("NONMUN_CLUSTER__URI")
        for words, said in zip(asked, found, strict=True):
            assert run(*words, "--data", data, "--top-k", 3) == 0
            assert run.out == said
        monkeypatch.undo()

    def test_what_is_forgotten_is_forgotten_there(
        self, run: Run, data: Path, tables: MemoryTables
    ) -> None:
        assert run("forget", "1706.03762", "--data", data) == 0
        assert ClusterForgotten(tables, "nonmun").read().papers == {"1706.03762"}
        assert run("forget", "1706.03762", "--undo", "--data", data) == 0
        assert not ClusterForgotten(tables, "nonmun").read()

    def test_it_is_forgotten_only_where_the_index_is_built(
        self, run: Run, data: Path, tables: MemoryTables, tmp_path: Path
    ) -> None:
        """A machine that only serves has an empty list; nothing may be taken back by it."""
        assert run("forget", "1706.03762", "--data", data) == 0
        for words in (["1810.04805"], ["1706.03762", "--undo"]):
            assert run("forget", *words, "--data", tmp_path / "serving") == 1
            assert "forget where the index is built" in run.err
            assert len(run.err.splitlines()) == 1
        assert ClusterForgotten(tables, "nonmun").read().papers == {"1706.03762"}
        assert not (tmp_path / "serving").exists()

    def test_rollback_goes_back_there_too(self, run: Run, data: Path, tables: MemoryTables) -> None:
        live = Store(data).live()
        assert run("rollback", live, "--data", data) == 0
        assert ClusterVersions(tables, "nonmun").live() == live

    def test_a_cluster_that_is_gone_is_one_line(
        self, run: Run, data: Path, tables: MemoryTables
    ) -> None:
        tables.broken = {"all"}
        assert run("push", "--data", data) == 1
        assert run.err.strip().splitlines()[-1] == "nonmun: the cluster is gone"
        assert run("search", QUESTION, "--data", data) == 1
        assert "nonmun: the cluster is gone" in run.err


def test_push_without_a_cluster_is_a_setting_that_is_missing(run: Run, data: Path) -> None:
    assert run("push", "--data", data) == 2
    assert "setting cluster.uri is empty" in run.err
