"""What is wrong with a cluster is one line of the command, and nothing is published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from index.cluster import ClusterSettings
from index.cluster.base import Field, FieldKind
from index.cluster.versions import PASSAGES, ClusterVersions
from index.store import Store
from tests.index.cluster.memory import MemoryTables
from tests.index.cluster.servers import OLD_TOKEN, old_server
from tests.rag.test_cli import QUESTION, Run, run
from tests.rag.test_cluster_commands import clustered, data, tables

__all__ = ["clustered", "data", "run", "tables"]


def refused(run: Run, *words: object) -> str:
    """What a command says that does not do it: one line, but for how far it came."""
    assert run(*words) == 1
    *progress, line = run.err.strip().splitlines()
    assert not any("nonmun:" in one or "Traceback" in one for one in progress)
    return line


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterSettings]:
    """A server that asks for a password."""
    pytest.importorskip("milvus")
    with old_server(tmp_path_factory.mktemp("asking"), asks=True) as settings:
        yield settings


@pytest.mark.slow
@pytest.mark.parametrize("command", ["push", "search", "forget"])
@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("root:wrong", "refuses cluster.token: auth check failure"),
        ("root", "refuses cluster.token: auth check failure"),
        ("", "wants to be shown NONMUN_CLUSTER__TOKEN=USER:PASSWORD"),
        (OLD_TOKEN, "is Milvus v2.3.5-lite; for sparse vectors it has to be 2.4 or newer"),
    ],
)
def test_a_password_that_is_wrong_or_missing_and_an_old_server(
    run: Run,
    data: Path,
    asking: ClusterSettings,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    token: str,
    told: str,
) -> None:
    from pymilvus import MilvusClient

    monkeypatch.setenv("NONMUN_CLUSTER__URI", asking.uri)
    monkeypatch.setenv("NONMUN_CLUSTER__TOKEN", token)
    words = {"push": [], "search": [QUESTION], "forget": ["1706.03762"]}[command]
    line = refused(run, command, *words, "--data", data)
    assert line.startswith(f"nonmun: {asking.uri} {told}")
    if token != OLD_TOKEN:
        assert "Milvus" not in line
        assert token not in line or not token
    client = MilvusClient(asking.uri, token=OLD_TOKEN)
    assert client.list_collections() == []
    client.close()


def test_an_address_where_nobody_is(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pymilvus")
    monkeypatch.setenv("NONMUN_CLUSTER__URI", "http://127.0.0.1:1")
    for words in (["push"], ["search", QUESTION]):
        line = refused(run, *words, "--data", data)
        assert line.startswith("nonmun: http://127.0.0.1:1 can't be reached: ")
        assert "refused" in line


@pytest.mark.usefixtures("clustered")
class TestVersions:
    @pytest.fixture
    def version(self, run: Run, data: Path, tables: MemoryTables) -> str:
        assert run("push", "--data", data) == 0
        return str(Store(data).live())

    def asked(self, run: Run, folder: Path) -> str:
        return refused(run, "search", QUESTION, "--data", folder)

    def test_one_that_is_half_written(
        self, run: Run, version: str, tables: MemoryTables, tmp_path: Path
    ) -> None:
        tables.unpoint(f"nonmun_{version}")
        line = self.asked(run, tmp_path / "serving")
        assert line == f"nonmun: version {version} is half-written in the cluster; push it again"

    def test_vectors_of_another_dimension(
        self, run: Run, version: str, tables: MemoryTables, tmp_path: Path
    ) -> None:
        name = ClusterVersions(tables, "nonmun").table(version, PASSAGES)
        tables.schemas[name] = [Field("vector", FieldKind.DENSE, 3)]
        line = self.asked(run, tmp_path / "serving")
        assert f"{name} has vectors of 3 dimensions in the cluster" in line
        assert line.endswith("push it again")

    def test_another_encoder(
        self,
        run: Run,
        version: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        another = SimpleNamespace(fingerprint="another")
        monkeypatch.setattr("index.snapshot.open_encoder", lambda _: another)
        line = self.asked(run, tmp_path / "serving")
        assert "was built with the encoder" in line
        assert "the one here is another" in line

    def test_nothing_that_is_published(
        self, run: Run, tables: MemoryTables, tmp_path: Path
    ) -> None:
        line = self.asked(run, tmp_path / "serving")
        assert "nothing is published in http://milvus:19530" in line
        assert line.endswith("run nonmun push where the index is")
