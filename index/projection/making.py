"""The projection of a build's papers: laid out anew, or what the live one has and new papers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.glossary import Glossary
from index.lexical import Lexicon, latin_terms
from index.papers import Paper
from index.projection.layout import lay_out
from index.projection.naming import Name, name_topics
from index.projection.placing import among, place, told_apart
from index.projection.projection import Projection, Topic
from index.projection.runs import Texts
from index.projection.topics import densest, find_topics
from index.projection.vectors import Parts, Shared, paper_vectors, vectors_of

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Papers that are laid out by t-SNE, which takes 103 CPU seconds for so many and grows faster than
# they do; of more, the others are placed among these.
LANDMARKS = 20_000
_PLACED = 1_024  # papers that are compared with all landmarks at once


class Corpus(NamedTuple):
    """What is known of a build's papers.

    Attributes:
        papers: In the snapshot's order.
        vectors: Of them.
        lexicon: Of them.
        table: Where each passage stands, as `Snapshot.table` has it: (passages, 5).
        glossary: Of them.
    """

    papers: Sequence[Paper]
    vectors: Parts
    lexicon: Lexicon
    table: npt.NDArray[np.int32]
    glossary: Glossary


class Known(NamedTuple):
    """What is known from the snapshot that a build goes on from: its papers, where they lie."""

    papers: Sequence[Paper]
    projection: Projection


def project(corpus: Corpus, known: Known | None = None) -> Projection:
    """Lay out papers and call the regions by what is said there.

    What is known stays where it is, if it says the same, and so do the regions; a region that
    nothing lies in any more goes. New papers are placed by those that they are most like.

    Args:
        corpus: The papers.
        known: Where they lay before; `None` lays all out anew.
    """
    rows = None if known is None else _rows_before(corpus.papers, known.papers)
    if known is None or rows is None or (rows < 0).all():
        return _anew(corpus)
    return _on_top(corpus, known.projection, rows)


def _anew(corpus: Corpus) -> Projection:
    texts = Texts(corpus.papers, corpus.lexicon.passage_lists, corpus.table)
    if len(corpus.papers) <= LANDMARKS:
        return _laid_out(paper_vectors(corpus.vectors), texts, corpus.glossary)
    # Some are laid out, and the others placed among them.
    chosen = landmarks(np.arange(len(corpus.papers)))
    vectors, shared = vectors_of(corpus.vectors, chosen)
    laid_out = _laid_out(vectors, _only(texts, chosen), corpus.glossary)
    others = np.setdiff1d(np.arange(len(corpus.papers)), chosen)
    places = np.empty((len(corpus.papers), 2), np.float32)
    regions = np.empty(len(places), np.int32)
    places[chosen], regions[chosen] = laid_out.places, laid_out.regions
    marks = _Landmarks(vectors, laid_out.places, shared)
    places[others] = told_apart(marks.place(corpus.vectors, others), laid_out.places)
    regions[others] = laid_out.regions[_closest(places[others], laid_out.places)]
    return Projection(places, regions, laid_out.topics)


def landmarks(rows: Ints) -> Ints:
    """Of many rows LANDMARKS that are evenly spread, of fewer all: the same ones each time."""
    if len(rows) <= LANDMARKS:
        return rows
    return rows[np.round(np.linspace(0, len(rows) - 1, LANDMARKS)).astype(np.int64)]


class _Landmarks(NamedTuple):
    """Papers that others are placed by.

    Attributes:
        vectors: Of them: (landmarks, dimension).
        places: Where they lie: (landmarks, 2).
        shared: What the vectors were taken from.
    """

    vectors: Floats
    places: Floats
    shared: Shared

    def place(self, parts: Parts, rows: Ints) -> npt.NDArray[np.float64]:
        """Where papers of some rows lie among these: (rows, 2)."""
        found = np.empty((len(rows), 2))
        for begin in range(0, len(rows), _PLACED):
            some = rows[begin : begin + _PLACED]
            vectors, _ = vectors_of(parts, some, self.shared)
            found[begin : begin + _PLACED] = among(vectors @ self.vectors.T, self.places)
        return found


def _only(texts: Texts, rows: Ints) -> Texts:
    """The texts of some of the papers."""
    numbers = np.full(len(texts.papers), -1, np.int32)
    numbers[rows] = np.arange(len(rows))
    owners = numbers[texts.table[:, 0]]
    passages = np.flatnonzero(owners >= 0)
    table = np.array(texts.table[passages])
    table[:, 0] = owners[passages]
    papers = [texts.papers[row] for row in rows.tolist()]
    return Texts(papers, texts.terms.take(passages), table)


def _closest(places: Floats, known: Floats) -> Ints:
    """Which of the known places each of some lies nearest to: (places,)."""
    if len(known) < LANDMARKS:
        return np.array([((known - place) ** 2).sum(1).argmin() for place in places], np.int64)
    from scipy.spatial import cKDTree  # 40 MB, for many papers alone

    return np.asarray(cKDTree(known).query(places)[1], np.int64)


def _laid_out(vectors: Floats, texts: Texts, glossary: Glossary) -> Projection:
    places = lay_out(vectors)
    topics = find_topics(places)
    names = name_topics(texts, glossary, [topics.broad, topics.fine])
    large = len(names[0])
    found = []
    for level, (regions, own) in enumerate(zip((topics.broad, topics.fine), names, strict=True)):
        for number, terms in enumerate(own):
            x, y = densest(places[regions == number])
            parent = int(topics.parents[number]) if level else None
            found.append(Topic(level, parent, round(x, 4), round(y, 4), terms))
    return Projection(places, (topics.fine + large).astype(np.int32), tuple(found))


def _on_top(corpus: Corpus, before: Projection, rows: Ints) -> Projection:
    """The same places for what is known; `rows` are its rows before, -1 for what is new."""
    new, old = np.flatnonzero(rows < 0), np.flatnonzero(rows >= 0)
    places = np.empty((len(rows), 2), np.float32)
    regions = np.empty(len(rows), np.int32)
    places[old], regions[old] = before.places[rows[old]], before.regions[rows[old]]
    if len(new):
        marks = landmarks(old)
        if len(rows) <= LANDMARKS:
            vectors = paper_vectors(corpus.vectors)
            places[new] = place((vectors[new] @ vectors.T)[:, old], places[old])
        else:
            vectors, shared = vectors_of(corpus.vectors, marks)
            known = _Landmarks(vectors, places[marks], shared)
            places[new] = told_apart(known.place(corpus.vectors, new), places[old])
        regions[new] = regions[marks[_closest(places[new], places[marks])]]
    return _without_empty(Projection(places, regions, before.topics), corpus.lexicon)


def _without_empty(projection: Projection, lexicon: Lexicon) -> Projection:
    """The same without topics that nothing lies in, and without terms that nothing says.

    They may be those of a forgotten paper.
    """
    topics = projection.topics
    kept = set(np.unique(projection.regions).tolist())
    kept |= {parent for number in kept if (parent := topics[number].parent) is not None}
    numbers = {number: place for place, number in enumerate(sorted(kept))}
    found = tuple(
        Topic(
            topics[number].level,
            None if (parent := topics[number].parent) is None else numbers[parent],
            topics[number].x,
            topics[number].y,
            tuple(_still_said(topics[number].terms, lexicon)),
        )
        for number in numbers
    )
    regions = np.array([numbers[one] for one in projection.regions.tolist()], np.int32)
    return Projection(projection.places, regions, found)


def _still_said(terms: Sequence[Name], lexicon: Lexicon) -> Iterator[Name]:
    for name in terms:
        words = [term.text for term in latin_terms(name.english)]
        if len(lexicon.numbers(words)) == len(words):
            yield name


def _rows_before(papers: Sequence[Paper], before: Sequence[Paper]) -> Ints:
    """The row before of each paper that says the same; -1 for one that is new or changed."""
    known = {paper.id: (row, paper) for row, paper in enumerate(before)}
    rows = np.full(len(papers), -1, np.int64)
    for at, paper in enumerate(papers):
        row, same = known.get(paper.id, (-1, None))
        if same is not None and (paper is same or _texts(paper) == _texts(same)):
            rows[at] = row
    return rows


def _texts(paper: Paper) -> tuple[str, ...]:
    return (paper.title, *(section.text for section in paper.sections))
