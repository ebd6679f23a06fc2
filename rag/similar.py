"""Papers like these, unlike those."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from index.scoring import Allowed, Floats, Leg, Query, score_dense, standardise
from index.snapshot import Snapshot
from index.stages import Stage, stage
from rag.errors import LegsFailedError, QueryError, UnknownPaperError
from rag.filters import Filters, leave_out
from rag.legs import Legs
from rag.search import NO_FILTERS, Hit, Searcher, best_rows, has_word, seen

_AWAY = 0.5  # how much the papers to stay away from count, against those to be near
_TERMS_SHOWN = 8
_COMMON = 0.3


@dataclass(frozen=True, slots=True)
class Because:
    """Why a paper is like the query: its passage, the query's nearest passage, shared words."""

    passage: str | None
    like: str | None
    terms: tuple[str, ...]
    authors: tuple[str, ...]


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
) -> Similar:
    """Find papers like some papers or a text, and unlike others.

    Args:
        searcher: Of the snapshot.
        ids: Papers to be near.
        not_ids: Papers to stay away from.
        text: An abstract or notes, in any language.
        top_k: How many; `None` leaves it to the settings.
        filters: What the papers found have to be. The query's own papers never come back.

    Raises:
        QueryError: There is neither an id nor a text.
        UnknownPaperError: An id that no paper here has.
    """
    snapshot, text = searcher.snapshot, text and seen(text)
    near, away = _rows(searcher, ids), _rows(searcher, not_ids)
    if not near and not (text and has_word(text)):
        raise QueryError("name a paper or give a text that the papers should be like")
    own = np.isin(np.arange(len(snapshot)), [*near, *away])
    allowed = leave_out(snapshot, searcher.allowed(filters), own)
    query, legs = Query(), Legs()
    weight, candidates = searcher.settings.similar_lexical_weight, searcher.settings.candidates
    lexical = dense = None
    if weight > 0:
        lexical = legs.run(Leg.LEXICAL, lambda: _lexical(snapshot, query, near, away, text))
    if weight < 1:
        dense = legs.run(
            Leg.DENSE, lambda: _dense(snapshot, query, near, away, text, allowed, candidates)
        )
    scores = _fuse(lexical, dense, weight)
    searcher.penalise(scores)
    rows = best_rows(scores, top_k or searcher.settings.top_k, allowed)
    hits = searcher.make_hits(rows, scores, query, searcher.settings.passages_per_paper, allowed)
    reasons = (SimilarHit(hit, _because(snapshot, hit, near, query)) for hit in hits)
    return Similar(tuple(reasons), legs)


def _fuse(lexical: Floats | None, dense: Floats | None, weight: float) -> Floats:
    """The weighted sum of both legs' standardised scores, or the one that there is."""
    if lexical is not None and dense is not None:
        fused: Floats = (weight * lexical + (1 - weight) * dense).astype(np.float32)
        return fused
    only = dense if lexical is None else lexical
    if only is None:
        raise LegsFailedError("no leg of the search is working; see the log")
    return only


def _rows(searcher: Searcher, ids: Iterable[str]) -> list[int]:
    rows = []
    for name in dict.fromkeys(ids):
        row = searcher.row_of(name)
        if row is None:
            raise UnknownPaperError(f"no paper {name[:100]!r} here")
        rows.append(row)
    return rows


def _lexical(
    snapshot: Snapshot, query: Query, near: list[int], away: list[int], text: str | None
) -> Floats:
    """BM25 with each paper as a query, once each of its different terms."""
    lexicon = snapshot.lexicon
    texts = [_terms(snapshot, snapshot.words_of(row)) for row in near]
    if text:
        texts.append(_terms(snapshot, lexicon.words_of(text)))
    query.terms = sorted({term for terms in texts for term in terms})
    scores = np.mean([standardise(lexicon.score_papers(terms)) for terms in texts], 0)
    if away:
        words = [_terms(snapshot, snapshot.words_of(row)) for row in away]
        others = [standardise(lexicon.score_papers(terms)) for terms in words]
        scores = scores - _AWAY * np.mean(others, 0)
    return standardise(scores)


def _terms(snapshot: Snapshot, words: Iterable[str]) -> list[int]:
    """The numbers of the words that tell papers apart.

    In a whole paper as a query, what a third of all papers say (방법, 성능), single syllables
    and bare numbers add up to noise.
    """
    lexicon, most = snapshot.lexicon, max(3, _COMMON * len(snapshot))
    telling = {word for word in words if len(word) > 1 and not word[0].isdigit()}
    numbers = sorted(lexicon.numbers(telling))
    return [number for number in numbers if lexicon.papers_with(number) <= most]


def _dense(
    snapshot: Snapshot,
    query: Query,
    near: list[int],
    away: list[int],
    text: str | None,
    allowed: Allowed,
    candidates: int,
) -> Floats:
    """The nearest passages to the mean of all that the papers should be like."""
    vectors = [_mean(snapshot, row) for row in near]
    if text:
        with stage(Stage.ENCODE):
            vectors.append(snapshot.encoder.encode_query([text])[0])
    vector = np.mean(vectors, 0)
    if away:
        vector = vector - _AWAY * np.mean([_mean(snapshot, row) for row in away], 0)
    query.vector = (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
    return score_dense(snapshot, query, allowed, candidates).scores


def _mean(snapshot: Snapshot, row: int) -> Floats:
    rows = np.array(snapshot.passages_of(row), np.int64)
    vectors = [snapshot.vectors.vectors[rows]]
    if snapshot.titles is not None:
        vectors.append(snapshot.titles[row][None])
    mean: Floats = np.vstack(vectors).mean(0)
    return mean


def _because(snapshot: Snapshot, hit: Hit, near: list[int], query: Query) -> Because:
    own = list(snapshot.passages_of(hit.row))
    theirs = [passage for row in near for passage in snapshot.passages_of(row)]
    passage = like = None
    if own and theirs:
        vectors = snapshot.vectors.vectors
        cosines = vectors[own] @ vectors[theirs].T
        i, j = np.unravel_index(int(np.argmax(cosines)), cosines.shape)
        passage = snapshot.passage(own[int(i)], hit.paper).id
        like = snapshot.passage(theirs[int(j)]).id
    authors = {name for row in near for name in snapshot.paper(row).authors}
    return Because(
        passage=passage,
        like=like,
        terms=_shared_words(snapshot, hit, query),
        authors=tuple(name for name in hit.paper.authors if name in authors),
    )


def _shared_words(snapshot: Snapshot, hit: Hit, query: Query) -> tuple[str, ...]:
    """The rarest terms that a hit shares with the query, as its text has them."""
    words: dict[int, str] = {}
    for row in snapshot.passages_of(hit.row):
        text = snapshot.passage(row, hit.paper).text
        for term in snapshot.lexicon.passage_terms(row):
            for number in snapshot.lexicon.numbers([term.text]):
                words.setdefault(number, text[term.start : term.end])
    rarest = snapshot.lexicon.rarest(words.keys() & set(query.terms), _TERMS_SHOWN)
    return tuple(dict.fromkeys(words[number] for number in rarest))
