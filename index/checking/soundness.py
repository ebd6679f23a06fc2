"""Whether what a snapshot's files say fits together, which no checksum tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged
from index.snapshot import Snapshot

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Name = Callable[[int], str]

LENGTH_TOLERANCE = 1e-3
_BLOCK = 4096  # vectors that are looked at together
_TEXTS = 20_000  # whose tokens are looked at together
_NAMED = 3  # of those with a fault


def find_faults(snapshot: Snapshot) -> list[str]:
    """Look through all vectors, passages, sentences and tokens.

    Returns:
        A text for each kind of fault: how many have it, and the first of them.
    """
    table = snapshot.table.astype(np.int64)

    def paper(row: int) -> str:
        return snapshot.ids[row]

    def passage(row: int) -> str:
        owner, section, number = table[row, :3].tolist()
        if not 0 <= owner < len(snapshot):
            return f"row {row}"
        return f"{snapshot.ids[owner]}#{section}.{number}"

    width = snapshot.manifest.dimension
    faults = _vector_faults("vectors of passages", snapshot.vectors.vectors, width, passage)
    if snapshot.titles is not None:
        faults += _vector_faults("vectors of titles", snapshot.titles, width, paper)
    if snapshot.latent is not None:
        space, papers = snapshot.latent.space, snapshot.latent.papers
        # A paper none of whose terms is known lies nowhere.
        faults += _vector_faults("latent vectors", papers, space.dimension, paper, or_zero=True)
    texts = _read_texts(snapshot)
    wrong = np.array([own != name for own, name in zip(texts.ids, snapshot.ids, strict=True)])
    faults += _tell("papers have another id than their row", wrong, paper)
    faults += _passage_faults(table, texts, passage)
    lengths = table[:, 4] - table[:, 3]
    faults += _sentence_faults(snapshot.sentences, lengths, passage)
    return faults + _token_faults(snapshot, np.concatenate([lengths, texts.titles]), passage)


class _Texts(NamedTuple):
    """What the papers' texts tell of them.

    Attributes:
        ids: Of the papers.
        titles: (papers,) the length of each title.
        sections: (papers,) how many sections each has.
        lengths: (sections of all papers,) how long each is.
    """

    ids: list[str]
    titles: Ints
    sections: Ints
    lengths: Ints


def _read_texts(snapshot: Snapshot) -> _Texts:
    ids, titles, sections, lengths = [], [], [], []
    for row in range(len(snapshot)):
        paper = snapshot.paper(row)
        ids.append(paper.id)
        titles.append(len(paper.title))
        sections.append(len(paper.sections))
        lengths += [len(section.text) for section in paper.sections]
    return _Texts(ids, *(np.array(some, np.int64) for some in (titles, sections, lengths)))


def _vector_faults(
    what: str, vectors: Floats, width: int, name: Name, or_zero: bool = False
) -> list[str]:
    if vectors.shape[1] != width:
        return [f"the {what} have {vectors.shape[1]} numbers each, not {width}"]
    lengths = np.zeros(len(vectors), np.float32)
    for first in range(0, len(vectors), _BLOCK):
        block = vectors[first : first + _BLOCK]
        lengths[first : first + _BLOCK] = np.sqrt(np.einsum("ij,ij->i", block, block))
    finite = np.isfinite(lengths)  # of a row with a single number that is not, it is not
    right = np.abs(lengths - 1) <= LENGTH_TOLERANCE
    if or_zero:
        right |= lengths == 0
    return [
        *_tell(f"{what} are not finite", ~finite, name),
        *_tell(f"{what} are not of length 1", finite & ~right, name),
    ]


def _passage_faults(table: Ints, texts: _Texts, name: Name) -> list[str]:
    paper, section, number, start, end = table.T
    owned = (paper >= 0) & (paper < len(texts.ids))
    own = np.where(owned, paper, 0)
    placed = owned & (section >= 0) & (section < texts.sections[own])
    first = np.cumsum(texts.sections) - texts.sections
    length = np.zeros(len(table), np.int64)
    length[placed] = texts.lengths[(first[own] + section)[placed]]
    spans = (start >= 0) & (start < end) & (end <= length)
    papers, sections, numbers = (np.diff(column, prepend=-1) for column in (paper, section, number))
    on = (papers > 0) | ((papers == 0) & (sections > 0))
    ordered = np.where(on, number == 0, (papers == 0) & (sections == 0) & (numbers == 1))
    return [
        *_tell("passages are of no paper", ~owned, name),
        *_tell("passages are of no section of their paper", owned & ~placed, name),
        *_tell("passages are no span of their section", placed & ~spans, name),
        *_tell("passages are out of order", ~ordered, name),
    ]


def _sentence_faults(sentences: Ragged, lengths: Ints, name: Name) -> list[str]:
    if not _is_ragged(sentences):
        return ["the offsets of the sentences are out of order"]
    inside = _are_inside(sentences.values, sentences.offsets, lengths, empty=False)
    return _tell("passages have a sentence outside of them", _any(~inside, sentences), name)


def _token_faults(snapshot: Snapshot, lengths: Ints, name: Name) -> list[str]:
    """What is wrong with tokens; `lengths` are those of all passages and then all titles."""
    kept, space = snapshot.tokens, snapshot.learned.tokens
    if kept is None or space is None:
        return []
    titles = len(lengths) - len(snapshot)
    unknown, outside = np.zeros(len(lengths), np.bool_), np.zeros(len(lengths), np.bool_)
    for first in range(0, len(lengths), _TEXTS):
        some = slice(first, first + _TEXTS)
        tokens = kept.take(np.arange(len(lengths))[some])
        unknown[some] = _any(tokens.values[:, 0] >= len(space.centroids), tokens)
        inside = _are_inside(tokens.values[:, 1:], tokens.offsets, lengths[some], empty=True)
        outside[some] = _any(~inside, tokens)

    def text(row: int) -> str:
        return name(row) if row < titles else f"title of {snapshot.ids[row - titles]}"

    return [
        *_tell("texts have a token without a centroid", unknown, text),
        *_tell("texts have a token outside of them", outside, text),
    ]


def _is_ragged(rows: Ragged) -> bool:
    offsets = rows.offsets
    ends = int(offsets[0]) == 0 and int(offsets[-1]) == len(rows.values)
    return ends and bool((np.diff(offsets) >= 0).all())


def _are_inside(spans: npt.NDArray[Any], offsets: Ints, lengths: Ints, empty: bool) -> Mask:
    """Which of all texts' spans lie in their text: (spans,)."""
    start, end = spans[:, 0], spans[:, 1]
    whole = np.repeat(lengths.astype(np.int32), np.diff(offsets))
    inside: Mask = (start >= 0) & (start <= end if empty else start < end) & (end <= whole)
    return inside


def _any(wrong: Mask, rows: Ragged) -> Mask:
    """Which rows have an item that is wrong: (rows,)."""
    found = np.zeros(len(rows), np.bool_)
    found[np.searchsorted(rows.offsets, np.flatnonzero(wrong), side="right") - 1] = True
    return found


def _tell(what: str, wrong: Mask, name: Name) -> list[str]:
    rows = np.flatnonzero(wrong).tolist()
    return [f"{len(rows)} of {len(wrong)} {what}: {listed(rows, name)}"] if rows else []


def listed(rows: Sequence[int], name: Name, most: int = _NAMED) -> str:
    """The first of some rows by name, and that there are more."""
    names = [name(row) for row in rows[:most]]
    return ", ".join([*names, "..."] if len(rows) > most else names)
