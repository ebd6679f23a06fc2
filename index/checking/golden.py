"""Golden questions: what a new version has to answer about as well as the live one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.digests.sources import GOLDEN as GOLDEN
from index.digests.sources import find_beside
from index.forgotten import plain_id
from index.fusion import rank
from index.questions import Question
from index.scoring import Floats, Query
from index.snapshot import Snapshot
from index.threads import one_blas_thread

DEPTH = 10
_WORST = 3  # questions that a comparison names
_SHOWN = 80  # characters of each


@dataclass(frozen=True, slots=True)
class GoldenRanks:
    """Where the right papers of a question stand.

    Attributes:
        text: The question.
        ranks: Right paper -> its rank among all papers, from 1; `None` where it is not found.
    """

    text: str
    ranks: Mapping[str, int | None]

    @property
    def recall(self) -> float:
        """The share of the right papers that is among the first ten."""
        return sum(_reciprocal(place) > 0 for place in self.ranks.values()) / len(self.ranks)

    @property
    def reciprocal(self) -> float:
        """One over the rank of the first right paper; 0 beyond the first ten."""
        return max(map(_reciprocal, self.ranks.values()))


@dataclass(frozen=True, slots=True)
class GoldenScore:
    """How well a snapshot answers golden questions, question by question."""

    asked: tuple[GoldenRanks, ...]

    @property
    def questions(self) -> int:
        """How many questions were asked."""
        return len(self.asked)

    @property
    def recall(self) -> float:
        """Mean recall@10; 0 where nothing was asked."""
        return sum(one.recall for one in self.asked) / max(1, len(self.asked))

    @property
    def mrr(self) -> float:
        """Mean reciprocal rank, MRR@10; 0 where nothing was asked."""
        return sum(one.reciprocal for one in self.asked) / max(1, len(self.asked))


def find_golden(sources: Iterable[str | Path], named: Path | None = None) -> list[Path]:
    """The files of golden questions.

    Args:
        sources: Of the digests. Where none is named, every file called GOLDEN counts that lies
            in a directory among them, at any depth, or beside a file.
        named: The one that the settings name; it counts alone, whether it is there or not.
    """
    return [named] if named is not None else find_beside(sources, GOLDEN)


def score_golden(
    snapshot: Snapshot, questions: Sequence[Question], left_out: Collection[str] = ()
) -> GoldenScore:
    """Ask a snapshot golden questions, with the weights that it has learned.

    Args:
        snapshot: To be asked.
        questions: Those that nothing answers are passed over. A paper that the snapshot doesn't
            have is missed.
        left_out: Papers that are missing on purpose: nobody has to find them, and a question
            about no other paper is passed over.

    Raises:
        EncoderError: The snapshot's encoder can't be loaded.
    """
    gone = {plain_id(paper) for paper in left_out}
    asked = []
    with one_blas_thread():
        for question in questions:
            wanted = [
                paper
                for paper, grade in question.relevant.items()
                if grade > 0 and plain_id(paper) not in gone
            ]
            if wanted:
                asked.append(GoldenRanks(question.text, _ranks(snapshot, question.text, wanted)))
    return GoldenScore(tuple(asked))


def compare(before: GoldenScore | None, after: GoldenScore, tolerance: float) -> str | None:
    """Say what is worse than before.

    Args:
        before: Of the live version; `None` where there is none.
        after: Of the new one, asked the same questions.
        tolerance: How much a mean may fall.

    Returns:
        What fell by more, and the questions that fell most; `None` where nothing did.
    """
    if before is None:
        return None
    means = {"recall@10": (before.recall, after.recall), "MRR@10": (before.mrr, after.mrr)}
    fell = [
        f"{name} fell from {old:.3f} to {new:.3f}"
        for name, (old, new) in means.items()
        if old - new > tolerance + 1e-9  # a sum of floats may be off by less
    ]
    if not fell:
        return None
    worst = "; ".join(_worst(before, after))
    return (
        f"golden questions: {' and '.join(fell)} ({after.questions} questions),"
        f" more than the {tolerance:g} allowed; worst: {worst}"
    )


def _ranks(snapshot: Snapshot, text: str, wanted: Iterable[str]) -> dict[str, int | None]:
    scores = _score(snapshot, text)
    rows = {paper: snapshot.row_of(paper) for paper in wanted}
    return {
        paper: None if row is None or scores is None else _rank(scores, row)
        for paper, row in rows.items()
    }


def _score(snapshot: Snapshot, text: str) -> Floats | None:
    """Every paper's score; `None` for what can't be asked."""
    if not any(c.isalnum() for c in text) or any("\ud800" <= c <= "\udfff" for c in text):
        return None
    return rank(snapshot, Query(text), snapshot.learned.weights)


def _rank(scores: Floats, row: int) -> int:
    """The rank of a paper, from 1; of equal ones the newer paper stands first, as in a search."""
    better = np.count_nonzero(scores > scores[row])
    return int(better + np.count_nonzero(scores[row:] == scores[row]))


def _reciprocal(place: int | None) -> float:
    return 0.0 if place is None or place > DEPTH else 1 / place


def _worst(before: GoldenScore, after: GoldenScore) -> list[str]:
    """The questions that fell most, with the paper of each that fell most."""
    fallen = []
    for old, new in zip(before.asked, after.asked, strict=True):
        loss = old.reciprocal - new.reciprocal + old.recall - new.recall
        if loss > 0:
            fallen.append((loss, old, new))
    fallen.sort(key=lambda one: -one[0])
    return [_fall(old, new) for _, old, new in fallen[:_WORST]]


def _fall(old: GoldenRanks, new: GoldenRanks) -> str:
    def loss(paper: str) -> float:
        return _reciprocal(old.ranks[paper]) - _reciprocal(new.ranks[paper])

    paper = max(old.ranks, key=loss)
    now = new.ranks[paper]
    text = old.text if len(old.text) <= _SHOWN else f"{old.text[: _SHOWN - 1]}…"
    return f"“{text}” (paper {paper}) from rank {old.ranks[paper]} to {now or 'none at all'}"
