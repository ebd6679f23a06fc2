"""One immutable index on disk, and all that a question needs of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt

from index.adapt import AdaptedEncoder
from index.ahead import Ahead
from index.arrays import Ragged, check_arrays
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
from index.late import LateIndex, TokenSpace
from index.leases import Lease, share
from index.lexical import LatentSpace
from index.manifest import LAYOUT, Manifest, read_manifest
from index.moments import Moments, standardise
from index.paper_index import PaperIndex
from index.papers import Paper, Passage, paper_id
from index.parts import Parts
from index.passages import make_passage
from index.quality.duplicates import find_families
from index.quality.findings import Flag
from index.records import MANY, StoredPapers
from index.spans import tuples
from index.verifying import verify_files, verify_opening

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


@dataclass(frozen=True, slots=True)
class Latent:
    """Latent semantics: the space, and where the papers lie in it."""

    space: LatentSpace
    index: PaperIndex

    @property
    def papers(self) -> Floats:
        """(papers, dimension), of length 1."""
        return self.index.vectors


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
        parts: Parts | None = None,
    ) -> None:
        """Map the files of a folder, whose checksums were compared.

        Args:
            folder: Of the snapshot.
            manifest: What it says of itself.
            encoder: The one that made the vectors, without the map, if it is open already.
            late_encoder: The one that made the tokens, if it is open already.
            parts: What it is made of, if that is at hand: then no file is looked for.

        Attributes:
            compared: Whether every file was compared with its checksum.
            owners: The row of each passage's paper: (passages,), ascending.
            failed: Legs that can't be run, and why; none of a snapshot on disk.
            elsewhere: Where its papers are if it has none; `None` of a snapshot on disk.
        """
        self.folder = folder
        self.manifest = manifest
        self.compared = False
        self._lease: Lease | None = None
        self._encoder, self._late_encoder = encoder, late_encoder
        self.ahead = Ahead()
        opened = parts or Parts.open(folder, manifest)
        self._parts = opened
        self.learned = opened.learned
        self._records = opened.records
        self._ids = opened.ids
        self._rows = {name: row for row, name in enumerate(self._ids)}
        self._decoder = msgspec.json.Decoder(Paper)
        self._table = opened.table
        self.sentences = opened.sentences
        # A copy: every filter takes papers by it, which is six times as fast as from the table.
        self.owners = self._table[:, 0].astype(np.int64)
        self._first = np.searchsorted(self.owners, np.arange(len(self._ids) + 1))
        self.votes = opened.votes
        self.title_index = opened.titles
        self.authors, self.dates, self.sections = opened.authors, opened.dates, opened.sections
        self.findings = opened.findings
        self._flags: dict[int, tuple[Flag, ...]] = {}
        for finding in self.findings:
            row = self._rows[finding.paper]
            self._flags[row] = tuple(dict.fromkeys([*self._flags.get(row, ()), finding.flag]))
        self.lexicon = opened.lexicon
        self.glossary = opened.glossary
        self.vectors = opened.vectors
        self._late_index = opened.late
        self.latent: Latent | None = None
        if self.learned.latent is not None and opened.latent is not None:
            self.latent = Latent(self.learned.latent, opened.latent)
        self.projection = opened.projection
        self.failed = opened.failed
        self.elsewhere = opened.elsewhere

    @classmethod
    def open(
        cls,
        folder: Path,
        encoder: Encoder | None = None,
        late_encoder: MultiVectorEncoder | None = None,
    ) -> Snapshot:
        """Open a snapshot after comparing its files with their checksums.

        Of a large one, only what `verify_opening` compares; see `compare` and `compared`. It is
        not deleted as long as it is open.

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
        compared = verify_opening(folder, manifest)
        snapshot = cls.open_unsealed(folder, manifest, encoder, late_encoder)
        snapshot._lease, snapshot.compared = lease, compared
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

    def compare(self) -> Self:
        """Compare every file with its checksum, if that was not done yet.

        Raises:
            SnapshotError: One differs; the message names it.
        """
        if not self.compared:
            verify_files(self.folder, self.manifest)
            self.compared = True
        return self

    @property
    def version(self) -> str:
        """The index version."""
        return self.manifest.version

    @property
    def ids(self) -> Sequence[str]:
        """The papers' ids, oldest paper first."""
        return self._ids

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
        if self.elsewhere is not None:
            self.plain_encoder.prepare_queries(texts)
            return
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
        bare.title_index = None
        bare.lexicon = self.lexicon.without_titles(self.owners, len(self))
        bare.latent = None
        if self.latent is not None and latent:
            texts = (
                [t for p in self.passages_of(row) for t in self._words(p)]
                for row in range(len(self))
            )
            vectors = self.latent.space.vectors(texts)
            bare.latent = Latent(self.latent.space, PaperIndex.of(vectors))
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

    @property
    def trouble(self) -> str | None:
        """Why these papers are searched for others that can't be; `None` where all can be."""
        return self._parts.trouble

    @property
    def stands_for_all(self) -> slice:
        """The rows of papers that stand for a whole corpus; none of a snapshot on disk."""
        return slice(len(self) - self._parts.stand_for_all, len(self))

    def standardise(self, scores: Floats) -> Floats:
        """Scores of all papers as standard deviations above the mean of the corpus: (papers,)."""
        if not self._parts.stand_for_all:
            return standardise(scores)
        return Moments.of(scores[self.stands_for_all]).standardise(scores)

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

    def record(self, row: int) -> bytes:
        """A paper as it is kept: JSON, without flags."""
        return self._records[row]

    def papers_at(self, rows: npt.NDArray[np.int64]) -> list[Paper]:
        """Read papers, without flags."""
        return [self._decoder.decode(self._records[row]) for row in rows.tolist()]

    def headings(self, rows: Iterable[int]) -> list[Heading]:
        """Read of papers what a list of them says, which is quicker than reading them."""
        decoder = msgspec.json.Decoder(Heading)
        return [decoder.decode(self._records[row]) for row in rows]

    def flagged(self, flags: Collection[str] | None = None) -> Mask:
        """Which papers have any of some flags, or any at all: (papers,)."""
        mask = np.zeros(len(self), np.bool_)
        for flag in self._flagged_rows if flags is None else flags:
            mask[self._flagged_rows.get(flag, [])] = True
        return mask

    @property
    def titles(self) -> Floats | None:
        """The vectors of the titles, (papers, dimension); `None` where there are none."""
        return None if self.title_index is None else self.title_index.vectors

    @cached_property
    def _flagged_rows(self) -> dict[str, npt.NDArray[np.int64]]:
        """The rows of the papers that have each flag."""
        rows: dict[str, list[int]] = {}
        for row, flags in self._flags.items():
            for flag in flags:
                rows.setdefault(flag, []).append(row)
        return {flag: np.array(some, np.int64) for flag, some in rows.items()}

    @cached_property
    def centre_index(self) -> PaperIndex:
        """What each paper is about as a whole, see `centres`.

        Computed when it is first asked for, which takes 20 ms and as many bytes as a passage a
        paper for some thousands of papers; read where there are so many that a build wrote them.
        """
        if self._parts.centres is not None and self.title_index is not None:
            return self._parts.centres
        return PaperIndex.of(centres(self.vectors.vectors, self._first, self.titles))

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
        """Mean and standard deviation of a query's cosines with all passages."""
        return self._parts.distribution.moments(query)


def centres(passages: Floats, first: npt.NDArray[np.int64], titles: Floats | None) -> Floats:
    """What each paper is about as a whole: (papers, dimension), of length 1.

    The mean of its title's vector and the mean of its passages', each of length 1.

    Args:
        passages: (passages, dimension).
        first: (papers + 1,) the row of each paper's first passage; the last is the end.
        titles: (papers, dimension); `None` leaves them out.
    """
    sums = np.zeros((len(first) - 1, passages.shape[1]), np.float32)
    filled = np.flatnonzero(np.diff(first))
    if len(filled):
        sums[filled] = np.add.reduceat(passages, first[filled], axis=0)
    return unit(sums) if titles is None else unit(unit(sums) + unit(titles))


def unit(vectors: Floats) -> Floats:
    """Vectors brought to length 1, but for those that are all zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    brought: Floats = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return brought
