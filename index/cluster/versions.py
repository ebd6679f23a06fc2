"""The published versions in a cluster's store: which there are, which is live, and the switch.

A version is four tables whose names hold it. It is whole when a name of its own points at its
papers, which is written last; it is live when the one name that all services look at points there:
one write switches all that a service needs, for all else is found by the version.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from index.cluster.base import KEY, LONGEST_TEXT, Condition, Relation, Tables
from index.errors import ClusterError, UnknownVersionError
from index.manifest import FileFacts

FORMAT = 1
PAPERS, PASSAGES, PARCELS, FILES = "papers", "passages", "parcels", "files"
KINDS = (PAPERS, PASSAGES, PARCELS, FILES)
_LIVE = "live"
_SEAL = 0  # the key of its row among the files
PART_BYTES = LONGEST_TEXT // 4 * 3  # of what is put into a text by base64
PLACE_BITS = 12
MOST_PLACES = 2**PLACE_BITS  # of a paper: the key of a passage, or of a part, holds its paper's row


class Seal(msgspec.Struct, frozen=True):
    """What says that a version is whole, and what it is.

    Attributes:
        format: Of the tables; another format can't be read.
        number: Of the push: which came later.
        papers: How many rows there are.
        passages: The same.
        parcels: The same.
        parts: The same of the files, without this.
        files: The files' sizes and checksums, by name.
    """

    format: int
    number: int
    papers: int
    passages: int
    parcels: int
    parts: int
    files: dict[str, FileFacts]


@dataclass(frozen=True, slots=True)
class PushedVersion:
    """A version that is whole in the store."""

    version: str
    live: bool
    seal: Seal


class ClusterVersions:
    """The versions in a store, by the names of their tables."""

    def __init__(self, tables: Tables, prefix: str) -> None:
        self.tables = tables
        self._prefix = prefix
        self._name = re.compile(rf"{re.escape(prefix)}_([0-9a-f]{{12}})_({'|'.join(KINDS)})")

    def table(self, version: str, kind: str) -> str:
        """The name of a version's table."""
        return f"{self._prefix}_{version}_{kind}"

    def live(self) -> str | None:
        """The live version; `None` before anything is published.

        Raises:
            ClusterError: The store does not say.
        """
        target = self.tables.target(self._live_name)
        if target is None:
            return None
        found = self._name.fullmatch(target)
        if not found:
            raise ClusterError(f"{self._live_name} points at {target}, which is no version")
        return found[1]

    def seal_of(self, version: str) -> Seal:
        """What says that a version is whole.

        Raises:
            ClusterError: It is not there, half-written, or of another format.
        """
        if self.tables.target(self._whole_name(version)) is None:
            raise ClusterError(f"version {version} is half-written in the cluster; push it again")
        table = self.table(version, FILES)
        self.tables.load(table)
        rows = self.tables.look_up(table, [Condition(KEY, Relation.IN, [_SEAL])], ["data"])
        try:
            seal = msgspec.json.decode(bytes_of(row["data"] for row in rows), type=Seal)
        except ValueError as error:
            raise _UnreadableError(f"the seal of version {version} is broken: {error}") from None
        if seal.format != FORMAT:
            raise _UnreadableError(
                f"version {version} has format {seal.format} in the cluster, this nonmun reads"
                f" {FORMAT}; push it again, or install the nonmun that pushed it"
            )
        return seal

    def seal(self, version: str, seal: Seal) -> None:
        """Say that a version is whole: the last that is written of it."""
        self.tables.insert(
            self.table(version, FILES), file_rows({"": msgspec.json.encode(seal)}, _SEAL)
        )
        self.tables.point(self._whole_name(version), self.table(version, PAPERS))

    def versions(self) -> list[PushedVersion]:
        """The versions that are whole, the one that was pushed last first."""
        live = self.live()
        found = []
        for version in self._there():
            if self._is_whole(version):
                with suppress(_UnreadableError):  # another nonmun's
                    found.append(PushedVersion(version, version == live, self.seal_of(version)))
        return sorted(found, key=lambda one: (-one.seal.number, one.version))

    def activate(self, version: str) -> None:
        """Make a version live that is there and whole.

        Raises:
            UnknownVersionError: It is not there.
            ClusterError: It is half-written, or the store does not do it.
        """
        if version not in self._there():
            there = ", ".join(one.version for one in self.versions()) or "none"
            raise UnknownVersionError(
                f"no version {version[:100]!r} in the cluster; there are: {there}"
            )
        self.seal_of(version)
        self.tables.point(self._live_name, self.table(version, PAPERS))

    def retire(self, keep: int, before: str | None = None) -> list[str]:
        """Delete the oldest versions, so that `keep` are left; the live one stays in any case.

        Args:
            keep: How many.
            before: What was live until now; it stays too, since services read it until they
                have opened the live one.

        Returns:
            The versions that were deleted.
        """
        ordered = sorted(self.versions(), key=lambda one: (not one.live, one.version != before))
        left = max(keep, 1)
        gone = [one.version for one in ordered[left:] if not one.live and one.version != before]
        for version in gone:
            self.drop(version)
        return gone

    def unload_all_but(self, kept: Collection[str | None]) -> None:
        """Give back the memory of all versions but some; one that is asked for is loaded again."""
        for version in self._there():
            if version not in kept and self._is_whole(version):
                for kind in (PAPERS, PASSAGES, PARCELS):
                    self.tables.unload(self.table(version, kind))

    def clear_unfinished(self) -> list[str]:
        """Delete what pushes have left that did not come to their end.

        Returns:
            The versions that were deleted.
        """
        live = self.live()
        left = [one for one in self._there() if one != live and not self._is_whole(one)]
        for version in left:
            self.drop(version)
        return left

    def drop(self, version: str) -> None:
        """Delete a version's tables; before that, it is not whole any more."""
        if self._is_whole(version):
            self.tables.unpoint(self._whole_name(version))
        for kind in sorted(self._there().get(version, set())):
            self.tables.drop(self.table(version, kind))

    @property
    def _live_name(self) -> str:
        return f"{self._prefix}_{_LIVE}"

    def _there(self) -> dict[str, set[str]]:
        """The tables of each version."""
        there: dict[str, set[str]] = {}
        for name in self.tables.names():
            found = self._name.fullmatch(name)
            if found:
                there.setdefault(found[1], set()).add(found[2])
        return there

    def _is_whole(self, version: str) -> bool:
        return self.tables.target(self._whole_name(version)) is not None

    def _whole_name(self, version: str) -> str:
        return f"{self._prefix}_{version}"


class _UnreadableError(ClusterError):
    """A version that is whole, and says what this nonmun can't read."""


def file_rows(files: dict[str, bytes], first: int) -> dict[str, Sequence[Any]]:
    """Files as rows of a table, in parts that fit.

    Args:
        files: By name.
        first: The key of the first row.
    """
    names: list[str] = []
    parts: list[int] = []
    data: list[str] = []
    for name, content in files.items():
        own = texts_of(content)
        names += [name] * len(own)
        parts += range(len(own))
        data += own
    return {KEY: range(first, first + len(names)), "name": names, "part": parts, "data": data}


def texts_of(content: bytes) -> list[str]:
    """Bytes as texts that a field takes; one that is empty for none."""
    begins = range(0, max(len(content), 1), PART_BYTES)
    return [base64.b64encode(content[begin : begin + PART_BYTES]).decode() for begin in begins]


def bytes_of(texts: Iterable[str]) -> bytes:
    """Bytes again, from what `texts_of` gave."""
    return b"".join(map(base64.b64decode, texts))


def joined_files(rows: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    """Files again, from the rows that `file_rows` gave, in their order."""
    parts: dict[str, list[str]] = {}
    for row in rows:
        parts.setdefault(row["name"], []).append(row["data"])
    return {name: bytes_of(some) for name, some in parts.items()}
