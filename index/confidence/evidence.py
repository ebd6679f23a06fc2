"""What speaks for and against the papers that were found answering a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from index.confidence.names import names_in
from index.lexical import latin_terms
from index.papers import arxiv_numbers
from index.scoring import Query, share_held

if TYPE_CHECKING:
    from index.snapshot import Snapshot

LOOKED_AT = 10  # papers


class Evidence(NamedTuple):
    """What speaks for an answer among the papers that stand first.

    Attributes:
        cosine: The best cosine of any of their passages with the question, by the encoder as
            it comes: what it learns of the corpus draws questions that have no place here
            near as well. `None` where the dense leg did not run.
        tokens: The best MaxSim of any of them; `None` where the late leg did not run.
        absent: How many names the question asks for that no paper here has.
        held: The share of the question's words, by rarity, that the first paper has.
        named: Whether the first paper is one that the question names by its number.
    """

    cosine: float | None
    tokens: float | None
    absent: int
    held: float
    named: bool = False


def gather(snapshot: Snapshot, query: Query, rows: Sequence[int]) -> Evidence:
    """Look at the papers that were found.

    Args:
        snapshot: Of the papers.
        query: As the legs left it.
        rows: Of papers, best first; no more than LOOKED_AT are looked at.
    """
    rows = rows[:LOOKED_AT]
    if not rows:
        return Evidence(None, None, 0, 0.0)
    held = share_held(snapshot, query.words, rows[0])
    return Evidence(
        _cosine(snapshot, query, rows),
        _tokens(snapshot, query, rows),
        absent(snapshot, query.text),
        held,
    )


def absent(snapshot: Snapshot, text: str, without: int | None = None) -> int:
    """How many names of a question no paper has, numbers of papers that are not here included.

    Args:
        snapshot: Of the papers.
        text: Of the question.
        without: The row of a paper that does not count.
    """
    own = set() if without is None else snapshot.words_of(without)
    count = sum(snapshot.row_of(number) is None for number in arxiv_numbers(text))
    for name in names_in(text):
        terms = [term.text for term in latin_terms(name)]
        if not terms:  # a function word
            continue
        whole = max(terms, key=len)
        papers = sum(map(snapshot.lexicon.papers_with, snapshot.lexicon.numbers([whole])))
        count += papers - (whole in own) <= 0
    return count


def _cosine(snapshot: Snapshot, query: Query, rows: Sequence[int]) -> float | None:
    if query.vector is None:
        return None
    passages = [passage for row in rows for passage in snapshot.passages_of(row)]
    vectors = np.vstack([query.vector[None], snapshot.vectors.vectors[passages]])
    if snapshot.learned.map is not None:
        vectors = snapshot.learned.map.undo(vectors)
    return float((vectors[1:] @ vectors[0]).max()) if passages else None


def _tokens(snapshot: Snapshot, query: Query, rows: Sequence[int]) -> float | None:
    late = snapshot.late if query.tokens is not None else None
    if late is None or query.tokens is None:
        return None
    papers = np.array(rows, np.int64)
    groups = snapshot.passages_of_all(papers)
    titles = None if snapshot.titles is None else papers + len(snapshot.owners)
    return float(late.tokens.scores(query.tokens, groups, titles).whole.max())
