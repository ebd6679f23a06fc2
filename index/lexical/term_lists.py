"""The terms of many texts as arrays: numbers of one vocabulary, and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged
from index.lexical.words import Term


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
        numbers: dict[str, int] = {}
        rows = [
            (numbers.setdefault(term.text, len(numbers)), term.start, term.end - term.start)
            for terms in texts
            for term in terms
        ]
        return cls(list(numbers), _ragged(rows, 3, texts))

    @classmethod
    def of_words(cls, texts: Sequence[Sequence[str]]) -> Self:
        """Of terms alone."""
        numbers: dict[str, int] = {}
        rows = [(numbers.setdefault(word, len(numbers)),) for words in texts for word in words]
        return cls(list(numbers), _ragged(rows, 1, texts))

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

    def used(self) -> set[str]:
        """The different terms that the lists have."""
        return {self.vocabulary[number] for number in np.unique(self.numbers).tolist()}

    def take(self, texts: npt.NDArray[np.int64]) -> Self:
        """The lists of some texts, in the order in which they are named."""
        return replace(self, lists=self.lists.take(texts))

    def joined(self, other: TermLists) -> Self:
        """These lists and then the others."""
        numbers = {word: number for number, word in enumerate(self.vocabulary)}
        for word in other.vocabulary:
            numbers.setdefault(word, len(numbers))
        own = self.lists.joined(other.renumbered(numbers).lists)
        return type(self)(list(numbers), own)

    def renumbered(self, numbers: dict[str, int]) -> Self:
        """The same lists by the numbers of another vocabulary, which has all that they use."""
        table = np.array([numbers.get(word, -1) for word in self.vocabulary], np.int32)
        values = self.lists.values.copy()
        values[:, 0] = table[self.numbers] if len(values) else 0
        return type(self)(list(numbers), Ragged(values, self.lists.offsets))


def _ragged(
    rows: Sequence[tuple[int, ...]], width: int, texts: Iterable[Sequence[object]]
) -> Ragged:
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return Ragged(np.array(rows, np.int32).reshape(-1, width), offsets)
