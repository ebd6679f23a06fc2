"""Any filters, against papers that are looked at one by one."""

from __future__ import annotations

import json
import unicodedata
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.build import build
from index.labels import fold_name
from index.papers import Paper, paper_id
from index.quality.findings import Flag
from index.snapshot import Snapshot
from index.store import Store
from rag.filters import Filters
from tests.quick_encoder import QuickEncoder

QUICK = settings(derandomize=True, deadline=None, max_examples=150)
THOROUGH = settings(derandomize=True, deadline=None, max_examples=5_000)

FIRST = date(2024, 2, 27)
DAYS = [FIRST + timedelta(days) for days in range(6)]  # a leap day among them
AUTHORS = [
    "Edward J. Hu", "이수진", unicodedata.normalize("NFD", "김민지"), "José García", "STRAẞE",
    "Pat O’Brien", "İpek", "Ｗide", "Ada  Lovelace",
]  # fmt: skip
SECTIONS = ["What's New", "주요 결과", "Summary", unicodedata.normalize("NFD", "한계")]
VOTES = [None, 0, 1, 7, 7, 100, 10**9]


def row(number: int) -> dict[str, object]:
    """A paper; each has other fields, and some have none."""
    named = [AUTHORS[(number + shift) % len(AUTHORS)] for shift in range(number % 4)]
    held = SECTIONS[: 1 + number % 4] if number % 5 else [SECTIONS[-1]]
    return {
        "id": f"2402.{number:05}",
        "title": f"Paper {number}",
        "date": None if number % 7 == 6 else str(DAYS[number % len(DAYS)]),
        "votes": VOTES[number % len(VOTES)],
        "authors": named,
        "sections": [
            {"name": name, "text": f"{name}에 대한 {number}번째 글이다."} for name in held
        ],
    }


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory, quick: QuickEncoder) -> Snapshot:
    """Papers of several days, some of which stand in two digests."""
    folder = tmp_path_factory.mktemp("filters")
    rows = [row(number) for number in range(23)]
    rows += [{**row(number), "date": str(DAYS[-1])} for number in range(0, 23, 4)]
    text = "\n".join(json.dumps(one) for one in rows)
    (folder / "papers.jsonl").write_text(text, encoding="utf-8")
    store = Store(folder / "data")
    build([folder / "papers.jsonl"], store)
    snapshot = store.open_live()
    # As if their summaries were doubted; what doubts them has tests of its own.
    for number, flag in enumerate([*Flag, Flag.UNTRANSLATED]):
        snapshot._flags[number * 3] = (flag,)
    snapshot._flags[0] = (Flag.TEMPLATE_TEXT, Flag.UNTRANSLATED)
    return snapshot


def passes(paper: Paper, filters: Filters) -> bool:
    """Whether a paper passes, whatever its sections are called."""
    since, until = filters.since or date.min, filters.until or date.max
    if (filters.since or filters.until) and not any(since <= day <= until for day in paper.dates):
        return False
    if filters.min_votes is not None and (paper.votes is None or paper.votes < filters.min_votes):
        return False
    named = {fold_name(name) for name in filters.authors}
    if named and not named & {fold_name(name) for name in paper.authors}:
        return False
    if filters.ids and paper.id not in {*filters.ids, *map(paper_id, filters.ids)}:
        return False
    return not set(filters.exclude_flags) & set(paper.flags)


def written_otherwise(name: str) -> st.SearchStrategy[str]:
    """The name as somebody may type it."""
    forms = [
        name, name.upper(), name.lower(), f"  {name.replace(' ', '  ')} ", name.replace("’", "'"),
        unicodedata.normalize("NFD", name), unicodedata.normalize("NFC", name),
    ]  # fmt: skip
    return st.sampled_from(forms)


IDS = st.integers(0, 25).map(lambda number: f"2402.{number:05}")
DAY = st.none() | st.sampled_from(DAYS) | st.dates()
ANY = st.builds(
    Filters,
    since=DAY,
    until=DAY,
    min_votes=st.none() | st.sampled_from([-1, 0, 1, 7, 8]) | st.integers(-5, 10**12),
    authors=st.lists(st.sampled_from(AUTHORS).flatmap(written_otherwise) | st.text(), max_size=3)
    .map(tuple),
    sections=st.lists(st.sampled_from(SECTIONS).flatmap(written_otherwise) | st.text(), max_size=2)
    .map(tuple),
    ids=st.lists(IDS | IDS.map("https://arxiv.org/abs/{}v2".format) | st.text(), max_size=6)
    .map(tuple),
    exclude_flags=st.lists(st.sampled_from([*Flag, "unknown"]), max_size=3).map(tuple),
)  # fmt: skip


def compared(snapshot: Snapshot, examples: settings) -> None:
    every = [snapshot.paper(number) for number in range(len(snapshot))]
    passages = [snapshot.passage(number) for number in range(len(snapshot.owners))]

    @examples
    @given(ANY)
    @example(Filters(min_votes=-1))
    def same(filters: Filters) -> None:
        allowed = filters.apply(snapshot)
        held = [passes(paper, filters) for paper in every]
        wanted = {fold_name(name) for name in filters.sections}
        shown = [
            held[owner] and (not wanted or fold_name(passage.section) in wanted)
            for owner, passage in zip(snapshot.owners, passages, strict=True)
        ]
        if wanted:
            with_section = set(snapshot.owners[np.array(shown, np.bool_)].tolist())
            held = [number in with_section for number in range(len(every))]
        if allowed is None:
            assert all(held)
            assert all(shown)
            return
        assert allowed.papers.tolist() == held
        assert allowed.passages.tolist() == shown

    same()


def test_filters_choose_what_passes_them(papers: Snapshot) -> None:
    compared(papers, QUICK)


@pytest.mark.slow
def test_any_filters_choose_what_passes_them(papers: Snapshot) -> None:
    compared(papers, THOROUGH)
