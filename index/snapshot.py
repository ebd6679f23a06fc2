"""One immutable index on disk, and all that a question needs of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from index.adapt import AdaptedEncoder
from index.ahead import Ahead
from index.arrays import Ragged, check_arrays, load_mapped
from index.encoders import (
    Encoder,
    EncoderSettings,
    LateKind,
    LateSettings,
    MultiVectorEncoder,
    open_encoder,
    open_multi_vector_encoder,
)
from index.errors import EncoderError, SnapshotError
from index.glossary import Glossary
from index.labels import Labels
from index.late import LateIndex, TokenSpace
from index.learned import Learned
from index.leases import Lease, share
from index.lexical import LatentSpace, Lexicon
from index.manifest import LAYOUT, Manifest, read_manifest, verify_files
from index.papers import Paper, Passage, paper_id
from index.passages import make_passage
from index.projection import Projection
from index.quality.duplicates import find_families
from index.quality.findings import Flag, read_findings
from index.records import MANY, Records, StoredPapers
from index.scoring import Moments
from index.spans import tuples
from index.vectors import FaissIndex, VectorIndex

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class PassageRow(NamedTuple):
    """Where a passage stands: columns of the passages' table."""

    paper: int
    section: int
    number: int
    start: int
    end: int


class Heading(msgspec.Struct, frozen=True):
    """What a list of all papers says of each, as `Paper` has it."""

    id: str
    title: str
    date: dt.date | None
    votes: int | None


class Latent(NamedTuple):
    """Latent semantics: the space, and where the papers lie in it: (papers, dimension)."""

    space: LatentSpace
    papers: Floats


class Late(NamedTuple):
    """Late interaction: the space of the tokens, those of all passages, and the encoder."""

    space: TokenSpace
    tokens: LateIndex
    encoder: MultiVectorEncoder


class Snapshot:
    """An open index; it knows its papers, passages, terms, vectors and encoder."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        encoder: Encoder | None = None,
        late_encoder: MultiVectorEncoder | None = None,
    ) -> None:
        """Map the files of a folder, whose checksums were compared.

        Args:
            folder: Of the snapshot.
            manifest: What it says of itself.
            encoder: The one that made the vectors, without the map, if it is open already.
            late_encoder: The one that made the tokens, if it is open already.
        """
        self.folder = folder
        self.manifest = manifest
        self._lease: Lease | None = None
        self.learned = Learned.open(folder / LAYOUT.learned)
        self._encoder, self._late_encoder = encoder, late_encoder
        self.ahead = Ahead()
        self._records = Records.open(folder / LAYOUT.papers, folder / LAYOUT.paper_offsets)
        self._ids: list[str] = json.loads((folder / LAYOUT.ids).read_text(encoding="utf-8"))
        self._rows = {name: row for row, name in enumerate(self._ids)}
        self._decoder = msgspec.json.Decoder(Paper)
        self._table = self._load(LAYOUT.passages)
        self.sentences = Ragged(self._load(LAYOUT.sentences), self._load(LAYOUT.sentence_offsets))
        self._moments = self._load(LAYOUT.moments)
        self._first = np.searchsorted(self.owners, np.arange(len(self._ids) + 1))
        self.votes = self._load(LAYOUT.votes)
        self.titles: Floats | None = self._load(LAYOUT.titles)
        self.authors, self.dates, self.sections = (
            Labels.open(*(folder / file for file in LAYOUT.labels(name)))
            for name in ("authors", "dates", "sections")
        )
        self.findings = read_findings(folder / LAYOUT.findings)
        self._flags: dict[int, tuple[Flag, ...]] = {}
        for finding in self.findings:
            row = self._rows[finding.paper]
            self._flags[row] = tuple(dict.fromkeys([*self._flags.get(row, ()), finding.flag]))
        self.lexicon = Lexicon.open(folder / LAYOUT.lexical)
        self.glossary = Glossary.open(folder / LAYOUT.glossary)
        self.vectors: VectorIndex = FaissIndex.open(folder)
        self._late_index = None
        if self.learned.tokens is not None:
            self._late_index = LateIndex.open(folder / LAYOUT.late)
        self.latent: Latent | None = None
        if self.learned.latent is not None:
            self.latent = Latent(self.learned.latent, self._load(LAYOUT.latent))
        self.projection = Projection.open(folder / LAYOUT.projection)
        self._check_counts()

    @classmethod
    def open(
        cls,
        folder: Path,
        encoder: Encoder | None = None,
        late_encoder: MultiVectorEncoder | None = None,
    ) -> Snapshot:
        """Open a snapshot after comparing every file with its checksum.

        It is not deleted as long as it is open.

        Args:
            folder: Of the snapshot.
            encoder: The one that made the vectors, without the map, if it is open already.
            late_encoder: The one that made the tokens, if it is open already.

        Raises:
            SnapshotError: A file is missing, broken or of another format; it is named.
        """
        try:
            lease = share(folder / LAYOUT.manifest)
        except BlockingIOError:
            raise SnapshotError(f"{folder} is being deleted") from None
        except OSError as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else error.strerror
            raise SnapshotError(f"{folder / LAYOUT.manifest} {reason}") from None
        manifest = read_manifest(folder)
        verify_files(folder, manifest)
        snapshot = cls.open_unsealed(folder, manifest, encoder, late_encoder)
        snapshot._lease = lease
        return snapshot

    @classmethod
    def open_unsealed(
        cls,
        folder: Path,
        manifest: Manifest,
        encoder: Encoder | None = None,
        late_encoder: MultiVectorEncoder | None = None,
    ) -> Snapshot:
        """Open a snapshot that is being made, or whose files were compared already.

        Raises:
            SnapshotError: It can't be opened; a full disk cuts files short without a word.
        """
        try:
            check_arrays(folder)
            return cls(folder, manifest, encoder, late_encoder)
        # Whatever is in the files: JSON that is nested too deeply, an index that is out of range.
        except Exception as error:
            raise SnapshotError(f"the snapshot {folder} can't be opened: {error}") from error

    @property
    def version(self) -> str:
        """The index version."""
        return self.manifest.version

    @property
    def ids(self) -> Sequence[str]:
        """The papers' ids, oldest paper first."""
        return self._ids

    @property
    def owners(self) -> npt.NDArray[np.int32]:
        """The row of each passage's paper: (passages,), ascending."""
        return self._table[:, 0]

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder that made the vectors, with what it learned of the corpus.

        Raises:
            EncoderError: It can't be loaded, or is another by now.
        """
        linear = self.learned.map
        return self.plain_encoder if linear is None else AdaptedEncoder(self.plain_encoder, linear)

    @cached_property
    def plain_encoder(self) -> Encoder:
        """The encoder as it comes.

        Raises:
            EncoderError: It can't be loaded, or is another by now.
        """
        encoder = self._encoder or open_encoder(EncoderSettings.from_json(self.manifest.encoder))
        self._check_encoder(encoder.fingerprint, self.manifest.fingerprint)
        return encoder

    def borrow(self, other: Snapshot) -> None:
        """Use the encoders that another snapshot has open, where both were built with the same.

        Before any was used here: two in memory take twice as much, and a second to load.
        """
        theirs, own = other.manifest, self.manifest
        if (theirs.encoder, theirs.fingerprint) == (own.encoder, own.fingerprint):
            self._encoder = other.plain_encoder
        if (theirs.late, theirs.late_fingerprint) == (own.late, own.late_fingerprint):
            late = other.late
            self._late_encoder = None if late is None else late.encoder

    @property
    def has_late(self) -> bool:
        """Whether there are tokens for late interaction; nothing is opened to say so."""
        return self._late_index is not None and self.learned.tokens is not None

    @cached_property
    def late(self) -> Late | None:
        """Late interaction; `None` where the snapshot was built without it.

        Raises:
            EncoderError: The encoder can't be loaded, or is another by now.
        """
        if self._late_index is None or self.learned.tokens is None:
            return None
        settings = LateSettings.from_json(self.manifest.late)
        # The universal encoder is both, and what it computed for a query's vector is used again.
        inner = self.plain_encoder if settings.kind is LateKind.UNIVERSAL else None
        encoder = self._late_encoder or open_multi_vector_encoder(settings, inner)
        if encoder is None:
            raise EncoderError(f"version {self.version} has tokens and no encoder for them")
        self._check_encoder(encoder.token_fingerprint, self.manifest.late_fingerprint)
        return Late(self.learned.tokens, self._late_index, encoder)

    def prepare_queries(self, texts: Sequence[str], candidates: int) -> None:
        """Compute of queries that are asked next what can be computed ahead."""
        self.ahead.prepare(self, texts, candidates)

    def _check_encoder(self, found: str, wanted: str) -> None:
        if found != wanted:
            raise EncoderError(
                f"version {self.version} was built with the encoder {wanted},"
                f" the one here is {found}; build again with --full"
            )

    def without_titles(self, *, latent: bool = True) -> Snapshot:
        """The same papers as if they had no titles, to see what finds them by their text.

        Args:
            latent: Whether it is to have latent semantics; all texts are laid into them anew.
        """
        # Opened anew: what belongs to titles is replaced, and this snapshot never changes.
        bare = Snapshot(self.folder, self.manifest, self.plain_encoder, self._late_encoder)
        bare._lease = self._lease
        bare.titles = None
        bare.lexicon = self.lexicon.without_titles(self.owners.astype(np.int64), len(self))
        bare.latent = None
        if self.latent is not None and latent:
            texts = (
                [t for p in self.passages_of(row) for t in self._words(p)]
                for row in range(len(self))
            )
            bare.latent = Latent(self.latent.space, self.latent.space.vectors(texts))
        return bare

    @property
    def token_texts(self) -> Ragged | None:
        """The tokens of all passages and after them of all titles; `None` where there are none."""
        return None if self._late_index is None else self._late_index.texts

    @property
    def tokens(self) -> LateIndex | None:
        """The same, of which some can be taken; they stay on disk."""
        return self._late_index

    def _words(self, passage: int) -> Iterator[str]:
        return (term.text for term in self.lexicon.passage_terms(passage))

    def __len__(self) -> int:
        return len(self._ids)

    def row_of(self, paper: str) -> int | None:
        """The row of a paper by its id, its address, or its arXiv number with a version.

        `None` where there is no such paper.
        """
        row = self._rows.get(paper)
        return self._rows.get(paper_id(paper)) if row is None else row

    def words_of(self, paper: int) -> set[str]:
        """All terms of a paper's title and passages."""
        words = set(self.lexicon.title_terms(paper))
        for passage in self.passages_of(paper):
            words.update(self.lexicon.passage_lists.words(passage))
        return words

    def paper(self, row: int) -> Paper:
        """Read a paper, with its flags."""
        paper = self._decoder.decode(self._records[row])
        flags = self._flags.get(row)
        return replace(paper, flags=flags) if flags else paper

    def headings(self) -> list[Heading]:
        """Read of all papers what a list of them says, which is quicker than reading them."""
        decoder = msgspec.json.Decoder(Heading)
        return [decoder.decode(self._records[row]) for row in range(len(self))]

    def flagged(self, flags: Collection[str] | None = None) -> Mask:
        """Which papers have any of some flags, or any at all: (papers,)."""
        mask = np.zeros(len(self), np.bool_)
        rows = [row for row, own in self._flags.items() if flags is None or set(own) & set(flags)]
        mask[rows] = True
        return mask

    @cached_property
    def centres(self) -> Floats:
        """What each paper is about as a whole: (papers, dimension), of length 1.

        The mean of its title's vector and the mean of its passages', each of length 1. Computed
        when it is first asked for: 20 ms and as many bytes as a passage a paper.
        """
        sums = np.zeros((len(self), self.vectors.vectors.shape[1]), np.float32)
        filled = np.flatnonzero(np.diff(self._first))
        if len(filled):
            sums[filled] = np.add.reduceat(self.vectors.vectors, self._first[filled], axis=0)
        return unit(sums) if self.titles is None else unit(unit(sums) + unit(self.titles))

    @cached_property
    def families(self) -> dict[int, int]:
        """Of each paper whose summary is a copy, the first of all that share it: row to row.

        Read from the papers that are flagged so, when it is first asked for.
        """
        rows = np.flatnonzero(self.flagged({Flag.DUPLICATE_SUMMARY})).tolist()
        families = find_families([self.paper(row) for row in rows])
        return {rows[place]: rows[family[0]] for family in families for place in family}

    def papers(self, like: Iterable[Paper] = ()) -> Sequence[Paper]:
        """Read all papers, as the digests have them: without flags.

        Where they are many, each is read when it is asked for.

        Args:
            like: Papers that many of them may be equal to; such a one is given back as it is,
                which is several times as fast as reading it.
        """
        if len(self) >= MANY:
            return StoredPapers(self._records)
        encode = msgspec.json.Encoder().encode
        known = {encode(paper): paper for paper in like}
        records = (self._records[row] for row in range(len(self)))
        return [known.get(record) or self._decoder.decode(record) for record in records]

    def passages_of(self, paper: int) -> range:
        """The rows of a paper's passages."""
        return range(int(self._first[paper]), int(self._first[paper + 1]))

    def passages_of_all(self, papers: npt.NDArray[np.int64]) -> Ragged:
        """The rows of the passages of some papers."""
        firsts, lengths = self._first[papers], self._first[papers + 1] - self._first[papers]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        rows = np.repeat(firsts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(rows, offsets)

    def sections_of(self, row: int, paper: Paper) -> list[list[int]]:
        """The rows of a paper's passages, section by section."""
        sections: list[list[int]] = [[] for _ in paper.sections]
        first, last = int(self._first[row]), int(self._first[row + 1])
        for passage, section in enumerate(self._table[first:last, 1].tolist(), first):
            sections[section].append(passage)
        return sections

    @property
    def table(self) -> npt.NDArray[np.int32]:
        """Where each passage stands, as `PassageRow` has it: (passages, 5)."""
        return self._table

    def passage_row(self, row: int) -> PassageRow:
        """Where a passage stands."""
        return PassageRow(*map(int, self._table[row]))

    def sentences_of(self, passage: int) -> tuple[tuple[int, int], ...]:
        """The spans of a passage's sentences, in its text."""
        return tuple((int(a), int(b)) for a, b in self.sentences.row(passage))

    def passage(self, row: int, paper: Paper | None = None) -> Passage:
        """Read a passage; its paper need not be read again where it is at hand."""
        place = self.passage_row(row)
        paper = paper or self.paper(place.paper)
        span = (place.start, place.end)
        return make_passage(paper, place.section, place.number, span, self.sentences_of(row))

    def passages_at(self, rows: npt.NDArray[np.int64], papers: Sequence[Paper]) -> list[Passage]:
        """Read passages, each of the paper that is given beside it, as `passage` reads one."""
        sentences = tuples(self.sentences.take(rows))
        return [
            make_passage(paper, section, number, (start, end), spans)
            for (_, section, number, start, end), paper, spans in zip(
                self._table[rows].tolist(), papers, sentences, strict=True
            )
        ]

    def moments(self, query: Floats) -> Moments:
        """Mean and standard deviation of a query's cosines with all passages.

        From the passages' mean and covariance: E[q·x] = q·μ, Var[q·x] = q'Σq.
        """
        mean, covariance = self._moments[0], self._moments[1:]
        variance = float(query @ covariance @ query)
        return Moments(float(query @ mean), max(variance, 1e-12) ** 0.5)

    def _load(self, name: str) -> npt.NDArray[Any]:
        return load_mapped(self.folder / name)

    def _check_counts(self) -> None:
        papers, passages = self.manifest.papers, self.manifest.passages
        counted = {
            LAYOUT.ids: (len(self._ids), papers),
            LAYOUT.papers: (len(self._records), papers),
            LAYOUT.votes: (len(self.votes), papers),
            LAYOUT.titles: (0 if self.titles is None else len(self.titles), papers),
            LAYOUT.passages: (len(self._table), passages),
            LAYOUT.sentence_offsets: (len(self.sentences), passages),
            "vectors": (len(self.vectors.vectors), passages),
            LAYOUT.projection: (len(self.projection.places), papers),
        }
        if self._late_index is not None:
            counted[LAYOUT.late] = (len(self._late_index), passages + papers)
        if self.latent is not None:
            counted[LAYOUT.latent] = (len(self.latent.papers), papers)
        for name, (found, wanted) in counted.items():
            if found != wanted:
                raise ValueError(f"{name} has {found} rows, the manifest says {wanted}")


def unit(vectors: Floats) -> Floats:
    """Vectors brought to length 1, but for those that are all zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    brought: Floats = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return brought
