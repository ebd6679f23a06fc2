"""The terms of many texts as arrays: numbers of one vocabulary, and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged
from index.lexical.words import Term

NO_TERMS = np.zeros((0, 3), np.int32)
NO_WORDS = np.zeros((0, 1), np.int32)


class Vocabulary:
    """Terms and their numbers, in the order in which they came.

    Attributes:
        numbers: By term.
        terms: By number.
    """

    def __init__(self, terms: Iterable[str] = ()) -> None:
        self.terms = list(terms)
        self.numbers = {term: number for number, term in enumerate(self.terms)}

    def __len__(self) -> int:
        return len(self.terms)

    def number(self, term: str) -> int:
        """The number of a term; the next one if it is new."""
        number = self.numbers.setdefault(term, len(self.terms))
        if number == len(self.terms):
            self.terms.append(term)
        return number

    def lists(self, texts: Sequence[Sequence[Term]]) -> Ragged:
        """Terms with their places, as `TermLists.lists` has them: (terms, 3) of each text."""
        rows = [
            (self.number(term.text), term.start, term.end - term.start)
            for terms in texts
            for term in terms
        ]
        return _ragged(rows, NO_TERMS, texts)

    def word_lists(self, texts: Sequence[Sequence[str]]) -> Ragged:
        """Terms alone: (terms, 1) of each text."""
        return _ragged([self.number(word) for words in texts for word in words], NO_WORDS, texts)


@dataclass(frozen=True, slots=True)
class TermLists:
    """Lists of terms, one a text.

    Attributes:
        vocabulary: Term of each number; more than the lists have, it may be.
        lists: (terms, 3) number, first character and length of each; or (terms, 1), the number
            alone.
    """

    vocabulary: Sequence[str]
    lists: Ragged

    @classmethod
    def of(cls, texts: Sequence[Sequence[Term]]) -> Self:
        """Of terms with their places."""
        vocabulary = Vocabulary()
        lists = vocabulary.lists(texts)
        return cls(vocabulary.terms, lists)

    @classmethod
    def of_words(cls, texts: Sequence[Sequence[str]]) -> Self:
        """Of terms alone."""
        vocabulary = Vocabulary()
        lists = vocabulary.word_lists(texts)
        return cls(vocabulary.terms, lists)

    def __len__(self) -> int:
        return len(self.lists)

    @property
    def numbers(self) -> npt.NDArray[np.int32]:
        """The number of each term: (terms,)."""
        numbers: npt.NDArray[np.int32] = self.lists.values[:, 0]
        return numbers

    def words(self, text: int) -> list[str]:
        """The terms of one text."""
        return [self.vocabulary[number] for number in self.lists.row(text)[:, 0].tolist()]

    def take(self, texts: npt.NDArray[np.int64]) -> Self:
        """The lists of some texts, in the order in which they are named."""
        return replace(self, lists=self.lists.take(texts))


def _ragged(
    rows: Sequence[tuple[int, ...]] | Sequence[int],
    like: npt.NDArray[np.int32],
    texts: Iterable[Sequence[object]],
) -> Ragged:
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return Ragged(np.array(rows, np.int32).reshape(-1, like.shape[1]), offsets)
