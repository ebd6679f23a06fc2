"""A plan: what counts as a change of a paper, and what does not."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from index.papers import Paper, Run, Section, Source
from index.plan import make_plan

SECTION = Section("What's New", "모형을 다룬다.", Source("a.md", 10, 18), (Run(0, 10, 8),))
PAPER = Paper(
    id="2405.00001",
    title="A Paper",
    url="https://arxiv.org/abs/2405.00001",
    date=dt.date(2024, 5, 2),
    dates=(dt.date(2024, 5, 1), dt.date(2024, 5, 2)),
    votes=3,
    authors=("Ada Byron",),
    more_authors=False,
    thumbnail="https://example.org/a.png",
    sections=(SECTION,),
)
MOVED = replace(SECTION, source=Source("b.md", 20, 28), runs=(Run(0, 20, 8),))


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Another"},
        {"url": "https://arxiv.org/abs/2405.00001v2"},
        {"dates": (dt.date(2024, 5, 2),)},
        {"votes": 4},
        {"votes": None},
        {"authors": ("Ada Byron", "Grace Hopper")},
        {"more_authors": True},
        {"thumbnail": None},
        {"sections": (SECTION, SECTION)},
        {"sections": (replace(SECTION, name="Summary"),)},
        {"sections": (replace(SECTION, text="다른 글이다."),)},
    ],
    ids=str,
)
def test_whatever_a_paper_says_otherwise_is_a_change(change: dict[str, Any]) -> None:
    plan = make_plan([replace(PAPER, **change)], [PAPER])
    assert (plan.added, plan.changed, plan.removed) == ((), (PAPER.id,), ())
    assert plan.unchanged == 0


def test_where_a_paper_says_it_is_none() -> None:
    plan = make_plan([replace(PAPER, sections=(MOVED,))], [PAPER])
    assert (plan.added, plan.changed, plan.removed, plan.unchanged) == ((), (), (), 1)


def test_forgotten_papers_are_not_named_among_those_that_are_gone() -> None:
    live = [replace(PAPER, id=f"2405.0000{number}") for number in range(1, 5)]
    plan = make_plan(live[:1], live, lambda paper: paper.id in ("2405.00001", "2405.00003"))
    assert plan.removed == ("2405.00002", "2405.00004")
    assert plan.unchanged == 1
    assert make_plan(live[:1], live).removed == tuple(paper.id for paper in live[1:])
