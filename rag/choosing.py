"""Which of the papers with the best scores come back: each once, and different ones if wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from index.papers import Paper
from index.scoring import Allowed, Floats
from index.snapshot import Snapshot
from rag.search import best_rows

_POOL = 5  # times as many papers as are wanted are looked at, where they are to be different
_LEAST_POOL = 50
_AT_ONCE = 2  # times as many are put in order at first: few of them are copies


def choose(
    snapshot: Snapshot,
    scores: Floats,
    known: Iterable[int],
    top_k: int,
    allowed: Allowed | None,
    diversity: float = 0.0,
) -> list[int]:
    """The rows of the best papers, best first, none of them twice under two names.

    Args:
        snapshot: Of the papers.
        scores: (papers,).
        known: Rows of papers that don't come back, nor copies of them.
        top_k: How many.
        allowed: What may be found; `None` is all.
        diversity: From 0, by the scores alone, to 1. See `diversify`.
    """
    wanted = max(_LEAST_POOL, _POOL * top_k) if diversity else top_k
    pool = _different(snapshot, scores, known, wanted, allowed)
    if not diversity or len(pool) < 2:
        return pool
    alike = likeness(snapshot, pool)
    return [pool[place] for place in diversify(scores[pool], alike, top_k, diversity)]


def _different(
    snapshot: Snapshot, scores: Floats, known: Iterable[int], wanted: int, allowed: Allowed | None
) -> list[int]:
    met = Met(snapshot)
    for row in known:
        met.add(row)
    most = len(snapshot) if allowed is None else int(allowed.papers.sum())
    looked_at = min(_AT_ONCE * wanted, most)
    while True:
        chosen: list[int] = []
        seen = met.copy()
        for row in best_rows(scores, looked_at, allowed):
            if len(chosen) < wanted and not seen.has(row):
                chosen.append(row)
                seen.add(row)
        if len(chosen) == wanted or looked_at == most:
            return chosen
        looked_at = min(_AT_ONCE * looked_at, most)


class Met:
    """Papers that were met, to tell when one comes again: its copy, or under another id."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._families: set[int] = set()
        self._titled: dict[bytes, list[int]] = {}

    def copy(self) -> Met:
        """The same, to go on from here."""
        other = Met(self._snapshot)
        other._families = set(self._families)
        other._titled = {title: list(rows) for title, rows in self._titled.items()}
        return other

    def add(self, row: int) -> None:
        """Meet a paper."""
        family = self._snapshot.families.get(row)
        if family is not None:
            self._families.add(family)
        self._titled.setdefault(self._title(row), []).append(row)

    def has(self, row: int) -> bool:
        """Whether a paper is a copy of one that was met, or one of them under another id."""
        if self._snapshot.families.get(row, -1) in self._families:
            return True
        return any(self._same(row, other) for other in self._titled.get(self._title(row), ()))

    def _title(self, row: int) -> bytes:
        """What all spellings of a title share, for a quick look."""
        return self._snapshot.lexicon.title_lists.lists.row(row)[:, 0].tobytes()

    def _same(self, row: int, other: int) -> bool:
        return same_paper(self._snapshot.paper(row), self._snapshot.paper(other))


def same_paper(one: Paper, other: Paper) -> bool:
    """Whether two papers are one under two ids: the same title, and no other authors."""
    titles = {_letters(one.title), _letters(other.title)}
    if len(titles) > 1 or titles == {""}:
        return False
    return not (one.authors and other.authors) or bool({*one.authors} & {*other.authors})


def _letters(title: str) -> str:
    return "".join(c for c in title.casefold() if c.isalnum())


def likeness(snapshot: Snapshot, rows: Sequence[int]) -> Floats:
    """How alike some papers are, from 0 to 1: (rows, rows) cosines.

    In the latent space; of the means of their passages' vectors where there is none.
    """
    if snapshot.latent is not None:
        vectors = snapshot.latent.papers[list(rows)]
    else:
        vectors = np.stack([_mean(snapshot, row) for row in rows])
    cosines: Floats = np.clip(vectors @ vectors.T, 0, 1).astype(np.float32)
    return cosines


def _mean(snapshot: Snapshot, row: int) -> Floats:
    own = snapshot.passages_of(row)
    mean = snapshot.vectors.vectors[own.start : own.stop].sum(0)
    unit: Floats = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return unit


def diversify(scores: Floats, alike: Floats, top_k: int, diversity: float) -> Iterator[int]:
    """Choose one by one the place that is best and unlike those before it.

    Maximal marginal relevance: (1 - diversity) times the score, less diversity times the greatest
    likeness to any that was chosen (Carbonell and Goldstein 1998, "The use of MMR, diversity-based
    reranking", with their lambda as 1 - diversity).

    Args:
        scores: (places,), of any scale; they are brought to 0..1, as likeness is.
        alike: (places, places), from 0 to 1.
        top_k: How many.
        diversity: From 0 to 1. Where two are equally good, the earlier place comes first.
    """
    spread = float(scores.max() - scores.min())
    good = (1 - diversity) * ((scores - scores.min()) / (spread or 1.0)).astype(np.float64)
    near, left = np.zeros(len(scores)), np.ones(len(scores), np.bool_)
    for _ in range(min(top_k, len(scores))):
        place = int(np.where(left, good - diversity * near, -np.inf).argmax())
        yield place
        left[place] = False
        near = np.maximum(near, alike[place])
