"""Legs: ways of scoring every paper for a query, each brought to one scale so that they add up.

Used when a question is asked, and by a build, which learns from the corpus how much each leg
should count.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from index.ahead import near_vector
from index.late import LateQuery
from index.moments import Moments
from index.spans import kept
from index.vectors import Neighbours

if TYPE_CHECKING:
    from index.snapshot import Snapshot

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

_ENOUGH = 5.0  # words that one paper alone has, whose information makes a question specific
_FIFTH = 0.2  # the share of a query's words below which sharing them proves little
_KOREAN = 0.3  # of the letters
TRANSLATED = 0.5  # what a word's translation counts beside the word
_WHOLE = 2 / 3  # the share of the whole paper in the late leg; the rest is its best passage
_NO_TOKEN = -6.0  # standard deviations; where a paper has nothing to compare


class Leg(StrEnum):
    """The legs there are."""

    LEXICAL = "lexical"
    DENSE = "dense"
    LATENT = "latent"
    LATE = "late"
    RERANK = "rerank"  # not one of a build's: only where somebody asks


class Allowed(NamedTuple):
    """What may be found: papers and their passages."""

    papers: Mask
    passages: Mask


class Candidates(NamedTuple):
    """Papers that a slower leg looks at.

    Attributes:
        rows: (candidates,) ascending.
        anyway: (candidates,) which of them would be looked at without filters too.
    """

    rows: Rows
    anyway: Mask


@dataclass(slots=True)
class Query:
    """A query as the legs see it; what a leg that failed did not compute stays empty.

    Attributes:
        text: As it was asked.
        words: Its terms.
        terms: Numbers of those that the corpus has.
        translations: Numbers of terms that the corpus uses for them in another language.
        vector: (dimension,) its embedding.
        moments: How its cosines with all passages are distributed.
        best_cosine: The best cosine of any passage.
        tokens: Its tokens, compared with all centroids.
        late_moments: How the late scores of the candidates' best passages are distributed.
    """

    text: str = ""
    words: list[str] = field(default_factory=list)
    terms: list[int] = field(default_factory=list)
    translations: list[int] = field(default_factory=list)
    vector: Floats | None = None
    moments: Moments | None = None
    best_cosine: float | None = None
    tokens: LateQuery | None = None
    late_moments: Moments | None = None


class Lexical(NamedTuple):
    """What the lexical leg finds.

    Attributes:
        scores: (papers,).
        share: The share of the query's words, weighted by rarity, that the best paper has: the
            more, the more conclusive the leg is. It is low for a question in another language.
        korean: Whether the query is in the language of the papers' text.
    """

    scores: Floats
    share: float
    korean: bool

    @property
    def nativeness(self) -> float:
        """For a query in Korean, how far beyond a fifth the share is: 0 to 1."""
        return max(0.0, (self.share - _FIFTH) / (1 - _FIFTH)) if self.korean else 0.0


class Dense(NamedTuple):
    """What the dense leg finds: by the best passage, and by the title if there is one."""

    scores: Floats
    titles: Floats | None


def score_lexical(snapshot: Snapshot, query: Query, allowed: Allowed | None) -> Lexical:
    """BM25 of every paper, standardised over the corpus: (papers,).

    With a filter on sections a paper is its best passage that passes; else it is matched as a
    whole, with its title.
    """
    read_words(snapshot, query)
    lexicon = snapshot.lexicon
    whole = allowed is None or allowed.papers[snapshot.owners].sum() == allowed.passages.sum()
    score = lexicon.score_papers if whole else lexicon.score_passages
    own, others = score(query.terms), score(query.translations)
    if not whole and allowed is not None:
        own, others = (best_of_papers(snapshot, s * allowed.passages) for s in (own, others))
    scores = own + TRANSLATED * others
    return Lexical(lexicon.standardise(scores), _share(snapshot, query, own), is_korean(query.text))


def read_words(snapshot: Snapshot, query: Query) -> None:
    """Find a query's terms, and those that the corpus uses for them in another language."""
    lexicon = snapshot.lexicon
    query.words = lexicon.words_of(query.text)
    query.terms = lexicon.numbers(query.words)
    names = snapshot.glossary.translations(query.text)
    translated = dict.fromkeys(word for name in names for word in lexicon.words_of_name(name))
    query.translations = lexicon.numbers(word for word in translated if word not in query.words)


def _share(snapshot: Snapshot, query: Query, scores: Floats) -> float:
    """The share of the query's words, weighted by rarity, that the best paper has."""
    return share_held(snapshot, query.words, int(scores.argmax())) if scores.any() else 0.0


def share_held(snapshot: Snapshot, words: Sequence[str], paper: int) -> float:
    """The share of some words, weighted by rarity, that a paper has; 0 of none."""
    different, rarity = set(words), snapshot.lexicon.rarity
    if not different:
        return 0.0
    held = different & snapshot.words_of(paper)
    # Sets have no order, and sums of floats in another order end in another digit.
    return math.fsum(map(rarity, held)) / math.fsum(map(rarity, different))


def score_dense(
    snapshot: Snapshot, query: Query, allowed: Allowed | None, candidates: int
) -> Dense:
    """Each paper's best cosine, standardised by all passages: (papers,).

    Papers beyond the candidates are given the last candidate's score, which none exceeds. What
    may not be found is scored all the same: others are compared with it.
    """
    if query.vector is None:
        near = snapshot.ahead.near(snapshot, query.text, candidates)
        query.vector = near.vector
    else:
        near = near_vector(snapshot, query.vector, candidates)
    query.moments = snapshot.moments(query.vector)
    best = np.zeros(len(snapshot), np.float32)
    query.best_cosine = _best_cosines(snapshot, near.passages, None, best)
    if allowed is not None:
        found = snapshot.vectors.search(query.vector[None], candidates, allowed.passages)
        query.best_cosine = _best_cosines(snapshot, found, allowed, best)
    return Dense(query.moments.standardise(best), near.titles)


def _best_cosines(
    snapshot: Snapshot, found: Neighbours, allowed: Allowed | None, best: Floats
) -> float | None:
    """Put the best cosine of the papers that are allowed into `best`; give the very best."""
    scores, rows = found.scores[0], found.rows[0]
    if not len(rows):
        return None
    best[... if allowed is None else allowed.papers] = found.others(0)
    np.maximum.at(best, snapshot.owners[rows], scores)
    return float(scores[0])


def score_latent(snapshot: Snapshot, query: Query, candidates: int = 1_000) -> Floats | None:
    """Cosines in the latent space, standardised: (papers,); `None` where there is no space.

    Args:
        snapshot: Of the papers.
        query: What is asked.
        candidates: How many papers are told apart, where not all are looked at.
    """
    if snapshot.latent is None:
        return None
    words = query.words or snapshot.lexicon.words_of(query.text)
    return snapshot.latent.index.scores(snapshot.latent.space.vector(words), candidates)


def score_late(
    snapshot: Snapshot, query: Query, candidates: Candidates, allowed: Allowed | None
) -> Floats | None:
    """MaxSim of some papers, standardised over those of them that would be looked at anyway.

    Returns:
        (candidates,); `None` where the snapshot has no tokens.
    """
    if snapshot.late is None:
        return None
    late = snapshot.late
    rows, anyway = candidates
    query.tokens = snapshot.ahead.tokens(snapshot, query.text)
    if query.tokens is None:
        return np.zeros(len(rows), np.float32)
    groups = snapshot.passages_of_all(rows)
    if allowed is not None and not allowed.passages.all():
        # A paper that is filtered out stays whole: others are compared with it.
        others = np.repeat(~allowed.papers[rows], groups.lengths)
        groups = kept(groups, allowed.passages[groups.values] | others)
    titles = None if snapshot.titles is None else rows + len(snapshot.owners)
    found = late.tokens.scores(query.tokens, groups, titles)
    there = found.whole > -1
    measured = there & anyway if (there & anyway).any() else there
    if not there.any():
        return np.zeros(len(rows), np.float32)
    query.late_moments = Moments.of(found.best[measured])
    whole = Moments.of(found.whole[measured]).standardise(found.whole)
    best = query.late_moments.standardise(found.best)
    standard: Floats = np.where(there, _WHOLE * whole + (1 - _WHOLE) * best, _NO_TOKEN)
    return standard.astype(np.float32)


def specificity(snapshot: Snapshot, words: Sequence[str]) -> float:
    """How much a query says, from 0 to 1: the rarities of its different words, added up.

    What a broad question asks for stands in many papers, and no token tells them apart. 1 where
    no words are known: nothing says then that the query is broad.
    """
    if not words:
        return 1.0
    rarest = np.log1p(snapshot.lexicon.papers)
    said = sum(map(snapshot.lexicon.rarity, dict.fromkeys(words)))
    return float(min(1.0, said / (_ENOUGH * max(rarest, 1.0))))


def is_korean(text: str) -> bool:
    """Whether a good part of a text is Korean, between names in Latin letters perhaps."""
    letters = [c for c in unicodedata.normalize("NFC", text) if c.isalpha()]
    return sum("가" <= c <= "힣" for c in letters) > _KOREAN * len(letters)


def best_of_papers(snapshot: Snapshot, scores: Floats) -> Floats:
    """The best score of each paper's passages: (passages,) -> (papers,)."""
    best = np.zeros(len(snapshot), np.float32)
    np.maximum.at(best, snapshot.owners, scores)
    return best
