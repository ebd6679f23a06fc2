"""All that is known of one paper, packed into bytes: what a question that finds it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from index.arrays import Ragged
from index.quality.findings import Finding
from index.snapshot import Snapshot

Ints = npt.NDArray[np.int64]

BLOCK = 256  # papers that are packed at once


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """A paper with its passages; arrays as their bytes, row after row.

    Attributes:
        id: Of the paper.
        record: The paper as JSON.
        votes: -1 where nobody has counted them.
        authors: As the digests name them.
        dates: As ISO 8601 writes them.
        findings: Doubts about it.
        sections: The name of each passage's section.
        table: int32 (passages, 4) section, number, first character, end.
        sentences: int32 (sentences, 2), of all passages.
        sentence_counts: Of each passage.
        vectors: float32 (passages, dimension).
        title: float32 (dimension,) of the title.
        latent: float32, where it lies in the latent space; empty where there is none.
        centre: float32 (dimension,) what it is about as a whole.
        terms: int32 (terms, 3) number, first character and length, of all passages.
        term_counts: Of each passage.
        title_terms: int32, their numbers.
        name_terms: int32, the same.
        weighed: int32, the numbers of all different terms of the paper.
        weights: float32, what each counts in BM25 of papers.
        passage_weighed: int32, the numbers of the different terms of each passage.
        passage_weights: float32, what each counts in BM25 of passages.
        passage_counts: How many each passage has.
        tokens: uint16 (tokens, 3) of all passages and of the title, as `LateIndex` takes them.
        token_counts: Of each passage and of the title; empty where there are no tokens.
    """

    id: str
    record: bytes
    votes: int
    authors: list[str]
    dates: list[str]
    findings: list[Finding]
    sections: list[str]
    table: bytes
    sentences: bytes
    sentence_counts: list[int]
    vectors: bytes
    title: bytes
    latent: bytes
    centre: bytes
    terms: bytes
    term_counts: list[int]
    title_terms: bytes
    name_terms: bytes
    weighed: bytes
    weights: bytes
    passage_weighed: bytes
    passage_weights: bytes
    passage_counts: list[int]
    tokens: bytes
    token_counts: list[int]

    def pack(self) -> bytes:
        """As bytes."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, data: bytes) -> Parcel:
        """Read what `pack` gave.

        Raises:
            ValueError: It is something else.
        """
        return msgspec.msgpack.decode(data, type=cls)


def read_parcels(snapshot: Snapshot) -> Iterator[Parcel]:
    """The papers of a snapshot, one by one; some are read at a time."""
    findings: dict[str, list[Finding]] = {}
    for finding in snapshot.findings:
        findings.setdefault(finding.paper, []).append(finding)
    for begin in range(0, len(snapshot), BLOCK):
        yield from _block(snapshot, np.arange(begin, min(begin + BLOCK, len(snapshot))), findings)


def _block(snapshot: Snapshot, rows: Ints, findings: dict[str, list[Finding]]) -> Iterator[Parcel]:
    first = snapshot.passages_of(int(rows[0])).start
    passages = np.arange(first, snapshot.passages_of(int(rows[-1])).stop)
    lexicon, papers = snapshot.lexicon, snapshot.papers_at(rows)
    terms = lexicon.passage_lists.lists.take(passages)
    titles, names = lexicon.title_lists.lists.take(rows), lexicon.name_lists.lists.take(rows)
    places = [snapshot.passages_of(int(row)) for row in rows]
    own = [
        _different(
            titles.row(at)[:, 0],
            names.row(at)[:, 0],
            terms.values[terms.offsets[one.start - first] : terms.offsets[one.stop - first], 0],
        )
        for at, one in enumerate(places)
    ]
    weighed = Ragged.of(own, np.zeros(0, np.int32))
    weights = lexicon.paper_weights(np.repeat(rows, weighed.lengths), weighed.values)
    parts = [_different(terms.row(at)[:, 0]) for at in range(len(passages))]
    passage_weighed = Ragged.of(parts, np.zeros(0, np.int32))
    passage_weights = lexicon.passage_weights(
        np.repeat(passages, passage_weighed.lengths), passage_weighed.values
    )
    tokens = None
    if snapshot.tokens is not None:
        tokens = snapshot.tokens
    centres = snapshot.centre_index.vectors
    for at, (row, place, paper) in enumerate(zip(rows.tolist(), places, papers, strict=True)):
        inside = np.arange(place.start, place.stop)
        sentences = snapshot.sentences.take(inside)
        own_terms = terms.take(inside - first)
        own_parts = slice(
            *passage_weighed.offsets[[place.start - first, place.stop - first]].tolist()
        )
        own_weights = slice(*weighed.offsets[[at, at + 1]].tolist())
        coded = None
        if tokens is not None:
            coded = tokens.take(np.append(inside, len(snapshot.owners) + row))
        yield Parcel(
            id=snapshot.ids[row],
            record=snapshot.record(row),
            votes=int(snapshot.votes[row]),
            authors=list(dict.fromkeys(paper.authors)),
            dates=list(dict.fromkeys(day.isoformat() for day in paper.dates)),
            findings=findings.get(snapshot.ids[row], []),
            sections=[paper.sections[one].name for one in snapshot.table[inside, 1].tolist()],
            table=_bytes(snapshot.table[inside, 1:], np.int32),
            sentences=_bytes(sentences.values, np.int32),
            sentence_counts=sentences.lengths.tolist(),
            vectors=_bytes(snapshot.vectors.vectors[inside], np.float32),
            title=b"" if snapshot.titles is None else _bytes(snapshot.titles[row], np.float32),
            latent=b""
            if snapshot.latent is None
            else _bytes(snapshot.latent.papers[row], np.float32),
            centre=_bytes(centres[row], np.float32),
            terms=_bytes(own_terms.values, np.int32),
            term_counts=own_terms.lengths.tolist(),
            title_terms=_bytes(titles.row(at), np.int32),
            name_terms=_bytes(names.row(at), np.int32),
            weighed=_bytes(weighed.values[own_weights], np.int32),
            weights=_bytes(weights[own_weights], np.float32),
            passage_weighed=_bytes(passage_weighed.values[own_parts], np.int32),
            passage_weights=_bytes(passage_weights[own_parts], np.float32),
            passage_counts=np.diff(
                passage_weighed.offsets[place.start - first : place.stop - first + 1]
            ).tolist(),
            tokens=b"" if coded is None else _bytes(coded.values, np.uint16),
            token_counts=[] if coded is None else coded.lengths.tolist(),
        )


def _different(*numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The different ones of some numbers, ascending."""
    return np.unique(np.concatenate(numbers)).astype(np.int32)


def _bytes(array: npt.NDArray[Any], dtype: npt.DTypeLike) -> bytes:
    return np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<")).tobytes()


def joined(parts: Sequence[bytes], dtype: npt.DTypeLike, *shape: int) -> npt.NDArray[Any]:
    """Arrays of several parcels, end to end.

    Args:
        parts: Their bytes.
        dtype: Of the array.
        shape: Of an item, after the number of all of them.
    """
    found = np.frombuffer(b"".join(parts), np.dtype(dtype).newbyteorder("<"))
    return found.astype(dtype, copy=False).reshape(-1, *shape)
