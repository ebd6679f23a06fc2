"""A question -> the papers of a cluster that may answer it, gathered from the store."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from index.ahead import embedded, near_vector
from index.cluster.base import KEY, MOST_FOUND, Condition, Found, Sparse
from index.cluster.conditions import forgotten_by, papers_with, passages_in
from index.cluster.gathered import Scales
from index.cluster.headings import Headings, read_headings
from index.cluster.reading import Reader
from index.cluster.versions import PAPERS, PASSAGES, PLACE_BITS
from index.elsewhere import Asked
from index.errors import ClusterError
from index.forgotten import Forgotten
from index.fusion import first_stage
from index.greatest import top_rows
from index.moments import Distribution, Moments
from index.scoring import (
    TRANSLATED,
    Dense,
    Leg,
    Lexical,
    Query,
    is_korean,
    read_words,
    share_held,
)
from index.snapshot import Snapshot

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

log = logging.getLogger(__name__)

_MARGIN = 1.5  # times as many papers are gathered as the late leg looks at
_FIRST = 5  # of each search, whatever they are worth
_NOTHING = Found(np.zeros(0, np.int64), np.zeros(0, np.float32))


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
        failed: Why legs were not searched.
    """

    lexical: Found = field(default_factory=lambda: _NOTHING)
    own: Found = field(default_factory=lambda: _NOTHING)
    passages: Found = field(default_factory=lambda: _NOTHING)
    dense: Found = field(default_factory=lambda: _NOTHING)
    titles: Found = field(default_factory=lambda: _NOTHING)
    latent: Found = field(default_factory=lambda: _NOTHING)
    failed: dict[Leg, ClusterError] = field(default_factory=dict)

    @property
    def papers(self) -> Ints:
        """The rows of all papers that were found, ascending."""
        return np.unique(np.concatenate(self._of_papers))

    @property
    def first(self) -> list[int]:
        """The rows of those that stand first in any search: some of a leg's numbers are theirs."""
        return [int(row) for rows in self._of_papers for row in rows[:_FIRST]]

    @property
    def _of_papers(self) -> list[Ints]:
        own = self.lexical.rows, self.own.rows, self.titles.rows, self.latent.rows
        return [*own, self.dense.rows >> PLACE_BITS]


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

    @cached_property
    def snapshot(self) -> Snapshot:
        """A snapshot of the version without papers; it knows where to ask for them."""
        return self._reader.snapshot((), elsewhere=self)

    def papers(self, names: Iterable[str]) -> Snapshot:
        """Papers by whatever name; those that are not there are not in it.

        Raises:
            ClusterError: They can't be read.
        """
        return self._reader.snapshot(self._reader.rows_of(names))

    def alike(
        self,
        leg: Leg,
        sought: Floats | Sparse,
        count: int,
        conditions: Sequence[Condition] = (),
        sections: Sequence[str] = (),
    ) -> list[int]:
        """The rows of the papers that a leg finds most alike; as `Elsewhere` says.

        Raises:
            ClusterError: The store does not do it.
        """
        wanted = [*conditions, *papers_with(sections)]
        table = self._reader.table(PAPERS)
        found = self._reader.tables.search(table, _ALIKE[leg], sought, count, wanted)
        return [int(row) for row in found.rows]

    def standing_for_all(
        self,
        names: Iterable[str],
        rows: Iterable[int],
        failed: Mapping[Leg, ClusterError] = MappingProxyType({}),
    ) -> Snapshot:
        """Some papers, and after them others that stand for the whole corpus.

        Raises:
            ClusterError: They can't be read.
        """
        ordered = sorted({*rows, *self._reader.rows_of(names)})
        return self._reader.snapshot(ordered, Scales(failed=failed), standing_for_all=True)

    def headings(self) -> Headings:
        """What a map says of the papers.

        Raises:
            ClusterError: It can't be read.
        """
        try:
            return read_headings(self._reader.known.folder)
        except (OSError, ValueError) as error:
            raise ClusterError(f"the cache of a cluster is broken: {error}") from None

    def rows_of_forgotten(self, forgotten: Forgotten) -> list[int]:
        """The rows of papers that are forgotten, ascending.

        Raises:
            ClusterError: The store does not say.
        """
        table = self._reader.table(PAPERS)
        found = [
            self._reader.tables.look_up(table, [condition], [])
            for condition in forgotten_by(forgotten)
        ]
        return sorted({int(row[KEY]) for rows in found for row in rows})

    def gather(self, text: str, asked: Asked, named: Iterable[str] = ()) -> Snapshot:
        """The papers that a search for a text may show; as `Elsewhere` says.

        Raises:
            ClusterError: The store does none of it.
        """
        query = Query(text)
        read_words(self._base, query)
        vector = self._embedded(text)
        everything = self._search(query, vector, asked, filtered=False)
        has_filter = bool(asked.conditions or asked.sections)
        allowed = self._search(query, vector, asked, filtered=True) if has_filter else None
        found = everything()
        filtered = None if allowed is None else allowed()
        if filtered is not None and asked.sections:
            found.lexical, found.own = filtered.lexical, filtered.own
        failed = found.failed if filtered is None else found.failed | filtered.failed
        scales = self._scales(found, filtered)._replace(failed=failed)
        share = self._share(query, found.own)
        rows = self._best(found, filtered, share, query, vector, asked)
        ordered = np.array(sorted({*rows, *self._reader.rows_of(named)}), np.int64)
        gathered = self._reader.snapshot(ordered, scales)
        if vector is not None and Leg.DENSE not in failed:
            near = near_vector(gathered, vector, asked.passages)
            gathered.ahead.know(text, asked.passages, near)
        return gathered

    def _embedded(self, text: str) -> Floats | None:
        try:
            return embedded(self._base, text)
        # Whatever an encoder raises: it is raised again, and told, where the leg is run.
        except Exception:
            return None

    def _search(
        self, query: Query, vector: Floats | None, asked: Asked, *, filtered: bool
    ) -> Callable[[], _Search]:
        """Begin the searches; what is given back waits for their end.

        Args:
            query: The question.
            vector: Its embedding; `None` where there is none.
            asked: What is looked for.
            filtered: Whether what is found has to be as `asked` says.
        """
        papers = [*asked.conditions, *papers_with(asked.sections)] if filtered else []
        passages = [*asked.conditions, *passages_in(asked.sections)] if filtered else []
        found: dict[str, Future[Found]] = {}

        def begin(name: str, kind: str, field: str, sought: Floats | Sparse, most: int) -> None:
            table, conditions = self._reader.table(kind), papers if kind == PAPERS else passages
            found[name] = self._threads.submit(
                self._reader.tables.search, table, field, sought, most, conditions
            )

        weights, own = asked.weights, _summed(query.terms)
        lexical = bool(weights.lexical or weights.native)
        if lexical and not filtered:
            both = _summed([*query.terms, *query.translations])
            begin("passages", PASSAGES, "terms", both, MOST_FOUND)
        if lexical and not asked.sections:
            both = _summed(query.terms, query.translations)
            begin("lexical", PAPERS, "terms", both, asked.passages if filtered else MOST_FOUND)
            begin("own", PAPERS, "terms", own, 1)
        elif lexical and filtered:
            begin("lexical", PASSAGES, "terms", _summed((), query.translations), MOST_FOUND)
            begin("own", PASSAGES, "terms", own, MOST_FOUND)
        if vector is not None and (weights.dense or weights.title):
            begin("dense", PASSAGES, "vector", vector, asked.passages)
            begin("titles", PAPERS, "title", vector, asked.passages)
        latent = self._base.latent
        if weights.latent and latent is not None:
            begin("latent", PAPERS, "latent", latent.space.vector(query.words), asked.passages)

        def wait() -> _Search:
            search = _waited(found)
            if asked.sections:
                search.own = _best_passages(search.own)
                search.lexical = _added(search.own, _best_passages(search.lexical))
            return search

        return wait

    def _scales(self, found: _Search, filtered: _Search | None) -> Scales:
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
        filtered: _Search | None,
        share: float,
        query: Query,
        vector: Floats | None,
        asked: Asked,
    ) -> set[int]:
        """The rows of the papers that are best by the legs that look at all of them.

        They are scored as `rank` will score them. What no search found has no part in it.

        Args:
            found: By the searches of all.
            filtered: By those of what may be found; `None` is all.
            share: Of the question's words that the best paper has.
            query: The question.
            vector: Its embedding.
            asked: How papers are gathered.
        """
        rows = np.union1d(found.papers, found.papers if filtered is None else filtered.papers)
        if not len(rows):
            return set()
        known, weights = self._reader.known, asked.weights
        lexical = dense = latent = None
        # What may be found and is far down in all has not the scores of the whole corpus.
        every = [found] if filtered is None else [found, filtered]
        if len(found.lexical.rows):
            scores = _spread(rows, [one.lexical for one in every], 0.0)
            moments = _moments(found.lexical, known.facts.papers.count)
            standard = scores if moments is None else moments.standardise(scores)
            lexical = Lexical(standard, share, is_korean(query.text))
        if vector is not None and len(found.dense.rows):
            best = _best_cosines(rows, found.dense)
            if filtered is not None and len(filtered.dense.rows):
                own = np.isin(rows, filtered.papers)
                best[own] = _best_cosines(rows, filtered.dense)[own]
            titles = _cosines(rows, [one.titles for one in every], known.facts.titles, vector)
            dense = Dense(known.distribution.moments(vector).standardise(best), titles)
        if self._base.latent is not None and len(found.latent.rows):
            place = self._base.latent.space.vector(query.words)
            latent = _cosines(rows, [one.latent for one in every], known.facts.latent, place)
        total = first_stage(weights, lexical, dense, latent)
        if total is None:
            return set(rows.tolist())
        count = math.ceil(_MARGIN * asked.candidates)
        chosen = set(rows[top_rows(total, count)].tolist())
        if filtered is not None:
            places = np.flatnonzero(np.isin(rows, filtered.papers))
            chosen.update(rows[places[top_rows(total[places], count)]].tolist())
        return chosen.union(*(one.first for one in every))


_ALIKE = {Leg.LEXICAL: "terms", Leg.DENSE: "centre", Leg.LATENT: "latent"}
_LEGS = {
    "lexical": Leg.LEXICAL,
    "own": Leg.LEXICAL,
    "passages": Leg.LEXICAL,
    "dense": Leg.DENSE,
    "titles": Leg.DENSE,
    "latent": Leg.LATENT,
}


def _waited(searches: Mapping[str, Future[Found]]) -> _Search:
    """What searches found, when they have ended.

    Raises:
        ClusterError: All have failed.
    """
    search = _Search()
    for name, future in searches.items():
        try:
            setattr(search, name, future.result())
        except ClusterError as error:
            log.error("the cluster was not searched: %s", error)
            search.failed[_LEGS[name]] = error
    if searches and not search.papers.size and set(search.failed) == {_LEGS[n] for n in searches}:
        raise next(iter(search.failed.values()))
    for leg in search.failed:  # half of a leg is none
        for name in (name for name, own in _LEGS.items() if own is leg):
            setattr(search, name, _NOTHING)
    return search


def _summed(terms: Sequence[int], translations: Sequence[int] = ()) -> Sparse:
    """Terms, and translations for less; one that stands there twice counts twice."""
    sums: dict[int, float] = {}
    for some, weight in ((terms, 1.0), (translations, TRANSLATED)):
        for term in some:
            sums[term] = sums.get(term, 0.0) + weight
    return Sparse(np.array(list(sums), np.int64), np.array(list(sums.values()), np.float32))


def _best_passages(found: Found) -> Found:
    """The papers of passages, each as good as its best."""
    # Best first: where a paper comes for the first time, there is its best.
    rows, firsts = np.unique(found.rows >> PLACE_BITS, return_index=True)
    scores = found.scores[firsts]
    order = np.lexsort((rows, -scores))
    return Found(rows[order], scores[order])


def _added(one: Found, other: Found) -> Found:
    """The sums of what two searches say of papers."""
    rows = np.union1d(one.rows, other.rows)
    scores = _spread(rows, [one], 0.0) + _spread(rows, [other], 0.0)
    order = np.lexsort((rows, -scores))
    return Found(rows[order], scores[order])


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


def _spread(rows: Ints, found: Sequence[Found], others: float) -> Floats:
    """The scores of rows, and of those that were not found another: (rows,)."""
    scores = np.full(len(rows), others, np.float32)
    for some in found:
        scores[np.searchsorted(rows, some.rows)] = some.scores
    return scores


def _best_cosines(rows: Ints, passages: Found) -> Floats:
    """The best cosine of papers' passages; what was not found has that of the last: (rows,)."""
    best = np.full(len(rows), passages.scores[-1], np.float32)
    owners = passages.rows >> PLACE_BITS
    places = np.minimum(np.searchsorted(rows, owners), len(rows) - 1)
    there = rows[places] == owners
    np.maximum.at(best, places[there], passages.scores[there])
    return best


def _cosines(
    rows: Ints, found: Sequence[Found], distribution: Distribution | None, vector: Floats
) -> Floats | None:
    """Cosines of papers, standardised; what was not found has that of the last of all."""
    last = _last(found[0])
    if distribution is None or last is None:
        return None
    return distribution.moments(vector).standardise(_spread(rows, found, last))
