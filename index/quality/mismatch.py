"""Summaries that don't describe the paper of their title.

A language model that was not given a paper makes up one. Two independent things tell: how well the
title fits the summary, compared with all other summaries of the corpus; and how the summary reads,
since what is made up sounds alike. Nobody has to label anything: summaries whose titles hardly fit
at all are taken as examples of made-up ones, those whose titles fit best as examples of real ones,
and a logistic regression on their vectors learns the difference (co-training, Blum and Mitchell
1998, with one step). Both together decide.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.adapt import without_name
from index.arrays import evenly
from index.fusion import choose_candidates, first_stage
from index.quality.findings import Finding, Flag
from index.quality.style import Style
from index.scoring import (
    Candidates,
    Query,
    score_dense,
    score_late,
    score_lexical,
    share_held,
)
from index.snapshot import Snapshot
from index.threads import one_blas_thread

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

FEWEST = 50  # papers; among fewer no rank says much
EXACT = 20_000  # papers; of more, titles are compared with a sample, which also is learned from
SAMPLE = 10_000  # papers: a share of .06 is told within .005, one of .003 within .001
_BLOCK = 256  # titles compared at once
_ROUNDED = 1e-6  # what a cosine is off by, computed one way or another
_READ = 20_000  # summaries whose vectors are read at once
_DEPTH = 1_000  # passages the dense leg finds
_CANDIDATES = 100  # papers the late leg compares with
# A title that fewer than one summary in 300 fits better is not looked at again.
_CLEAR = 0.003
# Examples to learn from: titles that more than 6% of all summaries fit better.
_UNFIT, _UNFIT_LEAST = 0.06, 12
_UNFIT_LATE, _UNFIT_LEXICAL = -1.0, 1.5  # standard deviations
_EXAMPLES = 30  # of either kind; from fewer nothing is learned
_FOLDS = 5
# What fits counts in standard deviations (docs/decisions.md has how they were chosen).
_LATE, _LEXICAL, _NAMED = 0.7, 0.2, 1.0
_MOST_LEXICAL = 10.0
_NAMED_FROM = 0.5  # the share of a name's words, by rarity, that the text has to have
_MOST_DOUBT = 4.0  # that late interaction and BM25 together can add to what meaning says
_DOUBT, _DOUBT_UNREAD = -3.0, -1.0  # with and without what reading them tells


class Fit(NamedTuple):
    """How a title fits its own summary, beside all others.

    Attributes:
        better: How many other summaries fit it better, by meaning; of many papers about so many.
        dense: Standard deviations of the cosine above all summaries'.
        late: The same of MaxSim, above the summaries nearest to the title.
        lexical: The same of BM25, above all summaries'.
        named: Whether the text has the name before the title's colon; `None` without a colon.
    """

    better: int
    dense: float
    late: float
    lexical: float
    named: bool | None

    @property
    def doubt(self) -> float:
        """The higher, the worse it fits."""
        lexical = min(self.lexical, _MOST_LEXICAL)
        fits = self.dense + _LATE * self.late + _LEXICAL * lexical + _NAMED * bool(self.named)
        return -fits


class Judged(NamedTuple):
    """The mismatches among some papers, and what was learned to see them."""

    findings: list[Finding]
    style: Style | None


def judge_all(snapshot: Snapshot, forms: Collection[str] = ()) -> Judged:
    """Find the mismatches of a corpus, and learn how made-up summaries read.

    Args:
        snapshot: Of the corpus.
        forms: Papers whose summaries are a form or an excuse: those read like no other, and
            their title alone decides.
    """
    if len(snapshot) < FEWEST:
        return Judged([], None)
    papers = len(snapshot)
    rows = np.arange(papers) if papers <= EXACT else evenly(papers, SAMPLE)
    ranks = _ranks(snapshot, rows)
    fits = _fits(snapshot, rows, ranks)
    made_up = np.array([row for row, fit in fits.items() if _is_unfit(fit, papers)], np.int64)
    clear = np.flatnonzero(ranks.better < _CLEAR * papers)
    if len(made_up) < _EXAMPLES or len(clear) < _EXAMPLES:
        style, odds = None, None
    else:
        summaries = _summaries(snapshot, rows)
        style, read = _learn(summaries, np.searchsorted(rows, made_up), clear)
        odds = dict(zip(rows.tolist(), read.tolist(), strict=True))
    findings = _findings(snapshot, fits, odds, forms)
    others = np.setdiff1d(np.arange(papers), rows)
    return Judged([*findings, *judge(snapshot, others, style, forms)], style)


def judge(
    snapshot: Snapshot,
    rows: Sequence[int] | Rows,
    style: Style | None,
    forms: Collection[str] = (),
) -> list[Finding]:
    """Find the mismatches among some papers of a corpus that was judged before.

    Args:
        snapshot: Of all papers.
        rows: Of those that are new.
        style: What `judge_all` learned.
        forms: As in `judge_all`.
    """
    if len(snapshot) < FEWEST or not len(rows):
        return []
    some = np.array(rows, np.int64)
    ranks = _ranks(snapshot, some)
    if style is None:
        return _findings(snapshot, _fits(snapshot, some, ranks), None, forms)
    blocks = (some[begin : begin + _READ] for begin in range(0, len(some), _READ))
    read = np.concatenate([style(_summaries(snapshot, block)) for block in blocks])
    # Most need no second look: whatever it finds, they are real.
    doubtful = read - ranks.standard + _MOST_DOUBT >= _DOUBT
    doubtful |= np.array([snapshot.ids[row] in forms for row in rows])
    ranks = _Ranks(ranks.better[doubtful], ranks.standard[doubtful])
    odds = dict(zip(some[doubtful].tolist(), read[doubtful].tolist(), strict=True))
    return _findings(snapshot, _fits(snapshot, some[doubtful], ranks), odds, forms)


class _Ranks(NamedTuple):
    """How many other summaries fit each title better, and the own one's standard score."""

    better: Rows
    standard: Floats


def _ranks(snapshot: Snapshot, rows: Rows) -> _Ranks:
    if len(snapshot) > EXACT:
        return _sampled_ranks(snapshot, rows)
    better, standard = np.zeros(len(rows), np.int64), np.zeros(len(rows))
    if snapshot.titles is None:
        return _Ranks(better, standard)
    filled = np.unique(snapshot.owners).astype(np.int64)  # a paper may have no passage
    starts = np.searchsorted(snapshot.owners, filled)
    vectors = np.asarray(snapshot.vectors.vectors)
    column = np.full(len(snapshot), -1, np.int64)
    column[filled] = np.arange(len(filled))
    for begin in range(0, len(rows), _BLOCK):
        some = rows[begin : begin + _BLOCK]
        cosines = np.asarray(snapshot.titles)[some] @ vectors.T
        best = np.maximum.reduceat(cosines, starts, axis=1)
        at = np.arange(len(some))
        own = best[at, column[some]]
        part = slice(begin, begin + len(some))
        better[part] = (best > own[:, None]).sum(1)
        standard[part] = (own - best.mean(1)) / np.maximum(best.std(1), 1e-6)
        there = column[some] >= 0
        better[part][~there], standard[part][~there] = 0, 0.0
    return _Ranks(better, standard)


def _sampled_ranks(snapshot: Snapshot, rows: Rows) -> _Ranks:
    """The same, from a sample of all summaries and the own one: the counts are estimates.

    To compare all titles with all summaries would be quadratic: hours for 400,000 papers.
    """
    better, standard = np.zeros(len(rows), np.int64), np.zeros(len(rows))
    if snapshot.titles is None:
        return _Ranks(better, standard)
    filled = np.unique(snapshot.owners)
    sample = filled[evenly(len(filled), SAMPLE)]
    held = snapshot.passages_of_all(sample)
    vectors = snapshot.vectors.vectors[held.values]
    for begin in range(0, len(rows), _BLOCK):
        some = rows[begin : begin + _BLOCK]
        titles = np.asarray(snapshot.titles)[some]
        best = np.maximum.reduceat(titles @ vectors.T, held.offsets[:-1], axis=1)
        own, there = _own(snapshot, some, titles)
        # Of the sample or not, a summary is not compared with itself.
        others = sample != some[:, None]
        beyond = ((best > own[:, None] + _ROUNDED) & others).sum(1)
        part = slice(begin, begin + len(some))
        better[part] = np.round(beyond * ((len(filled) - 1) / np.maximum(others.sum(1), 1)))
        standard[part] = (own - best.mean(1)) / np.maximum(best.std(1), 1e-6)
        better[part][~there], standard[part][~there] = 0, 0.0
    return _Ranks(better, standard)


def _own(
    snapshot: Snapshot, rows: Rows, titles: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The best cosine of each title with its own passages, and whether there are any."""
    held = snapshot.passages_of_all(rows)
    each = np.repeat(titles, held.lengths, axis=0)
    cosines = np.einsum("ij,ij->i", each, snapshot.vectors.vectors[held.values])
    there = held.lengths > 0
    best = np.zeros(len(rows), np.float32)
    if there.any():
        best[there] = np.maximum.reduceat(cosines, held.offsets[:-1][there])
    return best, there


def _fits(snapshot: Snapshot, rows: Rows, ranks: _Ranks) -> dict[int, Fit]:
    """The fits of the titles that are not clearly right."""
    doubtful = np.flatnonzero(ranks.better >= max(_CLEAR * len(snapshot), 1))
    if not len(doubtful):
        return {}
    bare = snapshot.without_titles(latent=False)
    places = zip(rows[doubtful].tolist(), doubtful.tolist(), strict=True)
    with one_blas_thread():
        return {
            row: _fit(bare, row, int(ranks.better[at]), float(ranks.standard[at]))
            for row, at in places
        }


def _fit(bare: Snapshot, row: int, better: int, standard: float) -> Fit:
    title = bare.paper(row).title
    query = Query(without_name(title))
    lexical = score_lexical(bare, query, None)
    dense = score_dense(bare, query, None, _DEPTH)
    scores = first_stage(bare.learned.weights, lexical, dense, None)
    late = 0.0
    if scores is not None:
        others = choose_candidates(scores, None, _CANDIDATES).rows
        both = np.union1d(others, [row])
        found = score_late(bare, query, Candidates(both, np.isin(both, others)), None)
        late = 0.0 if found is None else float(found[np.searchsorted(both, row)])
    name = title.removesuffix(query.text)
    named = None
    if name:
        words = bare.lexicon.words_of_name(name)
        named = share_held(bare, words, row) >= _NAMED_FROM
    return Fit(better, standard, late, float(lexical.scores[row]), named)


def _is_unfit(fit: Fit, papers: int) -> bool:
    """Whether a title hardly fits at all: an example of a made-up summary."""
    return (
        fit.better >= max(_UNFIT * papers, _UNFIT_LEAST)
        and fit.late < _UNFIT_LATE
        and fit.lexical < _UNFIT_LEXICAL
        and not fit.named
    )


def _summaries(snapshot: Snapshot, rows: Rows) -> npt.NDArray[np.float32]:
    """The mean of each paper's passages, brought to length 1: (papers, dimension)."""
    vectors = snapshot.vectors.vectors
    means = np.zeros((len(rows), vectors.shape[1]), np.float32)
    for at, row in enumerate(rows.tolist()):
        passages = snapshot.passages_of(row)
        if len(passages):
            means[at] = vectors[passages.start : passages.stop].mean(0)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = means / np.maximum(lengths, 1e-9)
    return unit


def _learn(summaries: npt.NDArray[np.float32], made_up: Rows, clear: Rows) -> tuple[Style, Floats]:
    """Learn from examples, by their places among the summaries, how made-up ones read.

    Returns:
        What was learned, and the log-odds of every summary: of an example by what was learned
        from the others, since what was learned from itself knows it by heart.
    """
    rows = np.concatenate([made_up, clear])
    sides = np.repeat([1, 0], [len(made_up), len(clear)])
    style = _style(summaries[rows], sides)
    odds = style(summaries)
    folds = np.arange(len(rows)) % _FOLDS
    for fold in range(_FOLDS):
        other = _style(summaries[rows[folds != fold]], sides[folds != fold])
        odds[rows[folds == fold]] = other(summaries[rows[folds == fold]])
    return style, odds


def _style(summaries: npt.NDArray[np.float32], sides: npt.NDArray[np.int64]) -> Style:
    from sklearn.linear_model import LogisticRegression  # a query has no use for it

    model = LogisticRegression(max_iter=500).fit(summaries, sides)
    return Style(model.coef_[0].astype(np.float32), float(model.intercept_[0]))


def _findings(
    snapshot: Snapshot,
    fits: dict[int, Fit],
    odds: dict[int, float] | None,
    forms: Collection[str],
) -> list[Finding]:
    found = []
    for row in sorted(fits):
        fit = fits[row]
        if odds is None:
            doubted = fit.doubt >= _DOUBT_UNREAD and _is_unfit(fit, len(snapshot))
        else:
            doubted = fit.doubt + odds[row] >= _DOUBT
        if doubted or (snapshot.ids[row] in forms and fit.doubt >= _DOUBT_UNREAD):
            title = snapshot.paper(row).title
            evidence = _evidence(title, fit, len(snapshot))
            found.append(Finding(snapshot.ids[row], Flag.SUMMARY_MISMATCH, evidence))
    return found


def _evidence(title: str, fit: Fit, papers: int) -> str:
    better = f"{fit.better:,}"
    if papers > EXACT:
        better = f"about {float(f'{fit.better:.2g}'):,.0f}"
    text = f"{better} of {papers - 1:,} other summaries fit the title better"
    if fit.named is False:
        name = title.removesuffix(without_name(title)).rstrip(": ")
        text += f"; its name “{name}” is not in the text"
    return text
