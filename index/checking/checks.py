"""What a new version has to pass before it is published."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from index.checking.findable import ask_own_texts
from index.checking.golden import DEPTH, GoldenScore, compare, score_golden
from index.checking.soundness import find_faults
from index.errors import EncoderError
from index.questions import Question
from index.settings import CheckSettings
from index.snapshot import Snapshot
from index.trials import unseen

_TITLES = 1_000
_PASSAGES = 100  # that a title finds, of as many papers as they are of


@dataclass(frozen=True, slots=True)
class GoldenQuality:
    """What came of the golden questions.

    Attributes:
        questions: How many were asked.
        recall: Mean recall@10.
        mrr: Mean reciprocal rank, MRR@10.
        before_recall: That of the live version; `None` where there is none that can be asked.
        before_mrr: The same.
    """

    questions: int
    recall: float
    mrr: float
    before_recall: float | None
    before_mrr: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a version is, for the report; all zeros where nothing could be asked.

    Attributes:
        texts_asked: Passages that were asked for by their own text.
        texts_found: How many of them were found.
        titles_asked: Papers that were asked for by their title, whose vector is compared with
            those of all passages; nothing was learned from these titles.
        titles_mrr: Their MRR@10.
        golden: `None` where no golden question could be asked.
    """

    texts_asked: int = 0
    texts_found: int = 0
    titles_asked: int = 0
    titles_mrr: float = 0.0
    golden: GoldenQuality | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """How good a version is, and what keeps it from being published."""

    quality: Quality
    failures: tuple[str, ...]


def check(
    snapshot: Snapshot,
    live: Snapshot | None,
    settings: CheckSettings,
    golden: Sequence[Question] = (),
    left_out: Collection[str] = (),
) -> Checked:
    """Check a snapshot that was just opened, its checksums compared.

    Args:
        snapshot: To be published.
        live: The one that it would take the place of.
        settings: How far it may fall behind.
        golden: Questions that both are asked.
        left_out: Papers that are missing on purpose.

    Raises:
        EncoderError: An encoder of the snapshot can't be loaded.
    """
    failures = [] if live is None else _too_few(snapshot, live, settings.least_kept, left_out)
    faults = find_faults(snapshot)
    if faults:  # what points nowhere can't be asked
        return Checked(Quality(), (*failures, *faults))
    texts = ask_own_texts(snapshot)
    titles = titles_asked(snapshot)
    after = score_golden(snapshot, golden, left_out)
    before = _before(live, golden, left_out)
    fell = compare(before, after, settings.golden_tolerance)
    quality = Quality(
        texts.texts, texts.found, len(titles), titles_mrr(snapshot, titles), _golden(before, after)
    )
    return Checked(quality, (*failures, *texts.failures, *([fell] if fell else [])))


def titles_asked(snapshot: Snapshot) -> list[int]:
    """The rows of up to 1,000 papers from whose titles nothing was learned."""
    rows = np.unique(snapshot.owners)  # a paper without a passage can't be found
    if snapshot.learned.map is not None:
        rows = np.intersect1d(rows, unseen(snapshot))
    spread = np.linspace(0, len(rows) - 1, min(_TITLES, len(rows)))
    return [int(row) for row in rows[np.round(spread).astype(np.int64)]]


def titles_mrr(snapshot: Snapshot, papers: Sequence[int]) -> float:
    """How well the titles of some papers find them by meaning alone: MRR@10.

    A paper stands where its first passage does; those of the first 100 passages are looked at.
    """
    if snapshot.titles is None or not papers:
        return 0.0
    found = snapshot.vectors.search(snapshot.titles[papers], _PASSAGES)
    total = 0.0
    for paper, owners in zip(papers, snapshot.owners[found.rows].tolist(), strict=True):
        ranked = list(dict.fromkeys(owners))[:DEPTH]
        total += 1 / (ranked.index(paper) + 1) if paper in ranked else 0.0
    return round(total / len(papers), 4)


def _too_few(
    snapshot: Snapshot, live: Snapshot, least: float, left_out: Collection[str]
) -> list[str]:
    on_purpose = len({live.row_of(paper) for paper in left_out} - {None})
    if len(snapshot) >= least * (len(live) - on_purpose):
        return []
    but = f", {on_purpose} of them left out on purpose" if on_purpose else ""
    papers = "paper" if len(snapshot) == 1 else "papers"
    return [
        f"{len(snapshot)} {papers}, the live version has {len(live)}{but}:"
        " is a folder of digests missing? build.least_kept allows fewer"
    ]


def _before(
    live: Snapshot | None, golden: Sequence[Question], left_out: Collection[str]
) -> GoldenScore | None:
    try:
        return None if live is None else score_golden(live, golden, left_out)
    except EncoderError:  # else a version that can't be asked could never be replaced
        return None


def _golden(before: GoldenScore | None, after: GoldenScore) -> GoldenQuality | None:
    if not after.questions:
        return None
    return GoldenQuality(
        after.questions,
        round(after.recall, 4),
        round(after.mrr, 4),
        None if before is None else round(before.recall, 4),
        None if before is None else round(before.mrr, 4),
    )
