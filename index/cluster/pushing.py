"""A sealed snapshot -> a version in the store of a cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from index.arrays import evenly
from index.cluster.background import Sampler
from index.cluster.base import (
    KEY,
    LONGEST_TEXT,
    NAME_BYTES,
    Condition,
    Field,
    FieldKind,
    Relation,
    Sparse,
    Tables,
    name_of,
)
from index.cluster.facts import facts_files
from index.cluster.headings import headings_files
from index.cluster.parcels import BLOCK, Parcel, read_parcels
from index.cluster.versions import (
    FILES,
    FORMAT,
    KINDS,
    MOST_PLACES,
    PAPERS,
    PARCELS,
    PASSAGES,
    PLACE_BITS,
    ClusterVersions,
    Seal,
    bytes_of,
    file_rows,
    texts_of,
)
from index.errors import ClusterError
from index.forgotten import plain_id
from index.labels import fold_name
from index.manifest import LAYOUT, FileFacts
from index.progress import Progress, Silent
from index.snapshot import Snapshot

Ints = npt.NDArray[np.int64]

NO_DAY, NEVER = 0, 10**7  # of a paper without dates: its last day is before all, its first after
EXACT_ROWS = 100_000  # up to so many vectors are compared one by one
NO_TERM = 2**31  # a number that no term has
_MOST_NAMES = 4_096  # of an array, as Milvus has it
_COMPARED = 64  # papers that are read back
# Of a snapshot's folder: what is small, and what a service needs besides papers.
_FOLDERS = (f"{LAYOUT.learned}/", f"{LAYOUT.projection}/")
_SINGLE = (
    LAYOUT.manifest,
    LAYOUT.report,
    LAYOUT.glossary,
    LAYOUT.moments,
    f"{LAYOUT.lexical}/vocabulary.json",
)

FACT_FIELDS = (
    Field("id", FieldKind.TEXT, NAME_BYTES, sought=True),
    Field("plain_id", FieldKind.TEXT, NAME_BYTES),
    Field("votes", FieldKind.NUMBER, sought=True),
    Field("first_day", FieldKind.NUMBER, sought=True),
    Field("last_day", FieldKind.NUMBER, sought=True),
    Field("authors", FieldKind.TEXTS, NAME_BYTES, _MOST_NAMES),
    Field("flags", FieldKind.TEXTS, NAME_BYTES, _MOST_NAMES),
)


def push(
    snapshot: Snapshot, versions: ClusterVersions, keep: int, progress: Progress | None = None
) -> list[str]:
    """Write a snapshot into a cluster's store and make it live.

    Where the same version is there and whole, it only becomes live. What earlier pushes have left
    half-written is deleted first.

    Args:
        snapshot: Sealed; every file of it is compared with its checksum.
        versions: Of the store.
        keep: How many versions are left there afterwards; what was live until now stays too.
        progress: Told about every paper.

    Returns:
        The versions that were deleted because they are old.

    Raises:
        ClusterError: The store does not do it; what was live is live still.
        SnapshotError: The snapshot is broken.
    """
    snapshot.compare()
    versions.clear_unfinished()
    if all(one.version != snapshot.version for one in versions.versions()):
        _Push(snapshot, versions, progress or Silent()).run()
    before = versions.live()
    versions.activate(snapshot.version)
    retired = versions.retire(keep, before)
    # Who has not switched yet still reads what was live; and it is gone back to most often.
    versions.unload_all_but((snapshot.version, before))
    return retired


class _Push:
    """One push."""

    def __init__(self, snapshot: Snapshot, versions: ClusterVersions, progress: Progress) -> None:
        self._snapshot, self._versions, self._progress = snapshot, versions, progress
        self._tables: Tables = versions.tables
        self._names = {kind: versions.table(snapshot.version, kind) for kind in KINDS}

    def run(self) -> None:
        number = 1 + max((one.seal.number for one in self._versions.versions()), default=0)
        self._progress.stage("push", len(self._snapshot))
        self._create()
        files = _files(self._snapshot)
        sampler = Sampler(len(self._snapshot))
        papers = passages = parcels = 0
        for block in _blocks(read_parcels(self._snapshot)):
            rows = np.arange(papers, papers + len(block))
            self._tables.insert(self._names[PAPERS], _paper_columns(block, rows))
            columns = _passage_columns(block, rows)
            self._tables.insert(self._names[PASSAGES], columns)
            parts = _parcel_columns(block, rows)
            self._tables.insert(self._names[PARCELS], parts)
            sampler.take(block, rows)
            papers += len(block)
            passages += len(columns[KEY])
            parcels += len(parts[KEY])
            self._progress.advance(len(block))
        files |= sampler.files()
        in_parts = file_rows(files, first=1)
        self._tables.insert(self._names[FILES], in_parts)
        for name in self._names.values():
            self._tables.finish(name)
        facts = {name: _facts(content) for name, content in files.items()}
        seal = Seal(FORMAT, number, papers, passages, parcels, len(in_parts[KEY]), facts)
        self._compare(seal)
        self._versions.seal(self._snapshot.version, seal)

    def _create(self) -> None:
        manifest = self._snapshot.manifest
        dimensions = {"title": manifest.dimension, "centre": manifest.dimension}
        if self._snapshot.latent is not None:
            dimensions["latent"] = self._snapshot.latent.space.dimension
        vectors = [
            Field(name, FieldKind.DENSE, dimension, exact=manifest.papers <= EXACT_ROWS)
            for name, dimension in dimensions.items()
        ]
        terms = Field("terms", FieldKind.SPARSE)
        sections = Field("sections", FieldKind.TEXTS, NAME_BYTES, _MOST_NAMES)
        section = Field("section", FieldKind.TEXT, NAME_BYTES, sought=True)
        part = Field("part", FieldKind.NUMBER)
        data = Field("data", FieldKind.TEXT, LONGEST_TEXT)
        self._tables.create(self._names[PAPERS], [*FACT_FIELDS, sections, *vectors, terms])
        exact = manifest.passages <= EXACT_ROWS
        vector = Field("vector", FieldKind.DENSE, manifest.dimension, exact=exact)
        self._tables.create(self._names[PASSAGES], [*FACT_FIELDS, section, vector, terms])
        paper = Field("paper", FieldKind.NUMBER, sought=True)
        self._tables.create(self._names[PARCELS], [paper, part, data])
        self._tables.create(
            self._names[FILES], [Field("name", FieldKind.TEXT, NAME_BYTES), part, data]
        )

    def _compare(self, seal: Seal) -> None:
        """See that what was written is there, before it is said to be whole.

        Raises:
            ClusterError: It is not.
        """
        manifest = self._snapshot.manifest
        wanted = {
            PAPERS: manifest.papers,
            PASSAGES: manifest.passages,
            PARCELS: seal.parcels,
            FILES: seal.parts,
        }
        for kind, count in wanted.items():
            found = self._tables.count(self._names[kind])
            if found != count:
                raise ClusterError(
                    f"{self._names[kind]} has {found} rows in the cluster, and was given {count}"
                )
        rows = evenly(manifest.papers, _COMPARED).tolist()
        conditions = [Condition("paper", Relation.IN, rows)]
        texts: dict[int, list[str]] = {}
        for row in self._tables.look_up(self._names[PARCELS], conditions, ["paper", "data"]):
            texts.setdefault(row["paper"], []).append(row["data"])
        for row in rows:
            parcel = Parcel.unpack(bytes_of(texts.get(row, [])))
            if (parcel.id, parcel.record) != (self._snapshot.ids[row], self._snapshot.record(row)):
                raise ClusterError(f"{self._names[PARCELS]} has another paper in row {row}")


def _blocks(parcels: Iterator[Parcel]) -> Iterator[list[Parcel]]:
    while block := list(islice(parcels, BLOCK)):
        yield block


def _fact_columns(parcels: Sequence[Parcel]) -> dict[str, list[Any]]:
    """What papers and passages are filtered by, of each paper."""
    days = [sorted(date.fromisoformat(day).toordinal() for day in one.dates) for one in parcels]
    return {
        "id": [name_of(one.id) for one in parcels],
        "plain_id": [name_of(plain_id(one.id)) for one in parcels],
        "votes": [one.votes for one in parcels],
        "first_day": [own[0] if own else NEVER for own in days],
        "last_day": [own[-1] if own else NO_DAY for own in days],
        "authors": [_names(map(fold_name, one.authors)) for one in parcels],
        "flags": [_names(found.flag.value for found in one.findings) for one in parcels],
    }


def _paper_columns(parcels: Sequence[Parcel], rows: Ints) -> dict[str, Sequence[Any]]:
    columns: dict[str, Sequence[Any]] = {KEY: rows.tolist(), **_fact_columns(parcels)}
    columns["sections"] = [_names(map(fold_name, one.sections)) for one in parcels]
    for name in ("title", "latent", "centre"):
        found = [np.frombuffer(getattr(one, name), "<f4") for one in parcels]
        if name != "latent" or all(map(len, found)):
            columns[name] = found
    columns["terms"] = [
        _sparse(np.frombuffer(one.weighed, "<i4"), np.frombuffer(one.weights, "<f4"))
        for one in parcels
    ]
    return columns


def _passage_columns(parcels: Sequence[Parcel], rows: Ints) -> dict[str, Sequence[Any]]:
    counts = [len(one.sections) for one in parcels]
    columns: dict[str, Sequence[Any]] = {
        KEY: [key for row, count in zip(rows, counts, strict=True) for key in keys_of(row, count)]
    }
    for name, values in _fact_columns(parcels).items():
        columns[name] = [
            value for value, count in zip(values, counts, strict=True) for _ in range(count)
        ]
    columns["section"] = [name_of(fold_name(n)) for one in parcels for n in one.sections]
    columns["vector"] = [
        vector
        for one, count in zip(parcels, counts, strict=True)
        if count
        for vector in np.frombuffer(one.vectors, "<f4").reshape(count, -1)
    ]
    terms: list[Sparse] = []
    for one in parcels:
        ends = np.cumsum(one.passage_counts)[:-1]
        numbers = np.split(np.frombuffer(one.passage_weighed, "<i4"), ends)
        weights = np.split(np.frombuffer(one.passage_weights, "<f4"), ends)
        terms += map(_sparse, numbers[: len(one.sections)], weights[: len(one.sections)])
    columns["terms"] = terms
    return columns


def _parcel_columns(parcels: Sequence[Parcel], rows: Ints) -> dict[str, Sequence[Any]]:
    texts = [texts_of(one.pack()) for one in parcels]
    counts = [len(own) for own in texts]
    return {
        KEY: [key for row, count in zip(rows, counts, strict=True) for key in keys_of(row, count)],
        "paper": np.repeat(rows, counts).tolist(),
        "part": [part for count in counts for part in range(count)],
        "data": [text for own in texts for text in own],
    }


def keys_of(paper: int, count: int) -> range:
    """The keys of a paper's passages, or of its parts.

    Raises:
        ClusterError: There are too many.
    """
    if count > MOST_PLACES:
        raise ClusterError(
            f"the paper in row {paper} has {count} passages or parts; a cluster takes {MOST_PLACES}"
        )
    first = int(paper) << PLACE_BITS
    return range(first, first + count)


def _sparse(numbers: npt.NDArray[Any], values: npt.NDArray[Any]) -> Sparse:
    """Weights of terms; what has none has one that no question has: Milvus takes no empty ones."""
    if not len(numbers):
        return Sparse(np.array([NO_TERM]), np.ones(1, np.float32))
    return Sparse(numbers.astype(np.int64), values.astype(np.float32))


def _names(names: Iterable[str]) -> list[str]:
    """Names that rows are filtered by, as far as a field takes them."""
    return list(dict.fromkeys(map(name_of, names)))[:_MOST_NAMES]


def _files(snapshot: Snapshot) -> dict[str, bytes]:
    """The small files that a service needs, by their names in a snapshot's folder."""
    names = [name for name in snapshot.manifest.files if name.startswith(_FOLDERS)]
    files = {
        name: (snapshot.folder / name).read_bytes()
        for name in sorted([*names, *_SINGLE])
        if (snapshot.folder / name).exists()  # a report may be gone
    }
    return files | facts_files(snapshot) | headings_files(snapshot)


def _facts(content: bytes) -> FileFacts:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
