"""A question -> the papers of a cluster that may answer it, gathered from the store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.ahead import embedded, near_vector
from index.cluster.base import MOST_FOUND, Condition, Found, Sparse
from index.cluster.gathered import Scales
from index.cluster.reading import Reader
from index.cluster.versions import PAPERS, PASSAGES, PLACE_BITS
from index.fusion import first_stage, top_rows
from index.moments import Distribution, Moments
from index.scoring import TRANSLATED, Dense, Lexical, Query, is_korean, read_words, share_held
from index.settings import Weights
from index.snapshot import Snapshot

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_MARGIN = 1.5  # times as many papers are gathered as the late leg looks at
_FIRST = 5  # of each search, whatever they are worth: some of a leg's numbers are its best's
_NOTHING = Found(np.zeros(0, np.int64), np.zeros(0, np.float32))


class Asked(NamedTuple):
    """How papers are gathered.

    Attributes:
        weights: Of the legs; one without weight is not asked.
        passages: How many the dense leg finds, and papers each other leg of vectors.
        candidates: How many papers the late leg looks at.
        conditions: What papers, and passages, have to be that may be found; empty is anything.
        sections: The same of passages alone: a paper is as good as its best such passage.
    """

    weights: Weights
    passages: int = 1_000
    candidates: int = 200
    conditions: Sequence[Condition] = ()
    sections: Sequence[Condition] = ()


@dataclass(slots=True)
class _Search:
    """What the searches of one question found; what was not asked is empty.

    Attributes:
        lexical: By BM25 of papers, translations included.
        own: By the question's own words alone.
        passages: By BM25 of passages; the keys are those of passages.
        dense: By cosines of passages; the same.
        titles: By cosines of titles.
        latent: By cosines in the latent space.
    """

    lexical: Found = field(default_factory=lambda: _NOTHING)
    own: Found = field(default_factory=lambda: _NOTHING)
    passages: Found = field(default_factory=lambda: _NOTHING)
    dense: Found = field(default_factory=lambda: _NOTHING)
    titles: Found = field(default_factory=lambda: _NOTHING)
    latent: Found = field(default_factory=lambda: _NOTHING)


class Gatherer:
    """Gathers papers for questions from one version. Safe to use from several threads."""

    def __init__(self, reader: Reader, threads: ThreadPoolExecutor) -> None:
        """Ask nothing yet.

        Args:
            reader: Of the version.
            threads: Where several searches wait for the store at a time.
        """
        self._reader = reader
        self._base = reader.snapshot(())
        self._threads = threads

    def gather(self, text: str, asked: Asked, named: Iterable[int] = ()) -> Snapshot:
        """The papers that a search for a text may show, as a snapshot.

        Args:
            text: The question.
            asked: How.
            named: Rows of papers that are to be among them in any case.

        Raises:
            ClusterError: The store does not do it.
            EncoderError: The question can't be encoded.
        """
        base, query = self._base, Query(text)
        read_words(base, query)
        vector = embedded(base, text)
        everything = self._search(query, vector, asked, ())
        conditions = [*asked.conditions, *asked.sections]
        allowed = self._search(query, vector, asked, conditions) if conditions else None
        found = everything()
        filtered = None if allowed is None else allowed()
        scales = self._scales(found, filtered, asked)
        share = self._share(query, found.own)
        rows = set(named)
        rows.update(self._best(found, found, scales.beyond, share, query, vector, asked))
        if filtered is not None:
            rows.update(
                self._best(filtered, found, scales.beyond_allowed, share, query, vector, asked)
            )
        ordered = np.array(sorted(rows), np.int64)
        gathered = self._reader.snapshot(ordered, scales)
        gathered.ahead.know(text, asked.passages, near_vector(gathered, vector, asked.passages))
        return gathered

    def _search(
        self, query: Query, vector: Floats, asked: Asked, conditions: Sequence[Condition]
    ) -> Callable[[], _Search]:
        """Begin the searches; what is given back waits for their end."""
        lexical = _counted(query.terms, 1.0) + _counted(query.translations, TRANSLATED)
        found: dict[str, Future[Found]] = {}

        def begin(name: str, kind: str, field: str, sought: Floats | Sparse, most: int) -> None:
            table = self._reader.table(kind)
            found[name] = self._threads.submit(
                self._reader.tables.search, table, field, sought, most, conditions
            )

        weights = asked.weights
        if weights.lexical or weights.native:
            most = asked.passages if conditions else MOST_FOUND
            begin("lexical", PAPERS, "terms", _summed(lexical), most)
            begin("own", PAPERS, "terms", _summed(_counted(query.terms, 1.0)), 1)
            if not conditions:
                plain = _counted([*query.terms, *query.translations], 1.0)
                begin("passages", PASSAGES, "terms", _summed(plain), MOST_FOUND)
        if weights.dense or weights.title:
            begin("dense", PASSAGES, "vector", vector, asked.passages)
            begin("titles", PAPERS, "title", vector, asked.passages)
        latent = self._base.latent
        if weights.latent and latent is not None:
            begin("latent", PAPERS, "latent", latent.space.vector(query.words), asked.passages)
        return lambda: _Search(**{name: future.result() for name, future in found.items()})

    def _scales(self, found: _Search, filtered: _Search | None, asked: Asked) -> Scales:
        facts = self._reader.known.facts
        return Scales(
            _moments(found.lexical, facts.papers.count),
            _moments(found.passages, facts.passages.count),
            _last(found.dense),
            None if filtered is None else _last(filtered.dense),
        )

    def _share(self, query: Query, own: Found) -> float:
        """The share of the question's words that the best paper has, as in `score_lexical`."""
        if not len(own.rows):
            return 0.0
        return share_held(self._reader.snapshot(own.rows[:1]), query.words, 0)

    def _best(
        self,
        found: _Search,
        everything: _Search,
        beyond: float | None,
        share: float,
        query: Query,
        vector: Floats,
        asked: Asked,
    ) -> list[int]:
        """The rows of the papers that are best by the legs that look at all of them.

        Args:
            found: By the searches of what may be found.
            everything: By those of all.
            beyond: What the cosine of no passage exceeds that was not found.
            share: Of the question's words that the best paper has.
            query: The question.
            vector: Its embedding.
            asked: How papers are gathered.
        """
        owners = found.dense.rows >> PLACE_BITS
        rows = np.unique(
            np.concatenate([found.lexical.rows, owners, found.titles.rows, found.latent.rows])
        )
        if not len(rows):
            return []
        known = self._reader.known
        lexical = dense = latent = None
        if len(everything.lexical.rows):
            scores = _spread(rows, found.lexical, 0.0)
            moments = _moments(everything.lexical, known.facts.papers.count)
            standard = scores if moments is None else moments.standardise(scores)
            lexical = Lexical(standard, share, is_korean(query.text))
        if beyond is not None:
            best = np.full(len(rows), beyond, np.float32)
            np.maximum.at(best, np.searchsorted(rows, owners), found.dense.scores)
            titles = _cosines(rows, found.titles, known.facts.titles, vector)
            moments = known.distribution.moments(vector)
            dense = Dense(moments.standardise(best), titles)
        if self._base.latent is not None and len(found.latent.rows):
            place = self._base.latent.space.vector(query.words)
            latent = _cosines(rows, found.latent, known.facts.latent, place)
        total = first_stage(asked.weights, lexical, dense, latent)
        chosen = rows
        if total is not None:
            chosen = rows[top_rows(total, math.ceil(_MARGIN * asked.candidates))]
        first = (found.lexical.rows, found.own.rows, owners, found.titles.rows, found.latent.rows)
        return [*chosen.tolist(), *(int(row) for some in first for row in some[:_FIRST])]


def _counted(terms: Sequence[int], weight: float) -> list[tuple[int, float]]:
    return [(term, weight) for term in terms]


def _summed(weights: Sequence[tuple[int, float]]) -> Sparse:
    """Terms with their weights; one that stands there twice counts twice."""
    sums: dict[int, float] = {}
    for term, weight in weights:
        sums[term] = sums.get(term, 0.0) + weight
    return Sparse(np.array(list(sums), np.int64), np.array(list(sums.values()), np.float32))


def _last(found: Found) -> float | None:
    return float(found.scores[-1]) if len(found.scores) else None


def _moments(found: Found, count: int) -> Moments | None:
    """Mean and deviation of the scores of a corpus: those that were found, and 0 for all others."""
    if not len(found.rows):
        return None
    scores = found.scores.astype(np.float64)
    mean = float(scores.sum()) / count
    variance = max(float(scores @ scores) / count - mean**2, 0.0)
    return Moments(mean, math.sqrt(variance) if variance > 1e-18 else 1.0)


def _spread(rows: Ints, found: Found, others: float) -> Floats:
    """The scores of rows, and of those that were not found another: (rows,)."""
    scores = np.full(len(rows), others, np.float32)
    scores[np.searchsorted(rows, found.rows)] = found.scores
    return scores


def _cosines(
    rows: Ints, found: Found, distribution: Distribution | None, vector: Floats
) -> Floats | None:
    """Cosines of papers, standardised; what was not found has that of the last."""
    last = _last(found)
    if distribution is None or last is None:
        return None
    return distribution.moments(vector).standardise(_spread(rows, found, last))
