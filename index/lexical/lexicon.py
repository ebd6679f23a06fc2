"""The lexical index of a snapshot: its vocabulary, BM25 over papers and over passages, spans."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.arrays import load_mapped
from index.lexical.analysis import Analyzer, analyzer
from index.lexical.bm25 import Bm25
from index.lexical.words import Term

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

NAMES_KEPT = 4096

_VOCABULARY = "vocabulary.json"
_PAPERS = "papers"
_PASSAGES = "passages"
_TERMS = "terms.npy"  # (all terms of all passages, 3): term, start, length
_TERM_OFFSETS = "terms.offsets.npy"
_TITLE_TERMS = "titles.npy"  # (all terms of all titles,)
_TITLE_OFFSETS = "titles.offsets.npy"


class Lexicon:
    """Which papers and passages share a query's terms, and where in the text they stand."""

    def __init__(
        self,
        vocabulary: Sequence[str],
        papers: Bm25,
        passages: Bm25,
        terms: Ints,
        offsets: npt.NDArray[np.int64],
        title_terms: Ints,
        title_offsets: npt.NDArray[np.int64],
    ) -> None:
        self._vocabulary = vocabulary
        self._numbers = {term: number for number, term in enumerate(vocabulary)}
        self._papers = papers
        self._passages = passages
        self._terms = terms
        self._offsets = offsets
        self._title_terms = title_terms
        self._title_offsets = title_offsets
        # The translations of a question's terms are the same ones again and again.
        self._words_of_name = lru_cache(NAMES_KEPT)(lambda name: tuple(self.words_of(name)))

    @staticmethod
    def write(
        folder: Path,
        titles: Sequence[Sequence[str]],
        names: Sequence[Sequence[str]],
        passage_terms: Sequence[Sequence[Term]],
        owners: Sequence[int],
    ) -> None:
        """Build and write what `open` reads.

        Args:
            folder: An empty folder.
            titles: For each paper, the terms of its title.
            names: For each paper, other terms that find it, such as its number.
            passage_terms: For each passage, its terms.
            owners: For each passage, the row of its paper; a paper is matched as its
                title, its names and all its passages.
        """
        seen = {term.text for terms in passage_terms for term in terms}
        vocabulary = sorted(seen.union(*titles, *names))
        numbers = {term: number for number, term in enumerate(vocabulary)}
        passages = [[numbers[term.text] for term in terms] for terms in passage_terms]
        title_numbers = [[numbers[term] for term in terms] for terms in titles]
        papers = [
            [*title, *(numbers[term] for term in own)]
            for title, own in zip(title_numbers, names, strict=True)
        ]
        for owner, terms in zip(owners, passages, strict=True):
            papers[owner] += terms
        text = json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":"))
        (folder / _VOCABULARY).write_text(text, encoding="utf-8")
        Bm25.build(papers, len(vocabulary)).write(folder / _PAPERS)
        Bm25.build(passages, len(vocabulary)).write(folder / _PASSAGES)
        spans = np.array(
            [(numbers[t.text], t.start, t.end - t.start) for ts in passage_terms for t in ts],
            np.int32,
        ).reshape(-1, 3)
        arrays: dict[str, npt.NDArray[Any]] = {
            _TERMS: spans,
            _TERM_OFFSETS: np.cumsum([0, *map(len, passage_terms)], dtype=np.int64),
            _TITLE_TERMS: np.array([n for title in title_numbers for n in title], np.int32),
            _TITLE_OFFSETS: np.cumsum([0, *map(len, titles)], dtype=np.int64),
        }
        for name, array in arrays.items():
            np.save(folder / name, array, allow_pickle=False)

    @classmethod
    def open(cls, folder: Path) -> Lexicon:
        """Map the files that `write` wrote."""
        return cls(
            json.loads((folder / _VOCABULARY).read_text(encoding="utf-8")),
            Bm25.open(folder / _PAPERS),
            Bm25.open(folder / _PASSAGES),
            *(
                load_mapped(folder / name)
                for name in (_TERMS, _TERM_OFFSETS, _TITLE_TERMS, _TITLE_OFFSETS)
            ),
        )

    def without_titles(self, owners: Sequence[int], papers: int) -> Lexicon:
        """The same, but that a paper is matched as its passages alone.

        Args:
            owners: For each passage, the row of its paper.
            papers: How many papers there are.
        """
        texts: list[list[int]] = [[] for _ in range(papers)]
        for passage, owner in enumerate(owners):
            rows = self._terms[self._offsets[passage] : self._offsets[passage + 1]]
            texts[owner] += rows[:, 0].tolist()
        return Lexicon(
            self._vocabulary,
            Bm25.build(texts, len(self._vocabulary)),
            self._passages,
            self._terms,
            self._offsets,
            np.zeros(0, np.int32),
            np.zeros(papers + 1, np.int64),
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

    def rarity(self, term: str) -> float:
        """The inverse document frequency of a term among papers; highest where none has it.

        As in BM25: ln(1 + (N - n + 0.5) / (n + 0.5)) for n of N papers.
        """
        number = self._numbers.get(term)
        having = 0 if number is None else self._papers.frequency(number)
        return math.log(1 + (self._papers.count - having + 0.5) / (having + 0.5))

    def papers_with(self, term: int) -> int:
        """How many papers have a term."""
        return self._papers.frequency(term)

    def rarest(self, terms: Iterable[int], count: int) -> list[int]:
        """Those of the terms that the fewest passages have, rarest first."""
        return sorted(terms, key=lambda term: (self._passages.frequency(term), term))[:count]

    def spans(self, passage: int, terms: Iterable[int]) -> list[tuple[int, int]]:
        """Where a passage's text has any of the terms, merged where they touch."""
        rows = self._terms[self._offsets[passage] : self._offsets[passage + 1]]
        wanted = set(terms)
        return merge_spans(
            (start, start + length) for term, start, length in rows.tolist() if term in wanted
        )

    def whole_terms(self, passage: int, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """The terms of a passage that any of the spans is part of; a span of none is left out.

        Tokens of an encoder are often less than a word, or are no word at all.
        """
        rows = self._terms[self._offsets[passage] : self._offsets[passage + 1]]
        starts, ends = rows[:, 1], rows[:, 1] + rows[:, 2]
        first, last = np.array(list(spans), np.int32).reshape(-1, 2).T
        touched = ((starts[:, None] < last) & (ends[:, None] > first)).any(1)
        return [(int(a), int(b)) for a, b in zip(starts[touched], ends[touched], strict=True)]

    def title_terms(self, paper: int) -> list[str]:
        """The terms of a paper's title, as they were given to `write`."""
        numbers = self._title_terms[self._title_offsets[paper] : self._title_offsets[paper + 1]]
        return [self._vocabulary[number] for number in numbers.tolist()]

    def passage_terms(self, passage: int) -> Iterator[Term]:
        """A passage's terms, as they were given to `write`."""
        rows = self._terms[self._offsets[passage] : self._offsets[passage + 1]]
        for number, start, length in rows.tolist():
            yield Term(self._vocabulary[number], start, start + length)


def merge_spans(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch or overlap made one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
