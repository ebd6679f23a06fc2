"""The lexical index of a snapshot: its vocabulary, BM25 over papers and over passages, spans."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property, lru_cache
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from index.arrays import Chosen, Ragged, load_mapped, save_blocks
from index.lexical.analysis import Analyzer, analyzer
from index.lexical.bm25 import Bm25, Occurrences
from index.lexical.gathered import Scorer
from index.lexical.term_lists import NO_TERMS, NO_WORDS, TermLists
from index.lexical.words import Term
from index.moments import Moments, standardise
from index.spans import kept, merged, touched

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

NAMES_KEPT = 4096
_MANY = 100_000  # passages, of which no query needs the scores of all
_COMMON = 0.3  # of all papers
_FEW = 3  # papers; what so many say is not common yet, in however small a corpus

_VOCABULARY = "vocabulary.json"
_PAPERS = "papers"
_PASSAGES = "passages"
# The items of all rows, and where each row begins.
_PASSAGE_FILES = ("terms.npy", "terms.offsets.npy")  # (terms, 3): term, start, length
_TITLE_FILES = ("titles.npy", "titles.offsets.npy")  # (terms, 1)
_NAME_FILES = ("names.npy", "names.offsets.npy")  # (terms, 1)
_AT_ONCE = 2**21  # occurrences that are counted at once

Lists = Ragged | Chosen


class Lexicon:
    """Which papers and passages share a query's terms, and where in the text they stand."""

    def __init__(
        self,
        papers: Scorer,
        passages: Scorer,
        passage_lists: TermLists,
        title_lists: TermLists,
        name_lists: TermLists,
    ) -> None:
        self._vocabulary = passage_lists.vocabulary
        self._numbers = {term: number for number, term in enumerate(self._vocabulary)}
        self._papers = papers
        self._passages = passages
        self.passage_lists = passage_lists
        self.title_lists = title_lists
        self.name_lists = name_lists
        self._moments: Moments | None = None
        self._passage_moments: Moments | None = None
        # The translations of a question's terms are the same ones again and again.
        self._words_of_name = lru_cache(NAMES_KEPT)(lambda name: tuple(self.words_of(name)))

    @staticmethod
    def write(
        folder: Path,
        vocabulary: Sequence[str],
        titles: Lists,
        names: Lists,
        passages: Lists,
        owners: Ints,
        space: Path | None = None,
    ) -> list[str]:
        """Build and write what `open` reads, block by block.

        Args:
            folder: An empty folder.
            vocabulary: The term of each number; there may be more than are used.
            titles: For each paper, the terms of its title: (terms, 1).
            names: For each paper, other terms that find it, such as its number: (terms, 1).
            passages: For each passage, its terms and where they stand: (terms, 3).
            owners: (passages,) the row of its paper, ascending; a paper is matched as its title,
                its names and all its passages.
            space: A folder for what is large and in the way; `None` keeps it in memory.

        Returns:
            The vocabulary that is used.
        """
        used = np.zeros(len(vocabulary), np.bool_)
        for lists in (titles, names, passages):
            for block in lists.blocks():
                used[block.values[:, 0]] = True
        found = sorted(np.flatnonzero(used).tolist(), key=vocabulary.__getitem__)
        table = np.zeros(len(vocabulary), np.int32)
        table[found] = np.arange(len(found))
        kept = [vocabulary[number] for number in found]
        text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
        (folder / _VOCABULARY).write_text(text, encoding="utf-8")
        written = {
            files: _write_lists(folder, files, lists, like, table)
            for files, lists, like in (
                (_PASSAGE_FILES, passages, NO_TERMS),
                (_TITLE_FILES, titles, NO_WORDS),
                (_NAME_FILES, names, NO_WORDS),
            )
        }
        passage_lists = written[_PASSAGE_FILES]
        counted = _occurrences(len(passage_lists), (None, passage_lists))
        Bm25.count_up(counted, len(passage_lists), len(kept), space).write(folder / _PASSAGES)
        title_lists = written[_TITLE_FILES]
        counted = _occurrences(
            len(title_lists),
            (None, title_lists),
            (None, written[_NAME_FILES]),
            (owners, passage_lists),
        )
        Bm25.count_up(counted, len(title_lists), len(kept), space).write(folder / _PAPERS)
        return kept

    @classmethod
    def open(cls, folder: Path) -> Lexicon:
        """Map the files that `write` wrote."""
        vocabulary = msgspec.json.decode((folder / _VOCABULARY).read_bytes(), type=list[str])
        passages, titles, names = (
            TermLists(vocabulary, Ragged(*(load_mapped(folder / name) for name in files)))
            for files in (_PASSAGE_FILES, _TITLE_FILES, _NAME_FILES)
        )
        papers, passage_scores = Bm25.open(folder / _PAPERS), Bm25.open(folder / _PASSAGES)
        return cls(papers, passage_scores, passages, titles, names)

    def over(
        self,
        papers: Scorer,
        passages: Scorer,
        passage_lists: Ragged,
        title_lists: Ragged,
        name_lists: Ragged,
        moments: Moments | None = None,
        passage_moments: Moments | None = None,
    ) -> Lexicon:
        """The same vocabulary over other documents; its dictionary is one for both.

        Args:
            papers: Scores papers.
            passages: Scores passages.
            passage_lists: As `Lexicon.write` takes them.
            title_lists: The same.
            name_lists: The same.
            moments: How the scores of all papers of the corpus are distributed, for the query
                that is asked of these; `None` takes those at hand for all.
            passage_moments: The same of passages.
        """
        other = copy(self)
        other._papers, other._passages = papers, passages
        other.passage_lists = TermLists(self._vocabulary, passage_lists)
        other.title_lists = TermLists(self._vocabulary, title_lists)
        other.name_lists = TermLists(self._vocabulary, name_lists)
        other._moments, other._passage_moments = moments, passage_moments
        return other

    def without_titles(self, owners: Ints, papers: int) -> Lexicon:
        """The same, but that a paper is matched as its passages alone.

        Args:
            owners: (passages,) the row of each one's paper, ascending.
            papers: How many papers there are.
        """
        found = _occurrences(papers, (owners, self.passage_lists.lists))
        none = Ragged(np.zeros((0, 1), np.int32), np.zeros(papers + 1, np.int64))
        return Lexicon(
            Bm25.count_up(found, papers, len(self._vocabulary)),
            self._passages,
            self.passage_lists,
            TermLists(self._vocabulary, none),
            TermLists(self._vocabulary, none),
        )

    @property
    def analyzer(self) -> Analyzer:
        """What makes a query's terms the way the passages' were made."""
        return analyzer()

    def words_of(self, query: str) -> list[str]:
        """The query's terms, in order, whether the corpus has them or not."""
        return [term.text for term in self.analyzer.analyze(query).terms]

    def words_of_name(self, name: str) -> tuple[str, ...]:
        """The terms of a short text that is asked for often."""
        return self._words_of_name(name)

    def numbers(self, terms: Iterable[str]) -> list[int]:
        """The numbers of those terms that occur in the corpus."""
        found = (self._numbers.get(term) for term in terms)
        return [number for number in found if number is not None]

    def score_papers(self, terms: Sequence[int]) -> Floats:
        """BM25 of every paper: (papers,)."""
        return self._papers.scores(terms)

    def score_passages(self, terms: Sequence[int]) -> Floats:
        """BM25 of every passage: (passages,)."""
        return self._passages.scores(terms)

    def score_some_passages(self, terms: Sequence[int], passages: Ints) -> tuple[Floats, Moments]:
        """BM25 of some passages, and how the scores of all passages are distributed.

        The same as `score_passages` has for each; of a million passages it takes a tenth of the
        time, and the distribution is that of a sample.

        Args:
            terms: By their numbers.
            passages: Their rows.

        Returns:
            (passages,) and the mean and standard deviation.
        """
        if self._passages.count <= _MANY:
            others = self._passages.scores(terms)
            own = others[passages]
        else:
            others = self._passages.sample(terms)
            own = self._passages.scores_of(terms, passages)
        return own, self._passage_moments or Moments.of(others)

    def standardise(self, scores: Floats) -> Floats:
        """Scores of papers as standard deviations above the mean of all papers: (papers,)."""
        return standardise(scores) if self._moments is None else self._moments.standardise(scores)

    def weigh_papers(self, terms: Ints, weights: Floats) -> Floats:
        """BM25 of every paper, (papers,), where each term, given once, has a weight: (terms,)."""
        return self._papers.weighted(terms, weights)

    def paper_weights(self, papers: Ints, terms: Ints) -> Floats:
        """What terms count in papers that have them: (pairs,) of both."""
        return self._papers.weights_of(papers, terms)

    def passage_weights(self, passages: Ints, terms: Ints) -> Floats:
        """The same for passages."""
        return self._passages.weights_of(passages, terms)

    @property
    def papers(self) -> int:
        """How many papers the corpus has."""
        return self._papers.count

    @property
    def among_papers(self) -> tuple[Ints, npt.NDArray[np.float64]]:
        """How many papers have each term, and what it counts in all of them: (vocabulary,) both."""
        return self._papers.frequencies, self._papers.sums

    @property
    def among_passages(self) -> tuple[Ints, npt.NDArray[np.float64]]:
        """The same among passages."""
        return self._passages.frequencies, self._passages.sums

    @cached_property
    def telling(self) -> Floats:
        """The rarity of each term that tells papers apart, and 0 for all others: (vocabulary,).

        In a whole paper as a query, what a third of all papers say (방법, 성능), single letters
        and syllables, and bare numbers add up to noise.
        """
        having, papers = self._papers.frequencies[: len(self._vocabulary)], self._papers.count
        rarity = np.log1p((papers - having + 0.5) / (having + 0.5))
        worded = (len(term) > 1 and not term[0].isdigit() for term in self._vocabulary)
        common = having > max(_FEW, _COMMON * papers)
        rarity[common | ~np.fromiter(worded, np.bool_, len(self._vocabulary))] = 0
        return rarity.astype(np.float32)

    def rarity(self, term: str) -> float:
        """The inverse document frequency of a term among papers; highest where none has it.

        As in BM25: ln(1 + (N - n + 0.5) / (n + 0.5)) for n of N papers.
        """
        return self.rarity_of(self._numbers.get(term))

    def rarity_of(self, number: int | None) -> float:
        """The same for a term by its number; `None` is one that the corpus has not."""
        having = 0 if number is None else self._papers.frequency(number)
        return math.log(1 + (self._papers.count - having + 0.5) / (having + 0.5))

    def papers_with(self, term: int) -> int:
        """How many papers have a term."""
        return self._papers.frequency(term)

    def rarest(self, terms: Iterable[int], count: int) -> list[int]:
        """Those of the terms that the fewest passages have, rarest first."""
        return sorted(terms, key=lambda term: (self._passages.frequency(term), term))[:count]

    def spans(self, passages: Ints, terms: Iterable[int], marked: Ragged | None = None) -> Ragged:
        """Where passages' texts have any of the terms, merged where they touch.

        Args:
            passages: Their rows.
            terms: By their numbers.
            marked: (spans, 2) of each passage: the terms that any of them is part of count as
                well. Tokens of an encoder are often less than a word, or are no word at all.

        Returns:
            (spans, 2) of each passage: the first character and the one after the last.
        """
        lists = self.passage_lists.lists.take(passages)
        numbers, starts, lengths = lists.values.T
        spans = Ragged(np.column_stack([starts, starts + lengths]), lists.offsets)
        wanted = np.zeros(len(self._vocabulary), np.bool_)
        wanted[list(terms)] = True
        shown = wanted[numbers]
        if marked is not None:
            shown |= touched(spans, marked)
        return merged(kept(spans, shown))

    def title_terms(self, paper: int) -> list[str]:
        """The terms of a paper's title, as they were given to `write`."""
        return self.title_lists.words(paper)

    def passage_terms(self, passage: int) -> Iterator[Term]:
        """A passage's terms, as they were given to `write`."""
        rows = self.passage_lists.lists.row(passage)
        for number, start, length in rows.tolist():
            yield Term(self._vocabulary[number], start, start + length)


def _write_lists(
    folder: Path,
    files: tuple[str, str],
    lists: Lists,
    like: npt.NDArray[np.int32],
    table: npt.NDArray[np.int32],
) -> Ragged:
    """Write lists of terms by other numbers.

    Args:
        folder: Where the files are.
        files: For the terms, and for where each list begins.
        lists: The lists.
        like: A list without terms, for their shape and type.
        table: (vocabulary,) the number of each term in the files.

    Returns:
        What was written, memory-mapped.
    """

    def renumbered() -> Iterator[npt.NDArray[np.int32]]:
        for block in lists.blocks():
            values = block.values.astype(np.int32)  # a copy
            values[:, 0] = table[values[:, 0]]
            yield values

    np.save(folder / files[1], lists.offsets, allow_pickle=False)
    save_blocks(folder / files[0], like, int(lists.offsets[-1]), renumbered())
    return Ragged(*(load_mapped(folder / file) for file in files))


def _occurrences(documents: int, *parts: tuple[Ints | None, Ragged]) -> Iterator[Occurrences]:
    """Every occurrence of a term in lists of terms, some documents at a time.

    Args:
        documents: How many there are.
        parts: Lists, and the document that each of them belongs to, ascending; `None` where
            there is one list a document.
    """
    firsts = [
        lists.offsets
        if own is None
        else lists.offsets[np.searchsorted(own, np.arange(documents + 1))]
        for own, lists in parts
    ]
    ends = sum(first - first[0] for first in firsts)  # of all that the documents before have
    begin = 0
    while begin < documents:
        most = int(ends[begin]) + _AT_ONCE
        end = max(begin + 1, int(np.searchsorted(ends, most, side="right")) - 1)
        sizes = [np.diff(first[begin : end + 1]) for first in firsts]
        rows = np.arange(begin, end, dtype=np.int64)
        yield Occurrences(
            np.concatenate([np.repeat(rows, size) for size in sizes]),
            np.concatenate(
                [
                    lists.values[first[begin] : first[end], 0].astype(np.int64)
                    for first, (_, lists) in zip(firsts, parts, strict=True)
                ]
            ),
        )
        begin = end
