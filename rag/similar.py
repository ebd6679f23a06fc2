"""Papers like these, unlike those."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from index.scoring import Floats, Leg, Query
from index.snapshot import Snapshot
from rag.alike import alike
from rag.because import Because, Reasons
from rag.choosing import choose
from rag.errors import QueryError, UnknownPaperError
from rag.filters import Filters, leave_out
from rag.legs import Legs
from rag.likeness import Likeness
from rag.representations import Named, Notes, Terms, Thing
from rag.search import NO_FILTERS, Hit, Searcher, has_word

_TERMS_MARKED = 64  # the heaviest, by which passages are chosen and marked
_NAMED_MOST = 5  # unknown ids that one error names


@dataclass(frozen=True, slots=True)
class SimilarHit:
    """A similar paper and the reason."""

    hit: Hit
    because: Because


@dataclass(frozen=True, slots=True)
class Similar:
    """Similar papers, the most similar first, and how each leg fared."""

    hits: tuple[SimilarHit, ...]
    legs: Legs


def similar(
    searcher: Searcher,
    ids: Iterable[str] = (),
    not_ids: Iterable[str] = (),
    text: str | None = None,
    top_k: int | None = None,
    filters: Filters = NO_FILTERS,
    diversity: float | None = None,
) -> Similar:
    """Find papers like some papers or a text, and unlike others.

    Args:
        searcher: Of the snapshot.
        ids: Papers to be near. What is much like one of them is found, whatever the others are.
        not_ids: Papers to stay away from.
        text: An abstract or notes, in any language.
        top_k: How many; `None` leaves it to the settings.
        filters: What the papers found have to be. The query's own papers never come back, nor do
            copies of them.
        diversity: How different from each other they are to be, from 0 to 1, see
            `rag.choosing.diversify`; `None` leaves it to the settings.

    Raises:
        QueryError: There is neither an id nor a text, or a paper is to be near and far.
        UnknownPaperError: Ids that no paper here has.
        ClusterError: The papers are in a cluster, which does not do it.
    """
    ids, not_ids = tuple(ids), tuple(not_ids)
    searcher = alike(searcher, (*ids, *not_ids), text, filters)
    snapshot, settings = searcher.snapshot, searcher.settings
    near, away = _rows(searcher, ids, not_ids)
    things = _things(snapshot, near, text)
    own = np.zeros(len(snapshot), np.bool_)
    own[[*near, *away]] = True
    own[snapshot.stands_for_all] = True
    allowed = leave_out(snapshot, searcher.allowed(filters), own)
    legs = Legs(snapshot.failed)
    trusted = searcher.trusted()
    trusted[away] = False
    likeness = Likeness(snapshot, settings.similar, legs, trusted)
    scores = likeness.scores(things, feedback=True)
    if away and settings.similar.away:
        far = likeness.scores(_things(snapshot, away), feedback=False)
        scores -= np.float32(settings.similar.away) * np.maximum(far, 0)
    searcher.penalise(scores)
    wanted = top_k or settings.top_k
    spread = settings.similar.diversity if diversity is None else diversity
    rows = choose(snapshot, scores, [*near, *away], wanted, allowed, spread)
    terms: Terms | None = likeness.centre(Leg.LEXICAL, things)
    query = _query(snapshot, terms, likeness.centre(Leg.DENSE, things))
    hits = searcher.make_hits(rows, scores, query, settings.passages_per_paper, allowed)
    reasons = Reasons(snapshot, things, terms, allowed, has_vectors=query.vector is not None)
    return Similar(tuple(SimilarHit(hit, reasons.of(hit)) for hit in hits), legs)


def _rows(
    searcher: Searcher, ids: Iterable[str], not_ids: Iterable[str]
) -> tuple[list[int], list[int]]:
    near, away = ({name: searcher.row_of(name) for name in names} for names in (ids, not_ids))
    unknown = [name for name, row in (near | away).items() if row is None]
    if unknown:
        named = ", ".join(repr(name[:100]) for name in unknown[:_NAMED_MOST])
        more = len(unknown) - _NAMED_MOST
        raise UnknownPaperError(f"no paper {named}{f' and {more} more' if more > 0 else ''} here")
    rows, others = (
        list(dict.fromkeys(row for row in found.values() if row is not None))
        for found in (near, away)
    )
    both = [searcher.snapshot.ids[row] for row in rows if row in set(others)]
    if both:
        raise QueryError(f"a paper can't be both in ids and in not_ids: {', '.join(both[:5])}")
    return rows, others


def _things(snapshot: Snapshot, rows: Sequence[int], text: str | None = None) -> list[Thing]:
    doubted = snapshot.flagged()
    things: list[Thing] = [Named(row, not doubted[row]) for row in rows]
    if text and any("\ud800" <= c <= "\udfff" for c in text):
        raise QueryError(f"the text should be UTF-8, this one is {text[:40]!r}")
    if text and has_word(text):
        things.append(Notes(snapshot, text))
    if not things:
        raise QueryError("name a paper or give a text that the papers should be like")
    return things


def _query(snapshot: Snapshot, terms: Terms | None, vector: Floats | None) -> Query:
    """What passages are chosen by: the heaviest terms and the mean vector, as far as there are."""
    query = Query()
    if terms is not None:
        heaviest = np.argsort(-terms.weights, kind="stable")[:_TERMS_MARKED]
        query.terms = np.sort(terms.numbers[heaviest]).tolist()
    if vector is not None:
        query.vector = vector
        query.moments = snapshot.moments(vector)
    return query
