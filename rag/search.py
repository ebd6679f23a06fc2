"""Query -> legs -> fusion -> papers with passages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.papers import Paper, Passage
from index.snapshot import Snapshot
from rag.errors import LegsFailedError, QueryError
from rag.filters import Allowed, Filters
from rag.legs import Floats, Leg, Query, Status, dense_scores, lexical_scores, standardise
from rag.settings import SearchGroup

NO_FILTERS = Filters()
_NUMBER = re.compile(r"(?<![\d.])\d{4}\.\d{4,5}(?!\d)")


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage of a hit; `highlights` are the spans of its text that match terms."""

    row: int
    passage: Passage
    score: float
    highlights: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper that was found, its best passage first."""

    row: int
    paper: Paper
    score: float
    passages: tuple[PassageHit, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The reply to a search: hits best first, and how each leg fared."""

    hits: tuple[Hit, ...]
    query: Query

    @property
    def legs(self) -> dict[Leg, Status]:
        """What each leg says of itself."""
        return self.query.legs


class Searcher:
    """Searches one snapshot. Safe to use from several threads."""

    def __init__(self, snapshot: Snapshot, settings: SearchGroup | None = None) -> None:
        self.snapshot = snapshot
        self.settings = settings or SearchGroup()

    def search(
        self,
        text: str,
        top_k: int | None = None,
        passages_per_paper: int | None = None,
        filters: Filters = NO_FILTERS,
    ) -> Found:
        """Find the papers that a query is about.

        Args:
            text: In any language the encoder knows.
            top_k: How many papers; `None` leaves it to the settings.
            passages_per_paper: The same for passages of each.
            filters: What papers and passages have to be.

        Raises:
            QueryError: There is no word in the text.
        """
        if not has_word(text):
            raise QueryError(f"the query should have a word in it, this one is {text[:40]!r}")
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise QueryError(f"the query should be UTF-8, this one is {text[:40]!r}")
        allowed = filters.apply(self.snapshot)
        query = Query()
        lexical, dense = self.run_legs(text, query, allowed)
        scores = self.fuse(lexical, dense)
        named = self._named(text)
        if named:  # by their numbers: whoever does that wants these papers
            scores[named] += scores.max() - scores.min() + 1
        rows = best_rows(scores, top_k or self.settings.top_k, allowed)
        return Found(self.make_hits(rows, scores, query, passages_per_paper, allowed), query)

    def _named(self, text: str) -> list[int]:
        """The rows of the papers whose arXiv numbers stand in the text."""
        rows = (self.snapshot.row_of(name) for name in _NUMBER.findall(text))
        return [row for row in dict.fromkeys(rows) if row is not None]

    def run_legs(
        self, text: str, query: Query, allowed: Allowed | None
    ) -> tuple[Floats | None, Floats | None]:
        """Score every paper by every leg, each on its own scale of standard deviations."""
        snapshot = self.snapshot
        weight = self.settings.lexical_weight
        lexical = dense = None
        query.legs = dict.fromkeys(Leg, Status.OFF)
        if weight > 0:

            def score_lexical() -> Floats:
                query.words = snapshot.lexicon.words_of(text)
                query.terms = snapshot.lexicon.numbers(query.words)
                return lexical_scores(snapshot, query, allowed)

            lexical = query.run(Leg.LEXICAL, score_lexical)
        if weight < 1:

            def score_dense() -> Floats:
                query.vector = snapshot.encoder.encode_query([text])[0]
                return dense_scores(snapshot, query, allowed, self.settings.candidates)

            dense = query.run(Leg.DENSE, score_dense)
        return lexical, dense

    def fuse(
        self, lexical: Floats | None, dense: Floats | None, weight: float | None = None
    ) -> Floats:
        """The weighted sum of the legs' standardised scores: (papers,) or (passages,).

        Args:
            lexical: `None` where the leg failed or is off, as for `dense`.
            dense: The other leg's.
            weight: The lexical leg's share; `None` leaves it to the settings.

        Raises:
            LegsFailedError: No leg is left.
        """
        weight = self.settings.lexical_weight if weight is None else weight
        if lexical is None and dense is None:
            raise LegsFailedError("no leg of the search is working; see the log")
        if lexical is None or dense is None:
            only = dense if lexical is None else lexical
            return only.copy() if only is not None else np.zeros(0, np.float32)
        return (weight * lexical + (1 - weight) * dense).astype(np.float32)

    def make_hits(
        self,
        rows: Sequence[int],
        scores: Floats,
        query: Query,
        passages_per_paper: int | None,
        allowed: Allowed | None,
    ) -> tuple[Hit, ...]:
        """Read the papers of some rows and choose the passages that speak for each."""
        wanted = passages_per_paper
        if wanted is None:
            wanted = self.settings.passages_per_paper
        passages = [self._passages_of(row, allowed) if wanted else [] for row in rows]
        every = np.array([row for some in passages for row in some], np.int64)
        scored = dict(zip(every.tolist(), self._score_passages(every, query).tolist(), strict=True))
        terms = set(query.terms)
        hits = []
        for row, some in zip(rows, passages, strict=True):
            paper = self.snapshot.paper(row)
            best = sorted(some, key=lambda one: -scored[one])[:wanted]
            shown = tuple(
                PassageHit(
                    one,
                    self.snapshot.passage(one, paper),
                    round(scored[one], 6),
                    tuple(self.snapshot.lexicon.spans(one, terms)),
                )
                for one in best
            )
            hits.append(Hit(row, paper, round(float(scores[row]), 6), shown))
        return tuple(hits)

    def _passages_of(self, row: int, allowed: Allowed | None) -> list[int]:
        rows = self.snapshot.passages_of(row)
        return [one for one in rows if allowed is None or allowed.passages[one]]

    def _score_passages(self, rows: npt.NDArray[np.int64], query: Query) -> Floats:
        """The legs' scores of some passages, fused: (rows,)."""
        lexical = dense = None
        if query.terms:
            lexical = standardise(self.snapshot.lexicon.score_passages(query.terms))[rows]
        if query.vector is not None and query.moments is not None:
            dense = query.moments.standardise(self.snapshot.vectors.vectors[rows] @ query.vector)
        if lexical is None and dense is None:
            return np.zeros(len(rows), np.float32)
        return self.fuse(lexical, dense)


def has_word(text: str) -> bool:
    """Whether there is anything in a text to search for."""
    return any(c.isalnum() for c in text)


def best_rows(scores: Floats, top_k: int, allowed: Allowed | None) -> list[int]:
    """The rows with the highest scores, highest first; of equal ones the newer paper."""
    rows = np.arange(len(scores)) if allowed is None else np.flatnonzero(allowed.papers)
    if len(rows) > top_k:
        cut = np.partition(scores[rows], len(rows) - top_k)[len(rows) - top_k]
        rows = rows[scores[rows] >= cut]
    order = np.lexsort((-rows, -scores[rows]))
    return [int(row) for row in rows[order][:top_k]]
