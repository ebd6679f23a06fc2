"""A question -> the papers of a cluster that may answer it, gathered from the store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from index.ahead import embedded, near_vector
from index.cluster.base import KEY, MOST_FOUND, Condition, Found, Relation, Sparse
from index.cluster.conditions import forgotten_by, papers_with, passages_in
from index.cluster.gathered import Scales
from index.cluster.headings import FILE as HEADINGS
from index.cluster.headings import Headings, read_headings
from index.cluster.reading import Reader
from index.cluster.searching import (
    Searched,
    added,
    best_cosines,
    best_passages,
    cosines,
    least,
    moments_of,
    spread,
    summed,
    waited,
)
from index.cluster.standby import Standby
from index.cluster.telling import tell
from index.cluster.versions import PAPERS, PASSAGES
from index.elsewhere import Asked
from index.errors import ClusterError
from index.forgotten import Forgotten
from index.fusion import first_stage
from index.greatest import top_rows
from index.labels import fold_name
from index.scoring import Dense, Leg, Lexical, Query, is_korean, read_words, share_held
from index.snapshot import Snapshot

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_MARGIN = 1.5  # times as many papers are gathered as the late leg looks at
_ALIKE = {Leg.LEXICAL: "terms", Leg.DENSE: "centre", Leg.LATENT: "latent"}


class Gatherer:
    """Gathers papers for questions from one version. Safe to use from several threads."""

    def __init__(
        self, reader: Reader, threads: ThreadPoolExecutor, standby: Standby | None = None
    ) -> None:
        """Ask nothing yet.

        Args:
            reader: Of the version.
            threads: Where several searches wait for the store at a time.
            standby: Papers for when the store is gone.
        """
        self._standby = standby
        self._reader = reader
        self._base = reader.snapshot(())
        self._threads = threads

    @property
    def snapshot(self) -> Snapshot:
        """A snapshot of the version without papers; it knows where to ask for them.

        It is not kept here: the two would hold each other, and all that was read, until a
        collection finds them.
        """
        return self._reader.snapshot((), elsewhere=self)

    def papers(self, names: Iterable[str]) -> Snapshot:
        """Papers by whatever name; those that are not there are not in it.

        Raises:
            ClusterError: They can't be read.
        """
        names = list(names)
        try:
            return self._reader.snapshot(self._reader.rows_of(names))
        except ClusterError as error:
            if self._standby is None:
                raise
            return self._standby.holding(names, error)

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
        self._reader.fetch(HEADINGS)
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
        found: set[int] = set()
        for condition in forgotten_by(forgotten):
            begin, is_whole = 0, False
            while not is_whole:
                since = Condition(KEY, Relation.AT_LEAST, [begin])
                rows = self._reader.tables.look_up(table, [condition, since], [])
                found.update(int(row[KEY]) for row in rows)
                is_whole = len(rows) < MOST_FOUND
                begin = 0 if is_whole else int(rows[-1][KEY]) + 1
        return sorted(found)

    def gather(self, text: str, asked: Asked, named: Iterable[str] = ()) -> Snapshot:
        """The papers that a search for a text may show; as `Elsewhere` says.

        Raises:
            ClusterError: The store does none of it.
        """
        try:
            return self._gather(text, asked, named)
        except ClusterError as error:
            if self._standby is None:
                raise
            tell(error)
            return self._standby.snapshot(error)

    def _gather(self, text: str, asked: Asked, named: Iterable[str]) -> Snapshot:
        query = Query(text)
        read_words(self._base, query)
        vector = self._embedded(text)
        parted = self._parted(asked)
        by_passage = bool(parted)
        everything = self._search(query, vector, asked, filtered=False, by_passage=by_passage)
        allowed = None
        if asked.conditions or asked.sections:
            allowed = self._search(query, vector, asked, filtered=True, by_passage=by_passage)
        found = everything()
        filtered = None if allowed is None else allowed()
        if filtered is not None and by_passage:
            found.lexical, found.own = filtered.lexical, filtered.own
        failed = found.failed if filtered is None else found.failed | filtered.failed
        scales = self._scales(found, filtered)._replace(failed=failed)
        share = self._share(query, found.own)
        rows = self._best(found, filtered, share, query, vector, asked)
        ordered = np.array(sorted({*rows, *parted, *self._reader.rows_of(named)}), np.int64)
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

    def _parted(self, asked: Asked) -> list[int]:
        """The row of a paper of which some passages may be found and others not, if there is one.

        Where there is none, papers are matched as a whole, as `score_lexical` has it. It is
        gathered, so that it is seen there too.
        """
        names = {fold_name(name) for name in self._reader.known.facts.sections}
        others = sorted(names - {fold_name(name) for name in asked.sections})
        if not asked.sections or not others:
            return []
        wanted = [*asked.conditions, *papers_with(asked.sections), *papers_with(others)]
        # Any will do: what it is compared with makes no difference.
        anything = np.ones(self._reader.known.manifest.dimension, np.float32)
        table = self._reader.table(PAPERS)
        found = self._reader.tables.search(table, _ALIKE[Leg.DENSE], anything, 1, wanted)
        return [int(row) for row in found.rows]

    def _search(
        self,
        query: Query,
        vector: Floats | None,
        asked: Asked,
        *,
        filtered: bool,
        by_passage: bool,
    ) -> Callable[[], Searched]:
        """Begin the searches; what is given back waits for their end.

        Args:
            query: The question.
            vector: Its embedding; `None` where there is none.
            asked: What is looked for.
            filtered: Whether what is found has to be as `asked` says.
            by_passage: Whether words are looked for in passages that may be found, instead of in
                whole papers.
        """
        papers = [*asked.conditions, *papers_with(asked.sections)] if filtered else []
        passages = [*asked.conditions, *passages_in(asked.sections)] if filtered else []
        found: dict[str, Future[Found]] = {}

        def begin(name: str, kind: str, field: str, sought: Floats | Sparse, most: int) -> None:
            table, conditions = self._reader.table(kind), papers if kind == PAPERS else passages
            found[name] = self._threads.submit(
                self._reader.tables.search, table, field, sought, most, conditions
            )

        weights, own = asked.weights, summed(query.terms)
        lexical = bool(weights.lexical or weights.native)
        if lexical and not filtered:
            both = summed([*query.terms, *query.translations])
            begin("passages", PASSAGES, "terms", both, MOST_FOUND)
        if lexical and not by_passage:
            both = summed(query.terms, query.translations)
            begin("lexical", PAPERS, "terms", both, asked.passages if filtered else MOST_FOUND)
            begin("own", PAPERS, "terms", own, 1)
        elif lexical and filtered:
            begin("lexical", PASSAGES, "terms", summed((), query.translations), MOST_FOUND)
            begin("own", PASSAGES, "terms", own, MOST_FOUND)
        if vector is not None and (weights.dense or weights.title):
            begin("dense", PASSAGES, "vector", vector, asked.passages)
            begin("titles", PAPERS, "title", vector, asked.passages)
        latent = self._base.latent
        if weights.latent and latent is not None:
            begin("latent", PAPERS, "latent", latent.space.vector(query.words), asked.passages)

        def wait() -> Searched:
            search = waited(found)
            if by_passage:
                search.own = best_passages(search.own)
                search.lexical = added(search.own, best_passages(search.lexical))
            return search

        return wait

    def _scales(self, found: Searched, filtered: Searched | None) -> Scales:
        facts = self._reader.known.facts
        return Scales(
            moments_of(found.lexical, facts.papers.count),
            moments_of(found.passages, facts.passages.count),
            least(found.dense),
            None if filtered is None else least(filtered.dense),
        )

    def _share(self, query: Query, own: Found) -> float:
        """The share of the question's words that the best paper has, as in `score_lexical`."""
        if not len(own.rows):
            return 0.0
        return share_held(self._reader.snapshot(own.rows[:1]), query.words, 0)

    def _best(
        self,
        found: Searched,
        filtered: Searched | None,
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
            scores = spread(rows, [one.lexical for one in every], 0.0)
            moments = moments_of(found.lexical, known.facts.papers.count)
            standard = scores if moments is None else moments.standardise(scores)
            lexical = Lexical(standard, share, is_korean(query.text))
        if vector is not None and len(found.dense.rows):
            best = best_cosines(rows, found.dense)
            if filtered is not None and len(filtered.dense.rows):
                own = np.isin(rows, filtered.papers)
                best[own] = best_cosines(rows, filtered.dense)[own]
            titles = cosines(rows, [one.titles for one in every], known.facts.titles, vector)
            dense = Dense(known.distribution.moments(vector).standardise(best), titles)
        if self._base.latent is not None and len(found.latent.rows):
            place = self._base.latent.space.vector(query.words)
            latent = cosines(rows, [one.latent for one in every], known.facts.latent, place)
        total = first_stage(weights, lexical, dense, latent)
        if total is None:
            return set(rows.tolist())
        count = math.ceil(_MARGIN * asked.candidates)
        chosen = set(rows[top_rows(total, count)].tolist())
        if filtered is not None:
            places = np.flatnonzero(np.isin(rows, filtered.papers))
            chosen.update(rows[places[top_rows(total[places], count)]].tolist())
        return chosen.union(*(one.first for one in every))
