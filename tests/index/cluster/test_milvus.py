"""What is asked of the client of Milvus, where the store does not do it at once."""

from __future__ import annotations

from typing import Any

import pytest

from index.cluster import ClusterSettings
from index.cluster.base import KEY, Condition, Relation, Tables
from index.errors import ClusterError

TIMEOUT_S = 2.0
LONG_TO_LOAD = "wait for loading collection timeout, collection: papers"


class LoadingClient:
    """A client whose collections are not loaded yet, and will not be soon."""

    def __init__(self, *_: object, **__: object) -> None:
        self.waited: list[float] = []

    def get_server_version(self, **_: object) -> str:
        return "2.5.0"

    def query(self, *_: object, **__: object) -> Any:
        from pymilvus import MilvusException

        raise MilvusException(101, "collection not loaded")

    def load_collection(self, _: str, timeout: float) -> None:
        from pymilvus import MilvusException

        self.waited.append(timeout)
        raise MilvusException(message=LONG_TO_LOAD)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    pytest.importorskip("pymilvus")
    from index.cluster.milvus import MilvusTables

    monkeypatch.setattr("index.cluster.milvus.MilvusClient", LoadingClient)
    return MilvusTables(ClusterSettings(uri="http://127.0.0.1:1", timeout_s=TIMEOUT_S))


def test_a_question_does_not_wait_until_millions_of_rows_are_loaded(tables: Any) -> None:
    """Else the threads that answer are all waiting, each for an hour at most."""
    for _ in range(2):  # and the store is not taken for gone
        with pytest.raises(ClusterError, match="wait for loading"):
            tables.look_up("papers", [Condition(KEY, Relation.IN, [0])], [])
    assert tables._client.waited == [TIMEOUT_S, TIMEOUT_S]


def test_a_version_that_is_opened_waits(tables: Any) -> None:
    with pytest.raises(ClusterError, match="wait for loading"):
        tables.load("papers")
    assert tables._client.waited[0] > 60


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(ClusterSettings(uri="http://127.0.0.1:1", token="root:secret"))
