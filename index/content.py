"""What a build knows of its papers' texts: carried over from the live snapshot, or new."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index import passages
from index.arrays import Ragged
from index.beside import MOST_TEXTS, Beside
from index.errors import EncoderError
from index.lexical import Analysis, Analyzer, Term, TermLists, analysis, latin_terms
from index.papers import Paper
from index.passages import Span, cut_section
from index.progress import Progress
from index.snapshot import Snapshot

# What was analysed and cut by other rules is not carried over.
ANALYSIS = f"{analysis.VERSION}-cut-{passages.RULES}"

Vector = npt.NDArray[np.float32]
Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Tokens = npt.NDArray[np.uint16]

_NO_TOKENS: Tokens = np.zeros((0, 3), np.uint16)
_NO_SPANS = np.zeros((0, 2), np.int32)


@dataclass(slots=True)
class Cut:
    """A new passage: its span in the section, and in it sentences, terms, tokens.

    `tokens` are as `LateIndex.write` takes them: (tokens, 3).
    """

    span: Span
    sentences: Sequence[Span]
    terms: Sequence[Term]
    vector: Vector | None = None
    tokens: Tokens | None = None


@dataclass(slots=True)
class Title:
    """A new title: its terms, its vector and its tokens."""

    terms: Sequence[str]
    vector: Vector | None = None
    tokens: Tokens | None = None


class Passages(NamedTuple):
    """What is known of some passages, row by row.

    Attributes:
        spans: (passages, 2) in their sections.
        sentences: Their spans in the passage.
        terms: With their places in the passage.
        vectors: (passages, dimension).
    """

    spans: npt.NDArray[np.int32]
    sentences: Ragged
    terms: TermLists
    vectors: Vectors


class Content:
    """The passages of every section and every title, by their text.

    They are named by rows: first those of the live snapshot, which stay in its arrays, then the
    new ones. Two sections with the same text share their passages, in one snapshot and from one
    to the next.

    Attributes:
        live: Where the known ones are; `None` where all are new.
        sections: By text, the rows of the passages.
        titles: By text, the row among titles.
        cuts: The new passages.
        new_titles: The new titles.
    """

    def __init__(self, live: Snapshot | None = None, papers: Sequence[Paper] | None = None) -> None:
        """Know all that a snapshot knows, to be carried over.

        Args:
            live: The snapshot.
            papers: All its papers, if they were read already.
        """
        self.live = live
        self.sections: dict[str, Sequence[int]] = {}
        self.titles: dict[str, int] = {}
        self.cuts: list[Cut] = []
        self.new_titles: list[Title] = []
        self._known = live.manifest.passages if live else 0
        self._known_titles = live.manifest.papers if live else 0
        self._papers: dict[tuple[str, ...], int] = {}
        self._names: dict[tuple[str, ...], int] = {}
        if live is not None:
            self._carry_over(live, live.papers() if papers is None else papers)

    def _carry_over(self, live: Snapshot, papers: Iterable[Paper]) -> None:
        for row, paper in enumerate(papers):
            self._papers[_texts(paper)] = row
            self._names[paper.id, *paper.authors] = row
            self.titles[paper.title] = row
            for section, rows in zip(paper.sections, live.sections_of(row, paper), strict=True):
                self.sections[section.text] = rows

    def analyze(
        self,
        papers: Sequence[Paper],
        progress: Progress,
        beside: Beside | None = None,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        """Cut and analyse the texts of papers that are not known yet.

        Args:
            papers: Of the build.
            progress: Told about every text.
            beside: Another process that can do it.
            meanwhile: Called while that does.
        """
        texts = dict.fromkeys(section.text for paper in papers for section in paper.sections)
        new_sections = [text for text in texts if text not in self.sections]
        names = dict.fromkeys(paper.title for paper in papers)
        new_titles = [name for name in names if name not in self.titles]
        new = [*new_sections, *new_titles]
        progress.stage("analyse", len(new))
        if not new:
            return
        found: Iterator[Analysis]
        if beside and len(new) <= MOST_TEXTS:
            analyses = beside.analyze(new)
            meanwhile()
            found = iter(analyses.result())
        else:
            found = Analyzer().analyze_all(new)  # not kept: 300 MB that the encoder needs next
        for text, one in zip(new_sections, itertools.islice(found, len(new_sections)), strict=True):
            first = self._known + len(self.cuts)
            self.cuts += [
                Cut(span, sentences, _within(one.terms, span))
                for span, sentences in cut_section(text, one.sentences)
            ]
            self.sections[text] = range(first, self._known + len(self.cuts))
            progress.advance(1)
        for title, one in zip(new_titles, found, strict=True):
            self.titles[title] = self._known_titles + len(self.new_titles)
            self.new_titles.append(Title([term.text for term in one.terms]))
            progress.advance(1)

    def rows_of(self, paper: Paper) -> list[int]:
        """The rows of a paper's passages."""
        return [row for section in paper.sections for row in self.sections[section.text]]

    def new(self, row: int) -> Cut | None:
        """A passage by its row, if it is new."""
        return self.cuts[row - self._known] if row >= self._known else None

    def new_title(self, title: str) -> Title | None:
        """A title, if it is new."""
        row = self.titles[title]
        return self.new_titles[row - self._known_titles] if row >= self._known_titles else None

    def terms_of(self, row: int) -> list[str]:
        """The terms of a passage."""
        if self.live is not None and row < self._known:
            return self.live.lexicon.passage_lists.words(row)
        return [term.text for term in self.cuts[row - self._known].terms]

    def title_terms(self, title: str) -> Sequence[str]:
        """The terms of a title."""
        row = self.titles[title]
        if self.live is not None and row < self._known_titles:
            return self.live.lexicon.title_terms(row)
        return self.new_titles[row - self._known_titles].terms

    def paper_row(self, paper: Paper) -> int | None:
        """The row of a paper with the same title and text in the live snapshot."""
        return self._papers.get(_texts(paper))

    def passages(self, rows: Rows, dimension: int) -> Passages:
        """What is known of some passages.

        Raises:
            EncoderError: One was given no vector.
        """
        new = [np.array(cut.sentences, np.int32).reshape(-1, 2) for cut in self.cuts]
        spans = np.array([cut.span for cut in self.cuts], np.int32).reshape(-1, 2)
        sentences = Ragged.of(new, _NO_SPANS)
        terms = TermLists.of([cut.terms for cut in self.cuts])
        known = None
        if self.live is not None:
            spans = np.concatenate([self.live.table[:, 3:], spans])
            sentences = self.live.sentences.joined(sentences)
            terms = self.live.lexicon.passage_lists.joined(terms)
            known = self.live.vectors.vectors
        return Passages(
            spans[rows],
            sentences.take(rows),
            terms.take(rows),
            _chosen(known, self._known, self.cuts, rows, dimension),
        )

    def title_vectors(self, rows: Rows, dimension: int) -> Vectors:
        """The vectors of some titles.

        Raises:
            EncoderError: One was given no vector.
        """
        known = self.live.titles if self.live is not None else None
        return _chosen(known, self._known_titles, self.new_titles, rows, dimension)

    def title_lists(self, rows: Rows) -> TermLists:
        """The terms of some titles."""
        terms = TermLists.of_words([title.terms for title in self.new_titles])
        if self.live is not None:
            terms = self.live.lexicon.title_lists.joined(terms)
        return terms.take(rows)

    def name_lists(self, papers: Sequence[Paper]) -> TermLists:
        """Terms that find papers beside what is said of them: their numbers and their authors."""
        known = [self._names.get((paper.id, *paper.authors)) for paper in papers]
        new = [paper for paper, row in zip(papers, known, strict=True) if row is None]
        terms = TermLists.of_words([_name_terms(paper) for paper in new])
        if self.live is not None:
            terms = self.live.lexicon.name_lists.joined(terms)
        at = itertools.count(self._known_titles)
        return terms.take(np.array([next(at) if row is None else row for row in known], np.int64))

    def tokens(self, passages: Rows, titles: Rows) -> Ragged:
        """The tokens of some passages and, after them, of some titles.

        Raises:
            EncoderError: One was given none.
        """
        held = Ragged(_NO_TOKENS, np.zeros(1, np.int64))
        if self.live is not None and self.live.token_texts is not None:
            held = self.live.token_texts
        first = len(held)
        held = held.joined(Ragged.of(_tokens_of([*self.cuts, *self.new_titles]), _NO_TOKENS))
        # The live snapshot has its titles after its passages, and so have the new ones.
        before, after = self._known_titles, self._known
        at = np.where(passages < after, passages, passages - after + first)
        new = titles - before + first + len(self.cuts)
        return held.take(np.concatenate([at, np.where(titles < before, titles + after, new)]))


def _texts(paper: Paper) -> tuple[str, ...]:
    return (paper.title, *(section.text for section in paper.sections))


def _name_terms(paper: Paper) -> list[str]:
    return [term.text for name in (paper.id, *paper.authors) for term in latin_terms(name)]


def _chosen(
    known: Vectors | None, count: int, new: Sequence[Cut | Title], rows: Rows, dimension: int
) -> Vectors:
    """The vectors of some rows, known ones first: (rows, dimension)."""
    vectors = np.empty((len(rows), dimension), np.float32)
    old = rows < count
    if known is not None:
        vectors[old] = known[rows[old]]
    wanted = [new[row - count].vector for row in rows[~old].tolist()]
    held = [vector for vector in wanted if vector is not None]
    if len(held) != len(wanted) or (known is None and old.any()):
        raise EncoderError(f"{len(wanted) - len(held)} texts were given no vector")
    vectors[~old] = np.array(held, np.float32).reshape(len(held), dimension)
    if not np.isfinite(vectors).all():
        raise EncoderError("the encoder gave vectors that are not finite")
    return vectors


def _tokens_of(new: Sequence[Cut | Title]) -> list[Tokens]:
    held = [one.tokens for one in new if one.tokens is not None]
    if len(held) != len(new):
        raise EncoderError(f"{len(new) - len(held)} texts were given no tokens")
    return held


def _within(terms: Sequence[Term], span: Span) -> list[Term]:
    """The terms inside a passage, placed in its text."""
    start, end = span
    first = bisect_left(terms, start, key=lambda term: term.start)
    last = bisect_left(terms, end, key=lambda term: term.start)
    return [Term(t.text, t.start - start, t.end - start) for t in terms[first:last] if t.end <= end]
