"""How alike all papers are to some papers or texts, by several legs and what comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from index.fusion import FEEDBACK_FROM
from index.greatest import top_rows
from index.scoring import Floats, Leg, Mask
from index.snapshot import Snapshot
from rag.errors import LegsFailedError
from rag.legs import Legs
from rag.representations import (
    DenseRepresentation,
    LatentRepresentation,
    LexicalRepresentation,
    Named,
    Representation,
    Thing,
    representation_of,
)
from rag.settings import SimilarGroup

_TEMPERATURE = 2.0  # 0 is the greatest score, infinity the mean
_PAPERS_EACH = 50  # that there are for each the feedback is from: of few, the fifth is about else
_AT_ONCE = 32  # things; the scores of each take 4 bytes a paper and leg

T = TypeVar("T")


class Likeness:
    """Scores all papers by how alike they are to things, by all legs that have a weight."""

    def __init__(self, snapshot: Snapshot, settings: SimilarGroup, legs: Legs, trusted: Mask):
        """Open nothing yet.

        Args:
            snapshot: Of the papers.
            settings: What each leg is worth.
            legs: Told how each leg fares; one that fails is left out from then on.
            trusted: (papers,) which papers the feedback may take after.
        """
        self._snapshot, self._settings, self._legs = snapshot, settings, legs
        self._trusted = trusted
        self._openers: dict[Leg, Callable[[], Representation[Any]]] = {}
        if settings.lexical:
            self._openers[Leg.LEXICAL] = lambda: LexicalRepresentation(snapshot)
        if settings.dense:
            self._openers[Leg.DENSE] = lambda: DenseRepresentation(snapshot)
        if settings.latent and snapshot.latent is not None:
            self._openers[Leg.LATENT] = lambda: LatentRepresentation(snapshot)
        self._weights = {
            Leg.LEXICAL: settings.lexical,
            Leg.DENSE: settings.dense,
            Leg.LATENT: settings.latent,
        }

    def scores(self, things: Sequence[Thing], *, feedback: bool) -> Floats:
        """How alike all papers are to any of some things: (papers,).

        A soft maximum over the things, log(mean(exp(s / T))) * T: what is much like one of them
        counts nearly as much as what is a little like all, so that a list of several interests
        serves each.

        Args:
            things: One or more.
            feedback: Whether what is alike to the papers that come first for a thing counts too.

        Raises:
            LegsFailedError: No leg is left.
        """
        if len(things) == 1:
            only: Floats = self._each(things, feedback)[0]
            return only
        total = np.full(len(self._snapshot), -np.inf, np.float32)
        for start in range(0, len(things), _AT_ONCE):
            found = self._each(things[start : start + _AT_ONCE], feedback) / _TEMPERATURE
            total = np.logaddexp(total, np.logaddexp.reduce(found, axis=0))
        soft: Floats = (total - np.float32(np.log(len(things)))) * np.float32(_TEMPERATURE)
        return soft

    def centre(self, leg: Leg, things: Sequence[Thing]) -> Any:
        """A leg's representation of what is between all things; `None` where it is off or fails."""
        if leg not in self._openers:
            return None

        def representation() -> Any:
            opened = self._openers[leg]()
            return opened.centre([representation_of(opened, one) for one in things])

        return self._run(leg, representation)

    def asked(self, things: Sequence[Thing], *, feedback: bool) -> Iterator[tuple[Leg, Any]]:
        """What each leg is asked, as its representation, for each thing.

        Args:
            things: One or more.
            feedback: Whether it is what is between the papers that come first for the thing.
        """
        firsts: list[list[int]] = []
        if feedback:
            scores = self._fused(lambda leg: [representation_of(leg, one) for one in things])
            firsts = self._firsts(scores, things)
        for leg, opener in list(self._openers.items()):
            found = self._run(leg, lambda opener=opener: _representations(opener(), things, firsts))  # type: ignore[misc]
            for one in found or ():
                yield leg, one

    def _each(self, things: Sequence[Thing], feedback: bool) -> Floats:
        """By each of the things: (things, papers)."""
        scores = self._fused(lambda leg: [representation_of(leg, one) for one in things])
        weight = np.float32(self._settings.feedback if feedback else 0)
        first = self._firsts(scores, things) if weight else []
        if not first:
            return scores
        fed = self._fused(lambda leg: [leg.centre([*map(leg.paper, rows)]) for rows in first])
        both = (scores + weight * fed) / (1 + weight)
        return both.astype(np.float32)

    def _firsts(self, scores: Floats, things: Sequence[Thing]) -> list[list[int]]:
        """The papers that come first for each thing; none of any where there are too few."""
        count = min(FEEDBACK_FROM, int(self._trusted.sum()) // _PAPERS_EACH)
        if not count:
            return []
        return [self._first(own, one, count) for own, one in zip(scores, things, strict=True)]

    def _first(self, scores: Floats, thing: Thing, count: int) -> list[int]:
        """The rows of so many papers that come first, ascending, but for the thing itself."""
        allowed = self._trusted.copy()
        if isinstance(thing, Named):
            allowed[thing.row] = False
        rows = np.flatnonzero(allowed)
        return sorted(rows[top_rows(scores[rows], count)].tolist())

    def _fused(self, representations: Callable[[Representation[Any]], list[Any]]) -> Floats:
        total: Floats | None = None
        for leg, opener in list(self._openers.items()):
            found = self._run(leg, lambda opener=opener: _scores(opener(), representations))  # type: ignore[misc]
            if found is not None:
                found *= np.float32(self._weights[leg])
                total = found if total is None else total + found
        if total is None:
            raise LegsFailedError("no leg of the search is working; see the log")
        return np.stack([self._snapshot.standardise(own) for own in total])

    def _run(self, leg: Leg, work: Callable[[], T]) -> T | None:
        found = self._legs.run(leg, work)
        if found is None:
            del self._openers[leg]
        return found


def _scores(
    leg: Representation[Any], representations: Callable[[Representation[Any]], list[Any]]
) -> Floats:
    return leg.scores(representations(leg))


def _representations(
    leg: Representation[Any], things: Sequence[Thing], firsts: Sequence[Sequence[int]]
) -> list[Any]:
    if firsts:
        return [leg.centre([*map(leg.paper, rows)]) for rows in firsts]
    return [representation_of(leg, one) for one in things]
