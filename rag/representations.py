"""Representations of papers and texts, by which all papers are scored for how alike they are.

Each leg has its own representation of a thing: its weighted terms, or a vector. Those of several
things have a centre, which is one too, and every paper is scored by each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from index.lexical import Analysis, TermLists
from index.paper_index import PaperIndex
from index.passages import cut_section, plain
from index.scoring import Floats
from index.snapshot import Snapshot, unit
from index.stages import Stage, stage
from rag.search import seen

Ints = npt.NDArray[np.int64]
Span = tuple[int, int]

TITLE = 4  # how often a title's terms count beside those of the text, as in the latent space
TRANSLATED = 0.5  # what a word's translation counts beside the word
_SATURATION = 2.4  # mentions of a term after which it has half the weight it can have

_CANDIDATES = 2_000  # papers that a leg of vectors tells apart, where not all are looked at

T = TypeVar("T")


class Named(NamedTuple):
    """A paper that others should be like, or unlike.

    Attributes:
        row: Where it is.
        trusted: Whether its text is to be believed; the title alone speaks for a paper whose
            summary is doubted.
    """

    row: int
    trusted: bool


class Notes:
    """A text that papers should be like: what the legs and the reasons need of it, made once."""

    def __init__(self, snapshot: Snapshot, text: str) -> None:
        self._snapshot, self.text = snapshot, text

    @cached_property
    def _analysis(self) -> Analysis:
        return self._snapshot.lexicon.analyzer.analyze(self.text)

    @cached_property
    def words(self) -> list[str]:
        """Its terms."""
        plainly = seen(self.text)
        if plainly == self.text:  # as nearly always; a long text is not to be analysed twice
            return [term.text for term in self._analysis.terms]
        return self._snapshot.lexicon.words_of(plainly)

    @cached_property
    def spans(self) -> list[Span]:
        """Pieces of about a passage's length, as spans of the text."""
        spans = [span for span, _ in cut_section(self.text, self._analysis.sentences)]
        return [span for span in spans if any(map(str.isalnum, self.text[slice(*span)]))]

    @cached_property
    def vectors(self) -> Floats:
        """The embeddings of the pieces: (pieces, dimension)."""
        pieces = [seen(plain(self.text[start:end])) for start, end in self.spans]
        found: list[Floats] = []
        for piece in pieces:  # a stage each: a long text may be given up in between
            with stage(Stage.ENCODE):
                found.append(self._snapshot.encoder.encode_query([piece])[0])
        return np.stack(found)


Thing = Named | Notes


class Representation(Protocol[T]):
    """A leg: makes representations of things, and scores all papers by them."""

    def paper(self, row: int) -> T:
        """The representation of a paper."""

    def title(self, row: int) -> T:
        """The representation of its title alone."""

    def notes(self, notes: Notes) -> T:
        """The representation of a text."""

    def centre(self, representations: Sequence[T]) -> T:
        """The representation of what is between some."""

    def scores(self, representations: Sequence[T]) -> Floats:
        """How alike every paper is to each representation, standardised.

        Returns:
            (representations, papers).
        """


class Terms(NamedTuple):
    """Weighted terms; the squares of the weights have a sum of 1.

    Attributes:
        numbers: (terms,) ascending.
        weights: (terms,).
    """

    numbers: Ints
    weights: Floats


class LexicalRepresentation:
    """BM25 of terms that are weighted as often as they occur, and as rare as they are."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot, self._lexicon = snapshot, snapshot.lexicon

    def paper(self, row: int) -> Terms:
        """All terms of a paper, those of its title TITLE times."""
        passages = self._snapshot.passages_of(row)
        texts = _numbers(self._lexicon.passage_lists, passages.start, passages.stop)
        return self._weigh(texts, self._title(row), TITLE)

    def title(self, row: int) -> Terms:
        """The terms of a title."""
        return self._weigh(np.zeros(0, np.int64), self._title(row), TITLE)

    def notes(self, notes: Notes) -> Terms:
        """The terms of a text, and what the corpus calls them in another language."""
        names = self._snapshot.glossary.translations(seen(notes.text))
        others = dict.fromkeys(word for name in names for word in self._lexicon.words_of_name(name))
        known = set(notes.words)
        translated = self._lexicon.numbers(word for word in others if word not in known)
        own = np.array(self._lexicon.numbers(notes.words), np.int64)
        return self._weigh(own, np.array(translated, np.int64), TRANSLATED)

    def centre(self, representations: Sequence[Terms]) -> Terms:
        """All terms of some representations, with their mean weights."""
        numbers = np.concatenate([one.numbers for one in representations])
        weights = np.concatenate([one.weights for one in representations])
        found, places = np.unique(numbers, return_inverse=True)
        sums = np.bincount(places, weights, len(found)).astype(np.float32)
        return Terms(found, unit(sums))

    def scores(self, representations: Sequence[Terms]) -> Floats:
        """BM25 by each, standardised: (representations, papers)."""
        scores = (self._lexicon.weigh_papers(*one) for one in representations)
        return np.stack([self._snapshot.standardise(own) for own in scores])

    def _title(self, row: int) -> Ints:
        return _numbers(self._lexicon.title_lists, row, row + 1)

    def _weigh(self, texts: Ints, more: Ints, times: float) -> Terms:
        found, places = np.unique(np.concatenate([texts, more]), return_inverse=True)
        each = np.repeat([1.0, times], [len(texts), len(more)])
        counts = np.bincount(places, each, len(found))
        weights = counts / (counts + _SATURATION) * self._lexicon.telling[found]
        kept = np.flatnonzero(weights)
        return Terms(found[kept], unit(weights[kept].astype(np.float32)))


def _numbers(lists: TermLists, first: int, last: int) -> Ints:
    """The numbers of all terms of the texts from `first` up to `last`."""
    offsets = lists.lists.offsets
    return lists.lists.values[offsets[first] : offsets[last], 0].astype(np.int64)


class _Vectors:
    """What both legs of vectors have in common: cosines with papers' vectors."""

    def __init__(self, index: PaperIndex) -> None:
        self._index = index

    def paper(self, row: int) -> Floats:
        """A paper's own vector."""
        vector: Floats = self._index.vectors[row]
        return vector

    def centre(self, representations: Sequence[Floats]) -> Floats:
        """Their mean."""
        return unit(np.stack(representations).mean(0))

    def scores(self, representations: Sequence[Floats]) -> Floats:
        """Cosines, standardised: (representations, papers)."""
        return self._index.scores_of_each(np.stack(representations), _CANDIDATES)


class DenseRepresentation(_Vectors):
    """Vectors of the encoder: of the title and the passages, or of a text's pieces."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(snapshot.centre_index)
        self._snapshot = snapshot

    def title(self, row: int) -> Floats:
        """The vector of a title."""
        if self._snapshot.titles is None:
            with stage(Stage.ENCODE):
                return unit(
                    self._snapshot.encoder.encode_query([self._snapshot.paper(row).title])[0]
                )
        return unit(self._snapshot.titles[row])

    def notes(self, notes: Notes) -> Floats:
        """The mean of a text's pieces."""
        return unit(notes.vectors.mean(0))


class LatentRepresentation(_Vectors):
    """Vectors of words that go together in this corpus."""

    def __init__(self, snapshot: Snapshot) -> None:
        if snapshot.latent is None:
            raise ValueError("the snapshot has no latent space")
        super().__init__(snapshot.latent.index)
        self._snapshot, self._space = snapshot, snapshot.latent.space

    def title(self, row: int) -> Floats:
        """Where a title lies."""
        return self._space.vector(self._snapshot.lexicon.title_terms(row))

    def notes(self, notes: Notes) -> Floats:
        """Where a text lies."""
        return self._space.vector(notes.words)


def representation_of(leg: Representation[T], thing: Thing) -> T:
    """A leg's representation of a thing."""
    if isinstance(thing, Notes):
        return leg.notes(thing)
    return leg.paper(thing.row) if thing.trusted else leg.title(thing.row)
