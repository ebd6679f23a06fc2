"""The port of a cluster's store: tables of rows with vectors, and names that point at tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

KEY = "row"  # of every table: a whole number that one row has
MOST_FOUND = 16_384  # rows that one search or one look-up gives, as Milvus has it
LONGEST_TEXT = 65_535  # bytes of UTF-8
NAME_BYTES = 1_024  # of a name that rows are filtered by


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Where the store is, and how it is used.

    Attributes:
        uri: `http://HOST:PORT`, or the path of a file `*.db` of Milvus Lite; empty is none.
        token: `USER:PASSWORD` or a key.
        database: Of the server; empty is its default.
        prefix: What the names of all tables begin with.
        timeout_s: How long to wait for a reply while a question is asked.
        keep: How many published versions are kept.
        standby: How many papers, the newest ones, a service keeps to answer from by their words
            when the store is gone.
    """

    uri: str = ""
    token: str = field(default="", repr=False)
    database: str = ""
    prefix: str = "nonmun"
    timeout_s: float = 5.0
    keep: int = 3
    standby: int = 0


class FieldKind(StrEnum):
    """What a field holds."""

    NUMBER = "number"  # 64 bits
    TEXT = "text"
    TEXTS = "texts"  # any number of short texts, to be filtered by
    DENSE = "dense"  # a vector, compared by dot product
    SPARSE = "sparse"  # a vector with few entries, the same


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a table.

    Attributes:
        name: Of it.
        kind: What it holds.
        size: The dimension of a dense vector; the most bytes of a text, and of each of several.
        most: How many texts there may be, at most.
        sought: Whether rows are filtered by it.
        exact: Whether a dense vector is compared with each; else with those that an index leads to.
    """

    name: str
    kind: FieldKind
    size: int = 0
    most: int = 0
    sought: bool = False
    exact: bool = False


class Sparse(NamedTuple):
    """A vector with few entries.

    Attributes:
        numbers: (entries,) their places, each once.
        values: (entries,) above 0.
    """

    numbers: npt.NDArray[np.int64]
    values: Floats


class Found(NamedTuple):
    """What a search finds, best first.

    Attributes:
        rows: (found,) the keys.
        scores: (found,) dot products.
    """

    rows: Rows
    scores: Floats


class Relation(StrEnum):
    """What a field is to be to the values of a condition."""

    AT_LEAST = ">="
    AT_MOST = "<="
    IN = "in"
    NOT_IN = "not in"
    HAS_ANY = "any"  # of several texts
    HAS_NONE = "none"


class Condition(NamedTuple):
    """What rows have to be.

    Attributes:
        field: Its name.
        relation: What is asked of it.
        values: The number, or the numbers or texts.
    """

    field: str
    relation: Relation
    values: Sequence[int] | Sequence[str]


class Tables(Protocol):
    """A store of tables. Safe to use from several threads.

    Every method raises a `ClusterError` where the store can't be reached, does not reply in time,
    refuses, or has not what is asked for.
    """

    def names(self) -> list[str]:
        """All tables there are, whoever made them."""

    def create(self, table: str, fields: Sequence[Field]) -> None:
        """Make a table that has a key, KEY, and these fields."""

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add rows.

        Args:
            table: Which.
            columns: KEY and all fields: numbers, texts, lists of texts, arrays of numbers, and
                `Sparse`.
        """

    def finish(self, table: str) -> None:
        """Make all rows that were added ready to be found, however long it takes."""

    def load(self, table: str) -> None:
        """Make a table ready to be searched that was finished, if it is not."""

    def unload(self, table: str) -> None:
        """Give back the memory that a table takes that nobody is expected to search.

        It is loaded again when it is read.
        """

    def count(self, table: str) -> int:
        """How many rows there are."""

    def fields(self, table: str) -> list[Field]:
        """The fields of a table, without its key."""

    def drop(self, table: str) -> None:
        """Delete a table that no name points at."""

    def search(
        self,
        table: str,
        field: str,
        query: Floats | Sparse,
        count: int,
        conditions: Sequence[Condition] = (),
    ) -> Found:
        """Find the rows with the highest dot products.

        Args:
            table: Where.
            field: Which vectors.
            query: What they are compared with. Of sparse ones, rows that share no entry with it
                are not found.
            count: How many, at most; up to MOST_FOUND.
            conditions: What all of the rows found have to be.
        """

    def look_up(
        self, table: str, conditions: Sequence[Condition], fields: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Read fields of all rows that meet conditions, up to MOST_FOUND, by their keys.

        Returns:
            KEY and the fields of each row, ascending.
        """

    def point(self, name: str, table: str) -> None:
        """Let a name point at a table, by one write."""

    def target(self, name: str) -> str | None:
        """The table that a name points at; `None` where there is no such name."""

    def unpoint(self, name: str) -> None:
        """Let a name point at nothing."""

    def close(self) -> None:
        """Let go of the connection."""


def name_of(name: str) -> str:
    """A name as far as a field takes it."""
    # A terminal gives what is no UTF-8 as surrogates; nothing is called so.
    return name.encode(errors="replace")[:NAME_BYTES].decode(errors="ignore")
