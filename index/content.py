"""What a build knows of its papers' texts: carried over from the live snapshot, or new."""

from __future__ import annotations

import hashlib
import itertools
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index import passages
from index.analysing import Cut, analyse, cut
from index.arrays import BLOCK, Chosen, Rows
from index.beside import MOST_TEXTS, Beside
from index.columns import Column, RaggedColumn, allocate
from index.errors import EncoderError
from index.lexical import Analysis, Vocabulary, analysis, latin_terms
from index.lexical.term_lists import NO_WORDS
from index.new_texts import NewTexts
from index.papers import Paper
from index.progress import Progress
from index.snapshot import Snapshot

# What was analysed and cut by other rules is not carried over.
ANALYSIS = f"{analysis.VERSION}-cut-{passages.RULES}"

Ints = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

_AT_ONCE = 2_048  # texts that are analysed; the terms of each are a hundred objects until then


class Content:
    """The passages of every section and every title, by their text.

    They are named by rows: first those of the live snapshot, which stay in its arrays, then the
    new ones. Two sections with the same text share their passages, in one snapshot and from one
    to the next.

    Attributes:
        live: Where the known ones are; `None` where all are new.
        folder: Where large arrays lie in files; `None` keeps all in memory.
        vocabulary: The term of each number; those of the live snapshot keep theirs.
        new: The new passages and titles.
    """

    def __init__(
        self,
        live: Snapshot | None = None,
        papers: Sequence[Paper] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Know all that a snapshot knows, to be carried over.

        Args:
            live: The snapshot.
            papers: All its papers, if they were read already.
            folder: Where large arrays lie in files; `None` keeps all in memory.
        """
        self.live = live
        self.folder = folder
        self.vocabulary = Vocabulary(live.lexicon.passage_lists.vocabulary if live else ())
        self.new = NewTexts(folder)
        self._known = live.manifest.passages if live else 0
        self._known_titles = live.manifest.papers if live else 0
        # By what `_key` makes of texts: the texts themselves are most of a corpus.
        self._sections: dict[bytes, Sequence[int]] = {}
        self._titles: dict[bytes, int] = {}
        self._papers: dict[bytes, int] = {}
        self._names: dict[bytes, int] = {}
        if live is not None:
            self._carry_over(live, live.papers() if papers is None else papers)

    def _carry_over(self, live: Snapshot, papers: Iterable[Paper]) -> None:
        for row, paper in enumerate(papers):
            self._papers[_key(*_texts(paper))] = row
            self._names[_key(paper.id, *paper.authors)] = row
            self._titles[_key(paper.title)] = row
            for section, rows in zip(paper.sections, live.sections_of(row, paper), strict=True):
                self.put(section.text, rows)

    def put(self, text: str, rows: Sequence[int]) -> None:
        """Say which passages a section's text has."""
        run = range(rows[0], rows[0] + len(rows)) if rows else range(0)
        # A run takes less than a list.
        self._sections[_key(text)] = run if list(run) == list(rows) else rows

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
        sections, titles = self._unknown(papers)
        progress.stage("analyse", len(sections) + len(titles))
        if not len(sections) and not len(titles):
            return
        self.new.papers = papers
        texts = itertools.chain(
            (papers[row].sections[number].text for row, number in sections.each()),
            (papers[row].title for row in titles.each()),
        )
        found: Iterator[tuple[str, Analysis]]
        if beside and len(sections) + len(titles) <= MOST_TEXTS:
            given = list(texts)
            analyses = beside.analyze(given)
            meanwhile()
            found = zip(given, analyses.result(), strict=True)
        else:
            found = analyse(texts, _AT_ONCE)
        for begin in range(0, len(sections), _AT_ONCE):
            places = sections.values[begin : begin + _AT_ONCE]
            self._add_sections(places, itertools.islice(found, len(places)), progress)
        for begin in range(0, len(titles), _AT_ONCE):
            rows = titles.values[begin : begin + _AT_ONCE]
            self._add_titles(rows, itertools.islice(found, len(rows)), progress)

    def _unknown(self, papers: Sequence[Paper]) -> tuple[Column, Column]:
        """Where the texts stand that are not known, each once.

        Returns:
            (sections, 2) the row of a paper and the number of the section; (titles,) the row.
        """
        sections = Column(np.zeros((0, 2), np.int32), self.folder)
        titles = Column(np.zeros(0, np.int32), self.folder)
        for begin in range(0, len(papers), _AT_ONCE):
            places: list[tuple[int, int]] = []
            rows: list[int] = []
            for row in range(begin, min(begin + _AT_ONCE, len(papers))):
                paper = papers[row]
                for number, section in enumerate(paper.sections):
                    key = _key(section.text)
                    if key not in self._sections:
                        self._sections[key] = ()  # until it is analysed
                        places.append((row, number))
                key = _key(paper.title)
                if key not in self._titles:
                    self._titles[key] = self._known_titles + len(titles) + len(rows)
                    rows.append(row)
            sections.extend(np.array(places, np.int32).reshape(-1, 2))
            titles.extend(np.array(rows, np.int32))
        return sections, titles

    def _add_sections(
        self,
        sections: npt.NDArray[np.int32],
        found: Iterable[tuple[str, Analysis]],
        progress: Progress,
    ) -> None:
        known = self._known + self.new.passages
        cuts: list[Cut] = []
        for place, (text, one) in zip(sections.tolist(), found, strict=True):
            first = known + len(cuts)
            cuts += cut(place, text, one)
            self._sections[_key(text)] = range(first, known + len(cuts))
            progress.advance(1)
        self.new.add_passages(cuts, self.vocabulary)

    def _add_titles(
        self,
        rows: npt.NDArray[np.int32],
        found: Iterable[tuple[str, Analysis]],
        progress: Progress,
    ) -> None:
        words: list[list[str]] = []
        for _, one in found:
            words.append([term.text for term in one.terms])
            progress.advance(1)
        self.new.add_titles(rows, words, self.vocabulary)

    def rows_of(self, paper: Paper) -> list[int]:
        """The rows of a paper's passages."""
        return [row for section in paper.sections for row in self.section_rows(section.text)]

    def section_rows(self, text: str) -> Sequence[int]:
        """The rows of the passages of a section, by its text."""
        return self._sections[_key(text)]

    def title_row(self, title: str) -> int:
        """The row of a title."""
        return self._titles[_key(title)]

    def is_new(self, row: int) -> bool:
        """Whether a passage is new."""
        return row >= self._known

    def terms_of(self, row: int) -> list[str]:
        """The terms of a passage."""
        if self.live is not None and row < self._known:
            return self.live.lexicon.passage_lists.words(row)
        return self._words(self.new.terms, row - self._known)

    def title_terms(self, title: str) -> Sequence[str]:
        """The terms of a title."""
        row = self.title_row(title)
        if self.live is not None and row < self._known_titles:
            return self.live.lexicon.title_terms(row)
        return self._words(self.new.title_terms, row - self._known_titles)

    def _words(self, lists: RaggedColumn, row: int) -> list[str]:
        return [self.vocabulary.terms[number] for number in lists.rows.row(row)[:, 0].tolist()]

    def paper_row(self, paper: Paper) -> int | None:
        """The row of a paper with the same title and text in the live snapshot."""
        return self._papers.get(_key(*_texts(paper)))

    def new_rows(self, passages: Iterable[int]) -> list[int]:
        """The rows among the new texts of those of some passages that are new."""
        return [row - self._known for row in passages if row >= self._known]

    def spans(self, rows: Ints) -> npt.NDArray[np.int32]:
        """Where some passages stand in their sections: (rows, 2)."""
        spans = np.empty((len(rows), 2), np.int32)
        old = rows < self._known
        if self.live is not None:
            spans[old] = self.live.table[rows[old], 3:]
        spans[~old] = self.new.spans.values[rows[~old] - self._known]
        return spans

    def sentences(self, rows: Ints) -> Chosen:
        """The sentences of some passages: (sentences, 2) of each."""
        known = [self.live.sentences] if self.live is not None else []
        return Chosen([*known, self.new.sentences.rows], rows)

    def passage_lists(self, rows: Ints) -> Chosen:
        """The terms of some passages, numbered as in the vocabulary: (terms, 3) of each."""
        known = [self.live.lexicon.passage_lists.lists] if self.live is not None else []
        return Chosen([*known, self.new.terms.rows], rows)

    def title_lists(self, rows: Ints) -> Chosen:
        """The terms of some titles: (terms, 1) of each."""
        known = [self.live.lexicon.title_lists.lists] if self.live is not None else []
        return Chosen([*known, self.new.title_terms.rows], rows)

    def name_lists(self, papers: Sequence[Paper]) -> Chosen:
        """Terms that find papers beside what is said of them: their numbers and their authors."""
        new = RaggedColumn(NO_WORDS, self.folder)
        rows = array("q")
        words: list[list[str]] = []
        for paper in papers:
            row = self._names.get(_key(paper.id, *paper.authors))
            rows.append(self._known_titles + len(new) + len(words) if row is None else row)
            if row is None:
                words.append(_name_terms(paper))
            if len(words) == _AT_ONCE:
                new.extend(self.vocabulary.word_lists(words))
                words = []
        new.extend(self.vocabulary.word_lists(words))
        known = [self.live.lexicon.name_lists.lists] if self.live is not None else []
        return Chosen([*known, new.rows], np.array(rows, np.int64))

    def vectors(self, rows: Ints, dimension: int) -> Vectors:
        """The vectors of some passages: (rows, dimension).

        Raises:
            EncoderError: One was given no vector, or none that is finite.
        """
        known = self.live.vectors.vectors if self.live is not None else None
        return self._vectors(known, self._known, rows, rows - self._known, dimension)

    def title_vectors(self, rows: Ints, dimension: int) -> Vectors:
        """The vectors of some titles; as `vectors`."""
        known = self.live.titles if self.live is not None else None
        new = rows - self._known_titles + self.new.passages
        return self._vectors(known, self._known_titles, rows, new, dimension)

    def _vectors(
        self, known: Vectors | None, count: int, rows: Ints, new: Ints, dimension: int
    ) -> Vectors:
        """The vectors of some rows, of which `count` are known; `new` are those of new texts."""
        vectors: Vectors = allocate((len(rows), dimension), np.float32, self.folder)
        for begin in range(0, len(rows), BLOCK):
            own = slice(begin, begin + BLOCK)
            old = rows[own] < count
            found = np.empty((len(old), dimension), np.float32)
            if known is not None:
                found[old] = known[rows[own][old]]
            elif old.any():
                raise EncoderError(f"{int(old.sum())} texts were given no vector")
            if not old.all():
                found[~old] = self.new.vectors_of(new[own][~old])
            if not np.isfinite(found).all():
                raise EncoderError("the encoder gave vectors that are not finite")
            vectors[own] = found
        return vectors

    def tokens(self, passages: Ints, titles: Ints) -> Chosen:
        """The tokens of some passages and, after them, of some titles: (tokens, 3) of each.

        Raises:
            EncoderError: One was given none.
        """
        live = self.live.tokens if self.live is not None else None
        parts: list[Rows] = [] if live is None else [live]
        first = 0 if live is None else len(live)
        parts.append(self.new.all_tokens())
        # The live snapshot has its titles after its passages, and so have the new ones.
        arrivals = self.new.arrivals
        rows = np.concatenate([passages, titles + self._known])
        new = np.concatenate([passages >= self._known, titles >= self._known_titles])
        own = np.concatenate(
            [passages - self._known, titles - self._known_titles + self.new.passages]
        )
        rows[new] = first + arrivals[own[new]]
        return Chosen(parts, rows)


def _key(*texts: str) -> bytes:
    """What texts are told apart by: 128 bits of a hash.

    A length goes before each of several, so that they can't be parted in another way.
    """
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.digest()


def _texts(paper: Paper) -> tuple[str, ...]:
    return (paper.title, *(section.text for section in paper.sections))


def _name_terms(paper: Paper) -> list[str]:
    return [term.text for name in (paper.id, *paper.authors) for term in latin_terms(name)]
