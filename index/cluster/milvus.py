"""`Tables` in Milvus: a server, a cluster of them, or Milvus Lite in a file."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pymilvus import DataType, MilvusClient, MilvusException

from index.cluster.base import (
    KEY,
    MOST_FOUND,
    ClusterSettings,
    Condition,
    Field,
    FieldKind,
    Floats,
    Found,
    Sparse,
)
from index.cluster.expressions import expression
from index.cluster.gate import Gate
from index.errors import ClusterError

_PATIENCE_S = 3_600.0  # for an index over millions of vectors
_NOT_FOUND = 100
_NOT_LOADED = 101
_NO_ALIAS = 1600
_REFUSED = ("auth check failure", "unauthenticated", "missing authorization")
_GONE = (
    "fail connecting",
    "failed to connect",
    "errors resolving",
    "unavailable",
    "deadline",
    "timeout",
    "connection refused",
    "retry run out",
)
_LOADING = "wait for loading collection"  # longer than one waits, of a server that is there
_BYTES_AT_ONCE = 4_000_000
_GRAPH, _GRAPH_PARAMETERS = "HNSW", {"M": 32, "efConstruction": 256}
_BREADTH, _MOST_BREADTH = 2, 32_768
_NO_VECTOR = "unused"  # every collection has to have one
# Else gRPC waits longer after each try in vain, two minutes at last, however often it is asked.
_CHANNEL = {"grpc.initial_reconnect_backoff_ms": 500, "grpc.max_reconnect_backoff_ms": 1_000}

# Of an error that is expected it logs a page, and raises it all the same.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)


class _Work(Protocol):
    def __call__(self, *, timeout: float) -> Any: ...


class MilvusTables:
    """`Tables` over a client of Milvus; a table is a collection, a name is an alias.

    Whatever is written is there for all who read: a collection of the strongest consistency.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        """Connect.

        Raises:
            ClusterError: Nobody is there, or the token is refused.
        """
        self._settings = settings
        self._where = settings.uri
        self._gate = Gate(settings.timeout_s)
        if settings.uri.endswith(".db") and not Path(settings.uri).parent.is_dir():
            raise ClusterError(f"there is no folder {Path(settings.uri).parent} for cluster.uri")
        try:
            self._client = MilvusClient(
                settings.uri,
                token=settings.token,
                db_name=settings.database,
                timeout=settings.timeout_s,
                grpc_options=_CHANNEL,
            )
            self.version: str = self._client.get_server_version(timeout=settings.timeout_s)
        # Whatever is wrong with an address: gRPC has its own errors for some.
        except Exception as error:
            raise ClusterError(self._told(error)) from None
        self._fields: dict[str, list[Field]] = {}
        self._created: dict[str, Sequence[Field]] = {}
        self._kinds: dict[tuple[str, str], str] = {}

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def names(self) -> list[str]:
        """All collections of the database."""
        found: list[str] = self._do(self._client.list_collections)
        return sorted(found)

    def create(self, table: str, fields: Sequence[Field]) -> None:
        """Make a collection, with an index for every vector and every field that is sought."""
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(KEY, DataType.INT64, is_primary=True)
        for field in fields:
            _add(schema, field)
        if not any(field.kind in (FieldKind.DENSE, FieldKind.SPARSE) for field in fields):
            _add(schema, Field(_NO_VECTOR, FieldKind.DENSE, 2))
        self._do(
            lambda timeout: self._client.create_collection(
                table, schema=schema, consistency_level="Strong", timeout=timeout
            )
        )
        self._created[table] = fields
        indexes = MilvusClient.prepare_index_params()
        for field in fields:
            if field.sought:
                indexes.add_index(field.name, index_type=self._scalar_index(field))
        if len(indexes):
            # There is nothing to wait for yet, and half a second each would be waited.
            self._do(
                lambda timeout: self._client.create_index(
                    table, indexes, timeout=timeout, sync=False
                )
            )

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add rows, some megabytes at a time."""
        bare = not any(_is_vector(field) for field in self.fields(table))
        some: list[dict[str, Any]] = []
        size = 0
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(columns, map(_sent, values), strict=True))
            if bare:
                row[_NO_VECTOR] = [0.0, 0.0]
            some.append(row)
            size += sum(map(_bytes, values))
            if size > _BYTES_AT_ONCE:
                self._insert(table, some)
                some, size = [], 0
        if some:
            self._insert(table, some)

    def _insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        written = self._do(
            lambda timeout: self._client.insert(table, rows, timeout=timeout), _PATIENCE_S
        )
        if written["insert_count"] != len(rows):
            raise ClusterError(
                f"{self._where} took {written['insert_count']} of {len(rows)} rows for {table}"
            )

    def finish(self, table: str) -> None:
        """Write everything out, build the indexes, and load the collection."""
        indexes = MilvusClient.prepare_index_params()
        for field in self._created.get(table, self.fields(table)):
            if field.kind is FieldKind.DENSE and field.exact:
                indexes.add_index(field.name, index_type="FLAT", metric_type="IP")
            elif field.kind is FieldKind.DENSE:
                indexes.add_index(
                    field.name, index_type=_GRAPH, metric_type="IP", params=_GRAPH_PARAMETERS
                )
            elif field.kind is FieldKind.SPARSE:
                indexes.add_index(field.name, index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        if not len(indexes):
            indexes.add_index(_NO_VECTOR, index_type="FLAT", metric_type="IP")
        for work in (
            lambda timeout: self._client.flush(table, timeout=timeout),
            lambda timeout: self._client.create_index(table, indexes, timeout=timeout),
            lambda timeout: self._client.load_collection(table, timeout=timeout),
        ):
            self._do(work, _PATIENCE_S)

    def load(self, table: str) -> None:
        """Load a collection, if it is not loaded."""
        self._do(lambda timeout: self._client.load_collection(table, timeout=timeout), _PATIENCE_S)

    def unload(self, table: str) -> None:
        """Release a collection."""
        self._do(lambda timeout: self._client.release_collection(table, timeout=timeout))

    def count(self, table: str) -> int:
        """How many rows there are."""
        found = self._read(
            table,
            lambda timeout: self._client.query(
                table, filter="", output_fields=["count(*)"], timeout=timeout
            ),
        )
        return int(found[0]["count(*)"])

    def fields(self, table: str) -> list[Field]:
        """The fields of a collection, but its key; they are asked for once."""
        if table not in self._fields:
            told = self._do(
                lambda timeout: self._client.describe_collection(table, timeout=timeout)
            )
            fields = [_field(one) for one in told["fields"] if one["name"] != KEY]
            self._fields[table] = [one for one in fields if one.name != _NO_VECTOR]
        return self._fields[table]

    def drop(self, table: str) -> None:
        """Delete a collection."""
        self._fields.pop(table, None)
        self._do(lambda timeout: self._client.drop_collection(table, timeout=timeout), _PATIENCE_S)

    def search(
        self,
        table: str,
        field: str,
        query: Floats | Sparse,
        count: int,
        conditions: Sequence[Condition] = (),
    ) -> Found:
        """Find the rows with the highest dot products."""
        if isinstance(query, Sparse) and not len(query.numbers):
            return Found(np.zeros(0, np.int64), np.zeros(0, np.float32))
        params = {"metric_type": "IP", "params": self._breadth(table, field, count)}
        (hits,) = self._read(
            table,
            lambda timeout: self._client.search(
                table,
                data=[_sent(query)],
                anns_field=field,
                filter=expression(conditions),
                limit=min(count, MOST_FOUND),
                output_fields=[KEY],
                search_params=params,
                timeout=timeout,
            ),
        )
        rows, scores = np.array(hits.ids, np.int64), np.array(hits.distances, np.float32)
        order = np.lexsort((rows, -scores))  # of equal ones the first, whatever comes first
        return Found(rows[order], scores[order])

    def _breadth(self, table: str, field: str, count: int) -> dict[str, int]:
        """How far a search goes in a graph: without this, it ends before it has found enough."""
        if (table, field) not in self._kinds:
            told = self._do(
                lambda timeout: self._client.describe_index(table, field, timeout=timeout)
            )
            self._kinds[table, field] = told["index_type"]
        if self._kinds[table, field] != _GRAPH:
            return {}
        return {"ef": min(_BREADTH * count, _MOST_BREADTH)}

    def look_up(
        self, table: str, conditions: Sequence[Condition], fields: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Read fields of all rows that meet conditions, by their keys."""
        found = self._read(
            table,
            lambda timeout: self._client.query(
                table,
                filter=expression(conditions),
                output_fields=[KEY, *fields],
                limit=MOST_FOUND,
                timeout=timeout,
            ),
        )
        return sorted(map(dict, found), key=lambda row: int(row[KEY]))

    def point(self, name: str, table: str) -> None:
        """Let an alias point at a collection: one write moves it."""
        try:
            self._do(lambda timeout: self._client.alter_alias(table, name, timeout=timeout))
        except ClusterError:  # there is none yet; asked first, it would not tell of all there are
            self._do(lambda timeout: self._client.create_alias(table, name, timeout=timeout))

    def target(self, name: str) -> str | None:
        """The collection of an alias."""
        try:
            told = self._try(lambda timeout: self._client.describe_alias(name, timeout=timeout))
        except MilvusException as error:
            if _is_missing(error):
                return None
            raise ClusterError(self._told(error)) from None
        return str(told["collection_name"]) or None

    def unpoint(self, name: str) -> None:
        """Delete an alias."""
        self._do(lambda timeout: self._client.drop_alias(name, timeout=timeout))

    def _read(self, table: str, work: _Work) -> Any:
        """Have rows of a collection read, which is loaded if it is not.

        Milvus Lite has loaded none when it is started anew.
        """
        try:
            return self._try(work)
        except MilvusException as error:
            if not _is_released(error):
                raise ClusterError(self._told(error)) from None
        # It goes on being loaded; who asks waits no longer than for a reply.
        self._do(lambda timeout: self._client.load_collection(table, timeout=timeout))
        return self._do(work)

    def _do(self, work: _Work, seconds: float | None = None) -> Any:
        """Have something done that the server is not expected to refuse."""
        try:
            return self._try(work, seconds)
        except MilvusException as error:
            raise ClusterError(self._told(error)) from None

    def _try(self, work: _Work, seconds: float | None = None) -> Any:
        """Have something done, unless nobody was there a moment ago.

        Raises:
            MilvusException: The server refuses.
            ClusterError: Nobody is there.
        """
        if not self._gate.opens():
            raise ClusterError(f"{self._where} can't be reached; it is tried again in a moment")
        try:
            done = work(timeout=seconds or self._settings.timeout_s)
        # Whatever pymilvus and gRPC raise.
        except Exception as error:
            if isinstance(error, MilvusException) and not self._is_gone(error):
                self._gate.worked()
                raise
            if self._is_gone(error):
                self._gate.failed()
            raise ClusterError(self._told(error)) from None
        self._gate.worked()
        return done

    def _is_gone(self, error: Exception) -> bool:
        """Whether an error says that nobody is there, or does not reply."""
        said = _said(error).lower()
        return any(word in said for word in _GONE) and _LOADING not in said

    def check_version(self) -> None:
        """See that the server has sparse vectors, and several vectors in a collection.

        Raises:
            ClusterError: It is too old.
        """
        if not self._since(2, 4):
            raise ClusterError(
                f"{self._where} is Milvus {self.version}; for sparse vectors it has to be 2.4 or"
                " newer"
            )

    def _told(self, error: Exception) -> str:
        """What went wrong, in a line."""
        line = " ".join(_said(error).split())[:300]
        lowered = line.lower()
        if self._is_gone(error):
            return f"{self._where} can't be reached: {line}"
        if any(word in lowered for word in _REFUSED):
            if not self._settings.token:
                return f"{self._where} wants to be shown NONMUN_CLUSTER__TOKEN=USER:PASSWORD"
            return f"{self._where} refuses cluster.token: {line}"
        if isinstance(error, MilvusException) and error.code == _NOT_FOUND:
            return f"{self._where} has not what is asked for: {line}"
        if "illegal" in lowered and "uri" in lowered:
            return f"cluster.uri {self._where!r} is no address: http://HOST:PORT or a file *.db"
        return f"{self._where} does not do what is asked: {line}"

    def _scalar_index(self, field: Field) -> str:
        if self._since(2, 4):
            return "INVERTED"
        return "STL_SORT" if field.kind is FieldKind.NUMBER else "Trie"

    def _since(self, *wanted: int) -> bool:
        """Whether the server is of some version or a newer one."""
        found = re.match(r"v?(\d+)\.(\d+)", self.version)
        return not found or tuple(map(int, found.groups())) >= wanted


def _said(error: Exception) -> str:
    """What an error says; why nobody could connect, pymilvus tells in its cause alone."""
    details = getattr(error.__cause__, "details", None)
    why = details() if callable(details) else None
    return str(why or (error.message if isinstance(error, MilvusException) else error))


def _is_vector(field: Field) -> bool:
    return field.kind in (FieldKind.DENSE, FieldKind.SPARSE)


def _add(schema: Any, field: Field) -> None:
    """Add a field to the schema of a collection."""
    match field.kind:
        case FieldKind.NUMBER:
            schema.add_field(field.name, DataType.INT64)
        case FieldKind.TEXT:
            schema.add_field(field.name, DataType.VARCHAR, max_length=field.size)
        case FieldKind.TEXTS:
            schema.add_field(
                field.name,
                DataType.ARRAY,
                element_type=DataType.VARCHAR,
                max_length=field.size,
                max_capacity=field.most,
            )
        case FieldKind.DENSE:
            schema.add_field(field.name, DataType.FLOAT_VECTOR, dim=field.size)
        case FieldKind.SPARSE:
            schema.add_field(field.name, DataType.SPARSE_FLOAT_VECTOR)


_KINDS = {
    DataType.INT64: FieldKind.NUMBER,
    DataType.VARCHAR: FieldKind.TEXT,
    DataType.ARRAY: FieldKind.TEXTS,
    DataType.FLOAT_VECTOR: FieldKind.DENSE,
    DataType.SPARSE_FLOAT_VECTOR: FieldKind.SPARSE,
}


def _field(told: Mapping[str, Any]) -> Field:
    """A field as the server describes it."""
    sizes = told.get("params", {})
    size = int(sizes.get("dim", sizes.get("max_length", 0)))
    return Field(told["name"], _KINDS[told["type"]], size, int(sizes.get("max_capacity", 0)))


def _sent(value: Any) -> Any:
    """A value as pymilvus takes it."""
    if isinstance(value, Sparse):
        return dict(zip(value.numbers.tolist(), value.values.tolist(), strict=True))
    if isinstance(value, np.integer):
        return int(value)
    return list(value) if isinstance(value, tuple) else value


def _bytes(value: Any) -> int:
    """About how much of a message a value takes."""
    if isinstance(value, Sparse):
        return 8 * len(value.numbers)
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, str):
        return len(value)
    return sum(map(_bytes, value)) if isinstance(value, list | tuple) else 8


def _is_missing(error: MilvusException) -> bool:
    return error.code in (_NOT_FOUND, _NO_ALIAS) or "alias not found" in error.message.lower()


def _is_released(error: MilvusException) -> bool:
    return error.code == _NOT_LOADED or "state 'released'" in error.message
