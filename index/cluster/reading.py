"""A version in the store of a cluster, opened: its small files, and its papers when they are asked.

The files are kept in a folder by version, compared with their checksums; the papers that were read
last are kept in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from index.arrays import Ragged, check_arrays, load_mapped
from index.cluster.background import read_background
from index.cluster.base import KEY, Condition, FieldKind, Relation, Tables, name_of
from index.cluster.conditions import with_ids
from index.cluster.facts import CorpusFacts
from index.cluster.gathered import Known, Listed, Scales, parts_of
from index.cluster.parcels import Parcel
from index.cluster.versions import (
    FILES,
    PAPERS,
    PARCELS,
    PASSAGES,
    ClusterVersions,
    Seal,
    bytes_of,
    joined_files,
)
from index.durable import write_whole
from index.elsewhere import Elsewhere
from index.encoders import Encoder, MultiVectorEncoder
from index.encoders.kept import Kept
from index.errors import ClusterError, NonmunError
from index.glossary import Glossary
from index.learned import Learned
from index.lexical import Lexicon, TermLists
from index.lexical.gathered import GatheredBm25
from index.manifest import LAYOUT, read_manifest
from index.moments import Distribution
from index.papers import paper_id
from index.parts import Parts
from index.projection import Projection
from index.snapshot import Snapshot

Ints = npt.NDArray[np.int64]

# What is read at once: Milvus sends no more than 64 MB.
_PARTS_AT_ONCE = 256  # of files
PAPERS_AT_ONCE = 512
_PAPERS_KEPT = 2_048  # of 25 kB each


class Reader:
    """Reads one version. Safe to use from several threads."""

    def __init__(
        self,
        versions: ClusterVersions,
        version: str,
        cache: Path,
        like: Snapshot | None = None,
    ) -> None:
        """Read the small files of a version, if they are not in the cache.

        Args:
            versions: Of the store.
            version: Which.
            cache: A folder for files; they are found there again.
            like: One whose encoders are used, where they are the same ones.

        Raises:
            ClusterError: It is not there, half-written, broken or of another format.
            SnapshotError: Its files are of another format.
            EncoderError: The encoder can't be loaded, or is another by now.
        """
        self.tables: Tables = versions.tables
        self._versions, self.version = versions, version
        self._seal = versions.seal_of(version)
        folder = cache / version
        fetch(versions, version, self._seal, folder, tuple(self._seal.files))
        try:
            check_arrays(folder)
            self.known = _known(folder)
            self._background = read_background(folder)
        except NonmunError:
            raise
        # Whatever is in the files: JSON that is nested too deeply, a name that is missing.
        except Exception as error:
            raise ClusterError(f"version {version} in the cluster is broken: {error}") from None
        if self.known.manifest.version != version:
            held = self.known.manifest.version
            raise ClusterError(f"version {version} in the cluster holds version {held}; push again")
        for kind in (PAPERS, PASSAGES, PARCELS):
            self.tables.load(self.table(kind))
        self._check_tables()
        self._encoder: Encoder | None = None
        self._late_encoder: MultiVectorEncoder | None = None
        self._parcels: Kept[int, Parcel] = Kept(_PAPERS_KEPT)
        base = self.snapshot(())
        if like is not None:
            base.borrow(like)
        self._encoder = base.plain_encoder
        self._late_encoder = None if base.late is None else base.late.encoder

    def table(self, kind: str) -> str:
        """The name of one of the version's tables."""
        return self._versions.table(self.version, kind)

    def fetch(self, name: str) -> None:
        """Write a small file to the cache again, if it was deleted there.

        Raises:
            ClusterError: It can't be read or written.
        """
        fetch(self._versions, self.version, self._seal, self.known.folder, (name,))

    def snapshot(
        self,
        rows: Sequence[int] | Ints,
        scales: Scales | None = None,
        elsewhere: Elsewhere | None = None,
        *,
        standing_for_all: bool = False,
    ) -> Snapshot:
        """Some papers of the version as a snapshot.

        Args:
            rows: Of the papers, ascending.
            scales: What brings their scores to the scale of all; `None` takes them for all.
            elsewhere: Where all others are, if they are to be asked for.
            standing_for_all: Whether others are added that stand for the whole corpus.

        Raises:
            ClusterError: One can't be read.
        """
        parcels = self._read([int(row) for row in rows])
        others = self._background if standing_for_all else []
        parts = parts_of(self.known, [*parcels, *others], scales or Scales())
        parts = replace(parts, stand_for_all=len(others))
        if elsewhere is not None:
            labels = Listed(self.known.facts.sections), Listed(self.known.facts.days)
            parts = replace(parts, elsewhere=elsewhere, sections=labels[0], dates=labels[1])
        return self._made(parts)

    def standby(self, parcels: Sequence[Parcel], scales: Scales, trouble: str) -> Snapshot:
        """Papers that were read before as a snapshot, for when no others can be.

        Args:
            parcels: The papers, ascending.
            scales: As for `snapshot`.
            trouble: What to say of it.
        """
        return self._made(replace(parts_of(self.known, parcels, scales), trouble=trouble))

    def _made(self, parts: Parts) -> Snapshot:
        known = self.known
        made = Snapshot(known.folder, known.manifest, self._encoder, self._late_encoder, parts)
        made.compared = True  # what is read of it is compared as it is read
        return made

    def rows_of(self, names: Iterable[str]) -> list[int]:
        """The rows of papers by whatever name, ascending; those that are not there are left out.

        Raises:
            ClusterError: The store does not say.
        """
        names = list(names)
        if not names:
            return []
        found = self.tables.look_up(self.table(PAPERS), with_ids(names), ["id"])
        rows = {one["id"]: int(one[KEY]) for one in found}
        own = (rows.get(name_of(n), rows.get(name_of(paper_id(n)))) for n in names)
        return sorted({row for row in own if row is not None})

    def _read(self, rows: Sequence[int]) -> list[Parcel]:
        found = {row: self._parcels.get(row) for row in rows}
        missing = [row for row, parcel in found.items() if parcel is None]
        found |= dict(zip(missing, self.parcels(missing), strict=True))
        parcels = []
        for row, parcel in found.items():
            if parcel is not None:
                self._parcels.put(row, parcel)
                parcels.append(parcel)
        return parcels

    def parcels(self, rows: Sequence[int]) -> list[Parcel]:
        """Papers as the store has them, read now.

        Raises:
            ClusterError: One can't be read.
        """
        texts: dict[int, list[str]] = {}
        for begin in range(0, len(rows), PAPERS_AT_ONCE):
            some = [Condition("paper", Relation.IN, list(rows[begin : begin + PAPERS_AT_ONCE]))]
            for one in self.tables.look_up(self.table(PARCELS), some, ["paper", "data"]):
                texts.setdefault(int(one["paper"]), []).append(one["data"])
        parcels = []
        for row in rows:
            try:
                parcels.append(Parcel.unpack(bytes_of(texts[row])))
            except (KeyError, ValueError):
                name = self.table(PARCELS)
                raise ClusterError(f"{name} has no paper in row {row}; push it again") from None
        return parcels

    def _check_tables(self) -> None:
        """See that the vectors are those of the manifest's encoder."""
        wanted = self.known.manifest.dimension
        for one in self.tables.fields(self.table(PASSAGES)):
            if one.kind is FieldKind.DENSE and one.size != wanted:
                raise ClusterError(
                    f"{self.table(PASSAGES)} has vectors of {one.size} dimensions in the cluster,"
                    f" version {self.version} has {wanted}; push it again"
                )


def _known(folder: Path) -> Known:
    facts = CorpusFacts.open(folder)
    return Known(
        folder,
        read_manifest(folder),
        Learned.open(folder / LAYOUT.learned),
        Glossary.open(folder / LAYOUT.glossary),
        _empty_lexicon(folder, facts),
        facts,
        Distribution.from_array(load_mapped(folder / LAYOUT.moments)),
        Projection.open(folder / LAYOUT.projection),
    )


def _empty_lexicon(folder: Path, facts: CorpusFacts) -> Lexicon:
    """The vocabulary of a corpus, without papers."""
    path = folder / LAYOUT.lexical / "vocabulary.json"
    vocabulary = msgspec.json.decode(path.read_bytes(), type=list[str])
    none = Ragged(np.zeros(0, np.int32), np.zeros(1, np.int64))
    papers, passages = (
        GatheredBm25(one.count, one.frequencies, one.sums, none, np.zeros(0, np.float32))
        for one in (facts.papers, facts.passages)
    )
    terms = TermLists(vocabulary, Ragged(np.zeros((0, 3), np.int32), none.offsets))
    words = TermLists(vocabulary, Ragged(np.zeros((0, 1), np.int32), none.offsets))
    return Lexicon(papers, passages, terms, words, words)


def fetch(
    versions: ClusterVersions, version: str, seal: Seal, folder: Path, names: Collection[str]
) -> None:
    """Write small files of a version to a folder, but those that are there already.

    Args:
        versions: Of the store.
        version: Which.
        seal: Of the version.
        folder: Where to.
        names: Of the files; those that the version has not are left out.

    Raises:
        ClusterError: One differs from its checksum, or can't be written.
    """
    wanted = {name: seal.files[name] for name in names if name in seal.files}
    for name in wanted:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name or not path.name:
            raise ClusterError(f"{name[:100]!r} is no file of a version")
    if all(_is_there(folder, name, seal) for name in wanted):
        return
    rows: list[dict[str, Any]] = []
    table = versions.table(version, FILES)
    for begin in range(1, seal.parts + 1, _PARTS_AT_ONCE):
        keys = list(range(begin, min(begin + _PARTS_AT_ONCE, seal.parts + 1)))
        some = [Condition(KEY, Relation.IN, keys)]
        found = versions.tables.look_up(table, some, ["name", "data"])
        rows += found
        if len(found) != len(keys):
            raise ClusterError(f"{table} has not all of its {seal.parts} parts; push it again")
    files = joined_files(rows)
    for name, facts in wanted.items():
        content = files.get(name, b"")
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            raise ClusterError(f"{name} of version {version} is broken in the cluster; push again")
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, content, durably=False)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ClusterError(f"can't write {folder / name}: {reason}") from None


def _is_there(folder: Path, name: str, seal: Seal) -> bool:
    try:
        content = (folder / name).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content).hexdigest() == seal.files[name]["sha256"]
