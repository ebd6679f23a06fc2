"""The contract of the stores: by brute force, by FAISS, in Milvus Lite, and in a Milvus server."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from index.cluster import ClusterSettings, open_tables
from index.cluster.base import KEY, Condition, Field, FieldKind, Floats, Relation, Sparse, Tables
from index.errors import ClusterError
from tests.index.cluster.local import FaissTables
from tests.index.cluster.memory import MemoryTables
from tests.index.cluster.servers import lite, old_server

ROWS, DIMENSION = 2_000, 16
RANDOM = np.random.default_rng(0)
VECTORS: Floats = RANDOM.normal(size=(ROWS, DIMENSION)).astype(np.float32)
NAMES = ("jacob devlin", "o'neil", '"quoted" \\ name', "김 영희", "a, b]")
FIELDS = [
    Field("vector", FieldKind.DENSE, DIMENSION, exact=True),
    Field("votes", FieldKind.NUMBER, sought=True),
    Field("id", FieldKind.TEXT, 100, sought=True),
    Field("authors", FieldKind.TEXTS, 100, 50),
]
COLUMNS: dict[str, list[Any]] = {
    KEY: [3 * row for row in range(ROWS)],
    "vector": list(VECTORS),
    "votes": [row % 11 - 1 for row in range(ROWS)],
    "id": [f"paper {row} “{row % 7}”" for row in range(ROWS)],
    "authors": [[name for at, name in enumerate(NAMES) if row >> at & 1] for row in range(ROWS)],
}
SPARSE = [
    Sparse(
        np.sort(RANDOM.choice(400, 1 + row % 9, replace=False)).astype(np.int64),
        (RANDOM.random(1 + row % 9) + 0.1).astype(np.float32),
    )
    for row in range(ROWS)
]


@pytest.fixture(
    scope="module",
    params=[
        "memory",
        "faiss",
        pytest.param("lite", marks=pytest.mark.slow),
        pytest.param("server", marks=pytest.mark.slow),
    ],
)
def tables(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tables]:
    folder = tmp_path_factory.mktemp("tables")
    if request.param in {"memory", "faiss"}:
        yield _filled(MemoryTables() if request.param == "memory" else FaissTables())
        return
    if request.param == "lite":
        pytest.importorskip("milvus_lite")
        tables: Tables = open_tables(lite(folder))
        yield _filled(tables)
        tables.close()
        return
    pytest.importorskip("milvus")
    with old_server(folder) as settings:
        tables = _opened_old(settings)
        yield _filled(tables)
        tables.close()


def _opened_old(settings: ClusterSettings) -> Tables:
    """A server that is too old to be used, but for what there was in its days."""
    from index.cluster.milvus import MilvusTables

    with pytest.raises(ClusterError, match=r"is Milvus v2\.3\.5.*for sparse vectors .* 2\.4 or"):
        open_tables(settings)
    return MilvusTables(settings)


def _filled(tables: Tables) -> Tables:
    tables.create("papers", FIELDS)
    for part in (slice(0, 700), slice(700, ROWS)):
        tables.insert("papers", {name: values[part] for name, values in COLUMNS.items()})
    tables.finish("papers")
    return tables


def _by(name: str) -> Condition:
    return Condition("authors", Relation.HAS_ANY, [name])


def nearest(query: Floats, count: int, allowed: Callable[[int], bool] = lambda _: True) -> Any:
    rows = np.array([row for row in range(ROWS) if allowed(row)])
    return rows[np.argsort(-(VECTORS[rows] @ query), kind="stable")][:count]


class TestSearch:
    def test_the_nearest_come_first_with_their_dot_products(self, tables: Tables) -> None:
        for query in VECTORS[:20] + np.float32(0.1):
            found = tables.search("papers", "vector", query, 10)
            wanted = nearest(query, 10)
            assert found.rows.tolist() == (3 * wanted).tolist()
            assert found.scores == pytest.approx(VECTORS[wanted] @ query, abs=1e-4)

    def test_only_what_meets_all_conditions_is_found(self, tables: Tables) -> None:
        conditions = [
            Condition("votes", Relation.AT_LEAST, [8]),
            Condition(KEY, Relation.AT_MOST, [3_000]),
        ]
        for query in VECTORS[:5]:
            found = tables.search("papers", "vector", query, 20, conditions)
            wanted = nearest(query, 20, lambda row: row % 11 - 1 >= 8 and 3 * row <= 3_000)
            assert found.rows.tolist() == (3 * wanted).tolist()

    def test_no_more_come_back_than_there_are(self, tables: Tables) -> None:
        found = tables.search("papers", "vector", VECTORS[0], 16_384)
        assert sorted(found.rows.tolist()) == COLUMNS[KEY]
        none = [Condition("votes", Relation.AT_LEAST, [1_000])]
        assert len(tables.search("papers", "vector", VECTORS[0], 10, none).rows) == 0


class TestConditions:
    @pytest.mark.parametrize(
        ("condition", "holds"),
        [
            (Condition("votes", Relation.AT_LEAST, [9]), lambda row: row % 11 - 1 >= 9),
            (Condition("votes", Relation.AT_MOST, [-1]), lambda row: row % 11 - 1 <= -1),
            (Condition(KEY, Relation.IN, [0, 3, 4, 5_997]), lambda row: 3 * row in {0, 3, 5_997}),
            (Condition("votes", Relation.NOT_IN, [0, 1, 2]), lambda row: row % 11 not in {1, 2, 3}),
            (Condition("id", Relation.IN, [COLUMNS["id"][8], "none"]), lambda row: row == 8),
            *(
                (
                    Condition("authors", Relation.HAS_ANY, [name]),
                    lambda row, at=at: bool(row >> at & 1),
                )
                for at, name in enumerate(NAMES)
            ),
            (Condition("authors", Relation.HAS_ANY, NAMES[:2]), lambda row: bool(row & 3)),
            (Condition("authors", Relation.HAS_NONE, NAMES[1:3]), lambda row: not row & 6),
            (Condition("authors", Relation.HAS_ANY, ["nobody"]), lambda row: False),
        ],
        ids=lambda value: f"{value.field} {value.relation}" if isinstance(value, Condition) else "",
    )
    def test_each_says_what_it_says(
        self, tables: Tables, condition: Condition, holds: Callable[[int], bool]
    ) -> None:
        found = tables.look_up("papers", [condition], ["id", "authors", "votes"])
        wanted = [row for row in range(ROWS) if holds(row)]
        assert [row[KEY] for row in found] == [3 * row for row in wanted]
        for row, own in zip(found, wanted, strict=True):
            assert row["id"] == COLUMNS["id"][own]
            assert list(row["authors"]) == COLUMNS["authors"][own]


@pytest.fixture(scope="module")
def sparse(tables: Tables) -> Tables:
    if getattr(tables, "version", "").startswith("v2.3"):
        pytest.skip("Milvus 2.3 has no sparse vectors")
    fields = [
        Field("terms", FieldKind.SPARSE),
        Field("title", FieldKind.DENSE, DIMENSION, exact=True),
        Field("latent", FieldKind.DENSE, 4),
    ]
    tables.create("terms", fields)
    columns = {KEY: range(ROWS), "terms": SPARSE, "title": list(VECTORS)}
    tables.insert("terms", {**columns, "latent": list(VECTORS[:, :4].copy())})
    tables.finish("terms")
    return tables


class TestSparse:
    def test_all_that_share_a_term_are_found_with_their_dot_products(self, sparse: Tables) -> None:
        for seed in range(10):
            random = np.random.default_rng(seed)
            numbers = np.append(random.choice(400, 5, replace=False), 10**9).astype(np.int64)
            query = Sparse(numbers, random.random(6).astype(np.float32) + np.float32(0.5))
            weights = dict(zip(query.numbers.tolist(), query.values.tolist(), strict=True))
            scores = {
                row: sum(
                    weights.get(number, 0.0) * value
                    for number, value in zip(one.numbers.tolist(), one.values, strict=True)
                )
                for row, one in enumerate(SPARSE)
            }
            wanted = {row: score for row, score in scores.items() if score > 0}
            found = sparse.search("terms", "terms", query, 16_384)
            assert set(found.rows.tolist()) == set(wanted)
            exact = [wanted[row] for row in found.rows.tolist()]
            assert found.scores == pytest.approx(exact, abs=1e-4)
            assert (np.diff(found.scores) <= 0).all()

    def test_a_query_of_no_terms_finds_nothing(self, sparse: Tables) -> None:
        query = Sparse(np.zeros(0, np.int64), np.zeros(0, np.float32))
        assert len(sparse.search("terms", "terms", query, 10).rows) == 0

    def test_several_vectors_of_a_row_are_searched_each_by_itself(self, sparse: Tables) -> None:
        query = VECTORS[7]
        title = sparse.search("terms", "title", query, 5).rows
        latent = sparse.search("terms", "latent", query[:4], 5).rows
        assert title.tolist() == nearest(query, 5).tolist()
        wanted = np.argsort(-(VECTORS[:, :4] @ query[:4]), kind="stable")[:5]
        assert latent.tolist() == wanted.tolist()


class TestNames:
    def test_a_name_points_where_it_was_told_last(self, tables: Tables) -> None:
        for name in ("one", "two"):
            tables.create(name, [Field("text", FieldKind.TEXT, 10)])
        assert tables.target("live") is None
        tables.point("live", "one")
        assert tables.target("live") == "one"
        tables.point("live", "two")
        assert tables.target("live") == "two"
        tables.drop("one")
        assert tables.target("live") == "two"
        assert "live" not in tables.names()
        tables.unpoint("live")
        assert tables.target("live") is None
        tables.drop("two")
        assert tables.names() == ["papers", *(["terms"] if "terms" in tables.names() else [])]

    def test_a_table_without_vectors_is_a_table(self, tables: Tables) -> None:
        tables.create("files", [Field("data", FieldKind.TEXT, 65_535)])
        tables.insert("files", {KEY: [2, 1], "data": ["x" * 65_535, ""]})
        tables.finish("files")
        tables.load("files")
        found = tables.look_up("files", [Condition(KEY, Relation.IN, [1, 2])], ["data"])
        assert [(row[KEY], len(row["data"])) for row in found] == [(1, 0), (2, 65_535)]
        assert tables.count("files") == 2
        tables.insert("files", {KEY: [0], "data": ["at once"]})
        found = tables.look_up("files", [Condition(KEY, Relation.IN, [0])], ["data"])
        assert [row["data"] for row in found] == ["at once"]
        tables.drop("files")

    def test_one_that_was_unloaded_is_loaded_when_it_is_read(self, tables: Tables) -> None:
        """As all are when Milvus Lite is started anew."""
        works: list[Callable[[], int]] = [
            lambda: tables.count("papers"),
            lambda: len(tables.search("papers", "vector", VECTORS[0], 3).rows),
            lambda: len(tables.look_up("papers", [Condition(KEY, Relation.IN, [0])], ["id"])),
        ]
        for work in works:
            tables.unload("papers")
            assert work() > 0

    def test_the_fields_are_told(self, tables: Tables) -> None:
        found = {one.name: (one.kind, one.size) for one in tables.fields("papers")}
        assert found["vector"] == (FieldKind.DENSE, DIMENSION)
        assert found["id"] == (FieldKind.TEXT, 100)
        assert found.keys() == {field.name for field in FIELDS}

    def test_what_is_not_there_is_told(self, tables: Tables) -> None:
        for work in (
            lambda: tables.search("none", "vector", VECTORS[0], 3),
            lambda: tables.look_up("none", [Condition(KEY, Relation.IN, [0])], []),
            lambda: tables.count("none"),
            lambda: tables.point("live", "none"),
        ):
            with pytest.raises(ClusterError, match="none"):
                work()


class TestWhoIsNotThere:
    @pytest.fixture(autouse=True)
    def has_client(self) -> None:
        pytest.importorskip("pymilvus")

    @pytest.mark.parametrize(
        ("uri", "told"),
        [
            ("http://127.0.0.1:1", "http://127.0.0.1:1 can't be reached"),
            ("nonsense", "cluster.uri 'nonsense' is no address: http://HOST:PORT or a file"),
            ("/nowhere/at/all/x.db", "there is no folder /nowhere/at/all for cluster.uri"),
        ],
    )
    def test_a_wrong_address_is_told_soon(self, uri: str, told: str) -> None:
        began = time.monotonic()
        with pytest.raises(ClusterError, match=told):
            open_tables(ClusterSettings(uri=uri, timeout_s=1))
        assert time.monotonic() - began < 5


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    monkeypatch.delitem(sys.modules, "index.cluster.milvus", raising=False)
    with pytest.raises(ClusterError, match=r"pip install 'nonmun\[cluster\]'"):
        open_tables(ClusterSettings(uri="http://127.0.0.1:1"))
