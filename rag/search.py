"""Query -> legs -> fusion -> papers with passages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from unicodedata import category, normalize

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged
from index.cluster.conditions import not_forgotten
from index.elsewhere import Asked
from index.errors import SettingsError
from index.forgotten import NOTHING, Forgotten
from index.fusion import rank
from index.greatest import kth_greatest
from index.papers import Paper, Passage, arxiv_numbers
from index.passages import plain
from index.scoring import Allowed, Floats, Leg, Mask, Query, specificity
from index.snapshot import Snapshot
from index.spans import Span, tuples
from index.stages import Stage, stage, staged
from index.threads import search_on_one_thread
from rag.errors import LegsFailedError, QueryError
from rag.filters import Filters, leave_out
from rag.legs import Legs, Status
from rag.rerank import Reranker, open_reranker, rerank
from rag.settings import RerankGroup, SearchGroup

NO_FILTERS = Filters()
_NAMED = 10.0  # above all others, so that none answers beside a paper that is named


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage of a hit; `highlights` are the spans of its text that match terms."""

    row: int
    passage: Passage
    score: float
    highlights: tuple[Span, ...]


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
    legs: Legs


class Searcher:
    """Searches one snapshot. Safe to use from several threads."""

    def __init__(
        self,
        snapshot: Snapshot,
        settings: SearchGroup | None = None,
        rerank_settings: RerankGroup | None = None,
        reranker: Reranker | None = None,
        forgotten: Forgotten | None = None,
    ) -> None:
        """Prepare to search.

        Args:
            snapshot: What to search.
            settings: How; `None` takes the defaults.
            rerank_settings: Whether and how the first papers are put in order once more.
            reranker: The one to use instead of the one that the settings name.
            forgotten: Papers that are as if they were not there; `None` is none.
        """
        search_on_one_thread()
        self.snapshot = snapshot
        self.settings = settings or SearchGroup()
        self.weights = self.settings.weights.over(snapshot.learned.weights)
        if not any(replace(self.weights, feedback=0.0).as_json().values()):
            raise SettingsError("search.weights turns every leg off; leave one at null, or above 0")
        self.rerank_settings = rerank_settings or RerankGroup()
        self.reranker = reranker or open_reranker(self.rerank_settings)
        self.forgotten = forgotten or NOTHING
        self._forgotten = self.forgotten.rows(snapshot)
        self._flagged = np.flatnonzero(snapshot.flagged())

    def with_forgotten(self, forgotten: Forgotten) -> Searcher:
        """The same searcher, but for what is forgotten."""
        return Searcher(
            self.snapshot, self.settings, self.rerank_settings, self.reranker, forgotten
        )

    def allowed(self, filters: Filters = NO_FILTERS) -> Allowed | None:
        """What may be found: what passes the filters and is not forgotten; `None` is all."""
        allowed = filters.apply(self.snapshot)
        if self._forgotten is None:
            return allowed
        return leave_out(self.snapshot, allowed, self._forgotten)

    def row_of(self, paper: str) -> int | None:
        """The row of a paper by whatever name; `None` where it is not here or is forgotten."""
        row = self.snapshot.row_of(paper)
        if row is None or (self._forgotten is not None and self._forgotten[row]):
            return None
        return row

    def about(self, text: str, filters: Filters = NO_FILTERS) -> Searcher:
        """What searches the papers that a search for a text may show.

        This one, where they are at hand; else they are gathered for it.

        Raises:
            QueryError: There is no word in the text.
            NonmunError: Nothing can be gathered.
        """
        elsewhere = self.snapshot.elsewhere
        check_query(text)
        if elsewhere is None:
            return self
        conditions = [*filters.conditions(), *not_forgotten(self.forgotten)]
        found, looked_at = self.settings.candidates, self.settings.late_candidates
        asked = Asked(self.weights, found, looked_at, conditions, filters.sections)
        with stage(Stage.GATHER):
            gathered = elsewhere.gather(seen(text), asked, arxiv_numbers(text))
        return self.over(gathered)

    def holding(self, names: Iterable[str]) -> Searcher:
        """What searches some papers, by whatever name, and perhaps others.

        Raises:
            NonmunError: They can't be read.
        """
        elsewhere = self.snapshot.elsewhere
        return self if elsewhere is None else self.over(elsewhere.papers(names))

    def over(self, snapshot: Snapshot) -> Searcher:
        """The same searcher, but over other papers."""
        return Searcher(
            snapshot, self.settings, self.rerank_settings, self.reranker, self.forgotten
        )

    def newest(self) -> Paper | None:
        """The newest paper that may be found; `None` where there is none."""
        rows = range(len(self.snapshot))[::-1]
        known = self._forgotten
        row = next((row for row in rows if known is None or not known[row]), None)
        return None if row is None else self.snapshot.paper(row)

    def prepare(self, texts: Sequence[str]) -> None:
        """Compute of queries that are searched for next what can be computed ahead."""
        seen_ones = [seen(text) for text in texts]
        self.snapshot.prepare_queries(seen_ones, self.settings.candidates)

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
            LegsFailedError: No leg is left.
        """
        here = self.about(text, filters)
        if here is not self:
            return here.search(text, top_k, passages_per_paper, filters)
        text = seen(text)
        allowed = self.allowed(filters)
        query, legs = Query(text), Legs(self.snapshot.failed)
        scores = rank(
            self.snapshot,
            query,
            self.weights,
            allowed,
            forgotten=self._forgotten,
            run=legs.run,
            passages=self.settings.candidates,
            candidates=self.settings.late_candidates,
        )
        if scores is None:
            raise LegsFailedError("no leg of the search is working; see the log")
        self.penalise(scores)
        named = self.named(text)
        if named:  # by their numbers: whoever does that wants these papers
            scores[named] += scores.max() - scores.min() + _NAMED
        wanted = top_k or self.settings.top_k
        shown = self.settings.passages_per_paper
        shown = shown if passages_per_paper is None else passages_per_paper
        if self.reranker is None:
            rows = best_rows(scores, wanted, allowed)
            return Found(self.make_hits(rows, scores, query, shown, allowed), query, legs)
        rows = best_rows(scores, max(wanted, self.rerank_settings.candidates), allowed)
        hits = self.make_hits(rows, scores, query, max(shown, 1), allowed)
        first = sum(row in named for row in rows)  # who names a paper wants it first
        hits = (*hits[:first], *self._rerank(self.reranker, text, hits[first:], legs))
        hits = tuple(replace(hit, passages=hit.passages[:shown]) for hit in hits[:wanted])
        return Found(hits, query, legs)

    def trusted(self) -> Mask:
        """Which papers' texts may be taken after: (papers,), neither flagged nor forgotten."""
        trusted = np.ones(len(self.snapshot), np.bool_)
        trusted[self._flagged] = False
        trusted[self.snapshot.stands_for_all] = False
        if self._forgotten is not None:
            trusted &= ~self._forgotten
        return trusted

    def penalise(self, scores: Floats) -> None:
        """Take off, in place, what doubts about their summaries cost papers: (papers,)."""
        scores[self._flagged] -= self.settings.flag_penalty

    def _rerank(
        self, reranker: Reranker, text: str, hits: tuple[Hit, ...], legs: Legs
    ) -> tuple[Hit, ...]:
        """Put the first hits in the order of the reranker, which reads their best passages.

        Each place keeps the score that it had.
        """
        first = hits[: self.rerank_settings.candidates]
        texts = [
            "\n".join([hit.paper.title, *(plain(one.passage.text) for one in hit.passages[:1])])
            for hit in first
        ]
        with stage(Stage.RERANK):
            found = rerank(reranker, text, texts, self.rerank_settings.timeout_ms)
        legs[Leg.RERANK] = found.status
        if found.status is not Status.OK:
            return hits
        scores = sorted((hit.score for hit in first), reverse=True)
        ordered = [
            replace(first[place], score=score)
            for place, score in zip(found.order, scores, strict=True)
        ]
        return (*ordered, *hits[len(first) :])

    def named(self, text: str) -> list[int]:
        """The rows of the papers whose arXiv numbers stand in the text."""
        rows = map(self.row_of, arxiv_numbers(text))
        return [row for row in rows if row is not None]

    @staged(Stage.READ)
    def make_hits(
        self,
        rows: Sequence[int],
        scores: Floats,
        query: Query,
        wanted: int,
        allowed: Allowed | None,
    ) -> tuple[Hit, ...]:
        """Read the papers of some rows and choose the passages that speak for each."""
        passages = [self.passages_of(row, allowed) if wanted else [] for row in rows]
        every = np.array([row for some in passages for row in some], np.int64)
        scored = dict(zip(every.tolist(), self._score_passages(every, query).tolist(), strict=True))
        papers = [self.snapshot.paper(row) for row in rows]
        best = [sorted(some, key=lambda one: -scored[one])[:wanted] for some in passages]
        # All that are shown are read together: one array operation for all, not one for each.
        shown = np.array([one for some in best for one in some], np.int64)
        owners = [paper for paper, some in zip(papers, best, strict=True) for _ in some]
        read = (
            PassageHit(row, passage, round(scored[row], 6), highlights)
            for row, passage, highlights in zip(
                shown.tolist(),
                self.snapshot.passages_at(shown, owners),
                self._highlights(shown, query),
                strict=True,
            )
        )
        return tuple(
            Hit(row, paper, round(float(scores[row]), 6), tuple(islice(read, len(some))))
            for row, paper, some in zip(rows, papers, best, strict=True)
        )

    def passages_of(self, row: int, allowed: Allowed | None) -> list[int]:
        """The rows of a paper's passages that may be found."""
        rows = self.snapshot.passages_of(row)
        return [one for one in rows if allowed is None or allowed.passages[one]]

    def _score_passages(self, rows: npt.NDArray[np.int64], query: Query) -> Floats:
        """The legs' scores of some passages, fused: (rows,)."""
        scores = np.zeros(len(rows), np.float32)
        if terms := (*query.terms, *query.translations):
            lexical, moments = self.snapshot.lexicon.score_some_passages(terms, rows)
            scores += self.weights.lexical * moments.standardise(lexical)
        if query.vector is not None and query.moments is not None:
            cosines = self.snapshot.vectors.vectors[rows] @ query.vector
            scores += self.weights.dense * query.moments.standardise(cosines)
        late = self.snapshot.late if query.tokens is not None else None
        if late is not None and query.tokens is not None and query.late_moments is not None:
            alone = Ragged(rows, np.arange(len(rows) + 1))
            found = late.tokens.scores(query.tokens, alone).best
            weight = self.weights.late * specificity(self.snapshot, query.words)
            scores += weight * query.late_moments.standardise(found)
        return scores

    def _highlights(self, rows: npt.NDArray[np.int64], query: Query) -> list[tuple[Span, ...]]:
        """What passages share with the query: terms, and tokens that mean the same."""
        late = self.snapshot.late if query.late_moments is not None else None
        alike = None
        if late is not None and query.tokens is not None:
            alike = late.tokens.matches(query.tokens, rows)
        terms = (*query.terms, *query.translations)
        return tuples(self.snapshot.lexicon.spans(rows, terms, alike))


def check_query(text: str) -> None:
    """See that a text can be searched for.

    Raises:
        QueryError: It can't.
    """
    if not has_word(text):
        raise QueryError(f"the query should have a word in it, this one is {text[:40]!r}")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise QueryError(f"the query should be UTF-8, this one is {text[:40]!r}")


def seen(text: str) -> str:
    """A text as it is seen: Hangul composed (NFC), without what has no width or turns directions.

    A keyboard, a file system or a copied page may give either form of the same question.
    """
    if text.isascii():
        return text
    shown = "".join(c for c in normalize("NFC", text) if category(c) != "Cf")
    return normalize("NFC", shown)  # what stood apart may join now


def has_word(text: str) -> bool:
    """Whether there is anything in a text to search for."""
    return any(c.isalnum() for c in text)


def best_rows(scores: Floats, top_k: int, allowed: Allowed | None) -> list[int]:
    """The rows with the highest scores, highest first; of equal ones the newer paper."""
    rows = None if allowed is None else np.flatnonzero(allowed.papers)
    own = scores if rows is None else scores[rows]
    if len(own) > top_k:
        best = np.flatnonzero(own >= kth_greatest(own, top_k))
        rows = best if rows is None else rows[best]
    elif rows is None:
        rows = np.arange(len(scores))
    order = np.lexsort((-rows, -scores[rows]))
    return [int(row) for row in rows[order][:top_k]]
