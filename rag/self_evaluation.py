"""Scores a snapshot on questions that its own corpus asks, with no labels from anybody."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from index.errors import QuestionsError
from index.progress import Progress, Silent
from index.snapshot import Snapshot
from index.trials import Asked, ask_rare_terms, ask_sentences, ask_titles, unseen
from rag.evaluation import DEPTH, RankingScores, known_item_scores
from rag.search import Searcher
from rag.settings import SearchGroup

MOST = 1_000


class Trial(StrEnum):
    """What the corpus asks itself."""

    TITLES = "titles"
    SENTENCES = "sentences"
    RARE_TERMS = "rare terms"


@dataclass(frozen=True, slots=True)
class Questions:
    """One trial's questions, and the snapshot that they are asked of."""

    snapshot: Snapshot
    asked: list[Asked]


@contextmanager
def own_questions(snapshot: Snapshot, most: int = MOST) -> Iterator[dict[Trial, Questions]]:
    """Let the corpus ask itself.

    - titles: the English title of a paper, without the name before its colon, asked of an index
      without any titles. Only papers from whose titles nothing was learned are asked about.
    - sentences: a sentence, asked of an index without the passage that it stands in.
    - rare terms: a few names or numbers that hardly any other paper has.

    Args:
        snapshot: Of the corpus.
        most: How many questions of each kind.

    Yields:
        The questions; the snapshots they are asked of last as long as this context.
    """
    rows = unseen(snapshot)[:most]
    with tempfile.TemporaryDirectory() as folder:
        lacking, sentences = ask_sentences(snapshot, rows, Path(folder))
        yield {
            Trial.TITLES: Questions(snapshot.without_titles(), ask_titles(snapshot, rows)),
            Trial.SENTENCES: Questions(lacking, sentences),
            Trial.RARE_TERMS: Questions(snapshot, ask_rare_terms(snapshot, rows)),
        }


def score_all_own(
    snapshot: Snapshot, settings: SearchGroup, progress: Progress | None = None
) -> dict[Trial, RankingScores]:
    """Let the corpus ask itself everything, and score the replies.

    Raises:
        QuestionsError: The corpus has too few papers to ask about any.
    """
    progress = progress or Silent()
    found = {}
    with own_questions(snapshot) as trials:
        for trial, questions in trials.items():
            if questions.asked:
                progress.stage(trial, len(questions.asked))
                found[trial] = score_own(questions, settings, progress.advance)
    if not found:
        raise QuestionsError("the corpus is too small to ask itself anything; give question files")
    return found


def score_own(
    questions: Questions, settings: SearchGroup, on_question: Callable[[int], None] | None = None
) -> RankingScores:
    """Ask a trial's questions and score the replies: Success@1, R@10 and RR@10."""
    searcher = Searcher(questions.snapshot, settings)
    ranked: list[Sequence[str]] = []
    for one in questions.asked:
        hits = searcher.search(one.text, DEPTH, 0).hits
        ranked.append([hit.paper.id for hit in hits])
        if on_question:
            on_question(1)
    ids = questions.snapshot.ids
    return known_item_scores(ranked, [{ids[one.paper]: 1} for one in questions.asked])
