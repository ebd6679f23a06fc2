"""Passages that a snapshot reads together are those that it reads one by one."""

from __future__ import annotations

import numpy as np

from index.snapshot import Snapshot


def test_passages_together_are_those_read_one_by_one(snapshot: Snapshot) -> None:
    rows = np.array([5, 0, 41, 41, len(snapshot.owners) - 1])
    papers = [snapshot.paper(int(owner)) for owner in snapshot.owners[rows]]
    wanted = [snapshot.passage(row) for row in rows.tolist()]
    assert snapshot.passages_at(rows, papers) == wanted
    assert all(isinstance(end, int) for one in wanted for _, end in one.sentences)
    assert snapshot.passages_at(rows[:0], []) == []


def test_the_passages_of_papers_are_those_of_each(snapshot: Snapshot) -> None:
    papers = np.array([7, 0, 44, 7])
    found = snapshot.passages_of_all(papers)
    assert [found.row(at).tolist() for at in range(4)] == [
        list(snapshot.passages_of(paper)) for paper in papers.tolist()
    ]
    assert len(snapshot.passages_of_all(papers[:0])) == 0
