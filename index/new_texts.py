"""What a build finds in new texts and computes of them, in columns: passages, then titles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from index.analysing import Cut
from index.arrays import Ragged
from index.columns import Column, RaggedColumn, allocate
from index.encoding import Encoded
from index.errors import EncoderError
from index.lexical import Vocabulary
from index.lexical.term_lists import NO_TERMS, NO_WORDS
from index.papers import Paper

Ints = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

_NO_SPANS = np.zeros((0, 2), np.int32)
_NO_TOKENS = np.zeros((0, 3), np.uint16)
_NO_IDS = np.zeros(0, np.int32)


class NewTexts(Sequence[str]):
    """The new passages and, after them, the new titles: the texts, and what is known of each.

    Attributes:
        papers: Where the texts stand.
        places: (passages, 2) the row of a paper that has it, the section's number.
        spans: (passages, 2) in the section.
        sentences: Of each passage their spans in it: (sentences, 2).
        terms: Of each passage, as `TermLists` has them: (terms, 3).
        title_places: (titles,) the row of a paper that has it.
        title_terms: Of each title: (terms, 1).
        vectors: (texts, dimension); nothing before `expect`.
        tokens: Of the texts in the order in which they were encoded: (tokens, 3).
        seen: The different tokens of the same.
        arrivals: (texts,) where each is in that order; -1 for one that was not encoded.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Begin without texts.

        Args:
            folder: Where large arrays lie in files; `None` keeps all in memory.
        """
        self._folder = folder
        self._last: tuple[int, Paper] | None = None
        self._encoded = 0
        self.papers: Sequence[Paper] = ()
        self.places = Column(_NO_SPANS, folder)
        self.spans = Column(_NO_SPANS, folder)
        self.sentences = RaggedColumn(_NO_SPANS, folder)
        self.terms = RaggedColumn(NO_TERMS, folder)
        self.title_places = Column(np.zeros(0, np.int32), folder)
        self.title_terms = RaggedColumn(NO_WORDS, folder)
        self.vectors: Vectors = np.zeros((0, 0), np.float32)
        self.tokens = RaggedColumn(_NO_TOKENS, folder)
        self.seen = RaggedColumn(_NO_IDS, folder)
        self.arrivals: Ints = np.zeros(0, np.int64)

    @property
    def passages(self) -> int:
        """How many of the texts are passages."""
        return len(self.spans)

    def __len__(self) -> int:
        return len(self.spans) + len(self.title_places)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        """A text, read from its paper."""
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        if row >= len(self):
            raise IndexError(row)
        if row >= self.passages:
            return self._paper(int(self.title_places.values[row - self.passages])).title
        paper, section = self.places.values[row].tolist()
        start, end = self.spans.values[row].tolist()
        text: str = self._paper(paper).sections[section].text[start:end]
        return text

    def _paper(self, row: int) -> Paper:
        # Those that follow each other are most often of one paper, which may be read from disk.
        if self._last is None or self._last[0] != row:
            self._last = (row, self.papers[row])
        return self._last[1]

    def add_passages(self, cuts: Sequence[Cut], vocabulary: Vocabulary) -> None:
        """Add passages; their terms are numbered by the vocabulary."""
        self.places.extend(np.array([one.place for one in cuts], np.int32))
        self.spans.extend(np.array([one.span for one in cuts], np.int32))
        ends = np.cumsum([0, *(len(one.sentences) for one in cuts)], dtype=np.int64)
        sentences = np.array([span for one in cuts for span in one.sentences], np.int32)
        self.sentences.extend(Ragged(sentences.reshape(-1, 2), ends))
        self.terms.extend(vocabulary.lists([one.terms for one in cuts]))

    def add_titles(
        self,
        places: npt.NDArray[np.int32],
        words: Sequence[Sequence[str]],
        vocabulary: Vocabulary,
    ) -> None:
        """Add titles: the rows of their papers, and their terms."""
        self.title_places.extend(places)
        self.title_terms.extend(vocabulary.word_lists(words))

    def expect(self, dimension: int) -> None:
        """Make room for the vectors of all texts."""
        self.vectors = allocate((len(self), dimension), np.float32, self._folder)
        self.arrivals = np.full(len(self), -1, np.int64)

    def keep(self, found: Encoded) -> None:
        """Keep what was computed of some texts."""
        first, self._encoded = self._encoded, self._encoded + len(found.rows)
        self.arrivals[found.rows] = np.arange(first, self._encoded)
        self.vectors[found.rows] = found.vectors
        if found.tokens is not None:
            self.tokens.extend(found.tokens)
        if found.seen is not None:
            self.seen.extend(found.seen)

    def seen_in(self, rows: Iterable[int]) -> npt.NDArray[np.int32]:
        """The tokens that some of the texts have, each once and ascending."""
        seen = self.seen.rows
        own = [seen.row(at) for at in self.arrivals[list(rows)].tolist()]
        return np.unique(np.concatenate(own))

    def vectors_of(self, rows: Ints) -> Vectors:
        """The vectors of some texts.

        Raises:
            EncoderError: One was given none.
        """
        missing = len(rows)
        if len(self.arrivals):
            missing = int((self.arrivals[rows] < 0).sum())
        if missing:
            raise EncoderError(f"{missing} texts were given no vector")
        return self.vectors[rows]

    def all_tokens(self) -> Ragged:
        """The tokens of all texts, in the order in which they were encoded.

        Raises:
            EncoderError: One was given none.
        """
        missing = len(self) - len(self.tokens)
        if missing:
            raise EncoderError(f"{missing} texts were given no tokens")
        return self.tokens.rows
