"""Papers in latent space: learned from some of them, and all of them laid into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged, evenly
from index.columns import allocate
from index.content import Content
from index.lexical import LatentSpace
from index.lexical.latent import TITLE
from index.papers import Paper

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Papers that the space is learned from: of more, some at even distances. 300 dimensions are
# learned from so many as well as from all, and to decompose them takes memory for all their terms.
MOST = 50_000
_AT_ONCE = 4_096  # papers that are laid into it


def learn_latent(
    content: Content, papers: Sequence[Paper], held_out: npt.NDArray[np.bool_] | None = None
) -> LatentSpace | None:
    """Learn the space.

    Args:
        content: Knows the terms of the papers.
        papers: All of them.
        held_out: (papers,) those whose titles say nothing; `None` where all do.

    Returns:
        `None` where there are too few papers or terms to learn anything.
    """
    texts, titles = [], []
    for row in evenly(len(papers), MOST).tolist():
        paper = papers[row]
        texts.append([term for one in content.rows_of(paper) for term in content.terms_of(one)])
        held = held_out is not None and held_out[row]
        titles.append([] if held else content.title_terms(paper.title))
    return LatentSpace.learn(texts, titles)


def lay_papers(
    content: Content, papers: Sequence[Paper], space: LatentSpace, folder: Path | None
) -> Floats:
    """Where papers lie in the latent space: (papers, dimension).

    What lies in the same space in the live snapshot is taken from there.

    Args:
        content: Knows the terms of the papers.
        papers: All of them.
        space: The space.
        folder: Where a large array lies in a file; `None` keeps it in memory.
    """
    vectors: Floats = allocate((len(papers), space.dimension), np.float32, folder)
    live = content.live.latent if content.live is not None else None
    rows = np.full(len(papers), -1, np.int64)
    if live is not None and live.space is space:
        known = map(content.paper_row, papers)
        rows = np.array([-1 if row is None else row for row in known], np.int64)
        for begin in range(0, len(rows), _AT_ONCE):
            own = rows[begin : begin + _AT_ONCE]
            old = np.flatnonzero(own >= 0)
            vectors[begin + old] = live.papers[own[old]]
    new = np.flatnonzero(rows < 0)
    blocks = [new[begin : begin + _AT_ONCE] for begin in range(0, len(new), _AT_ONCE)]
    found = space.lay(_numbers(content, papers, space, blocks))
    for block, laid in zip(blocks, found, strict=True):
        vectors[block] = laid
    return vectors


def _numbers(
    content: Content, papers: Sequence[Paper], space: LatentSpace, blocks: Sequence[Ints]
) -> Iterator[Ragged]:
    """The numbers of the terms of some papers in the space, a block at a time."""
    table = space.table(content.vocabulary.terms)
    for block in blocks:
        titles, passages, owners = [], [], []
        for at, row in enumerate(block.tolist()):
            paper = papers[row]
            own = content.rows_of(paper)
            passages += own
            owners += [at] * len(own)
            titles.append(content.title_row(paper.title))
        text = _joined(content.passage_lists(np.array(passages, np.int64)).blocks())
        title = _joined(content.title_lists(np.array(titles, np.int64)).blocks())
        own_rows = np.repeat(np.array(owners, np.int64), text.lengths)
        title_rows = np.repeat(np.arange(len(block)), title.lengths)
        rows = np.concatenate([own_rows, *[title_rows] * TITLE])
        numbers = table[np.concatenate([text.values[:, 0], *[title.values[:, 0]] * TITLE])]
        kept = numbers >= 0
        rows, numbers = rows[kept], numbers[kept]
        ends = np.cumsum(np.bincount(rows, minlength=len(block)))
        yield Ragged(numbers[np.argsort(rows, kind="stable")], np.concatenate([[0], ends]))


def _joined(blocks: Iterator[Ragged]) -> Ragged:
    whole = next(blocks, None)
    if whole is None:
        return Ragged(np.zeros((0, 3), np.int32), np.zeros(1, np.int64))
    for block in blocks:
        whole = whole.joined(block)
    return whole
