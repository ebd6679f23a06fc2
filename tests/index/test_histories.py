"""Whatever happens to the digests, a build on top of others equals a full one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.build import build
from index.errors import ChecksFailedError
from index.report import Report
from index.settings import BuildOptions, BuildSettings, CheckSettings
from index.snapshot import Snapshot
from index.store import Store

pytestmark = pytest.mark.usefixtures("quick")

# A paper of a digest: its number, which title, which text, whether it has a second section.
Entry = tuple[int, int, int, bool]
Digests = dict[int, tuple[Entry, ...]]

TITLES = ["Fast Diffusion", "A Graph of Graphs", "LoRA", "Speech, Again"]
TEXTS = [
    "확산 모형을 빠르게 한다. 단계를 줄인다.",
    "그래프 신경망을 다룬다. GPT-4o와 견준다.",
    "말을 글로 옮긴다. 오류가 줄었다.",
    "대조 학습(contrastive learning)을 쓴다.",
    "두 문단이다.\n\n- 하나를 말한다.\n- 둘을 말한다.",
]
ANYTHING = BuildSettings(checks=CheckSettings(least_kept=0.0))

ENTRY = st.tuples(
    st.integers(1, 6),
    st.integers(0, len(TITLES) - 1),
    st.integers(0, len(TEXTS) - 1),
    st.booleans(),
)
DIGEST = st.lists(ENTRY, min_size=1, max_size=4, unique_by=lambda entry: entry[0]).map(tuple)
# Each step leaves a day alone, writes it anew, or takes its digest away.
STEP = st.dictionaries(st.integers(1, 4), st.one_of(st.none(), DIGEST), min_size=1, max_size=3)


def _write(folder: Path, step: dict[int, tuple[Entry, ...] | None]) -> None:
    for day, entries in step.items():
        path = folder / f"2024-05-{day:02}.md"
        if entries is None:
            path.unlink(missing_ok=True)
            continue
        papers = []
        for number, title, text, again in entries:
            second = "- **Technical Details**: 모두에게 같은 글이다.\n" if again else ""
            papers.append(
                f"### [{TITLES[title]}](https://arxiv.org/abs/2405.0000{number})\n\n"
                f"- **What's New**: {TEXTS[text]}\n{second}"
            )
        path.write_text("\n".join(papers), encoding="utf-8")


def _contents(snapshot: Snapshot) -> dict[str, object]:
    passages = range(snapshot.manifest.passages)
    tokens = snapshot.token_texts
    assert tokens is not None
    return {
        "papers": [snapshot.paper(row) for row in range(len(snapshot))],
        "passages": [snapshot.passage(row) for row in passages],
        "terms": [list(snapshot.lexicon.passage_terms(row)) for row in passages],
        "titles": [snapshot.lexicon.title_terms(row) for row in range(len(snapshot))],
        "names": [snapshot.lexicon.name_lists.words(row) for row in range(len(snapshot))],
        "glossary": snapshot.glossary.entries,
        "tokens": [tokens.row(row)[:, 1:].tolist() for row in range(len(tokens))],
    }


def _bm25(snapshot: Snapshot) -> list[list[float]]:
    numbers = [snapshot.lexicon.numbers([word]) for word in ("확산", "gpt", "2405.00001", "lora")]
    return [snapshot.lexicon.score_papers(one).tolist() for one in numbers]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=DIGEST, steps=st.lists(STEP, min_size=1, max_size=4))
def test_a_history_of_edits_ends_where_a_full_build_does(
    first: tuple[Entry, ...], steps: list[dict[int, tuple[Entry, ...] | None]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, step, full = Path(name, "digests"), Path(name, "step"), Path(name, "full")
        folder.mkdir()
        # One digest stays, so that there always is a paper.
        _write(folder, {9: ((9, 0, 0, False),), 1: first})
        build([folder], Store(step), ANYTHING)
        for change in steps:
            _write(folder, change)
            built = build([folder], Store(step), ANYTHING)
            plan = built.report.plan
            assert plan is not None
            assert len(plan.added) + len(plan.changed) + plan.unchanged == built.report.papers
        build([folder], Store(full), ANYTHING)
        one, other = Store(step).open_live(), Store(full).open_live()
        assert _contents(one) == _contents(other)
        assert _bm25(one) == _bm25(other)
        np.testing.assert_array_equal(one.vectors.vectors, other.vectors.vectors)
        assert one.titles is not None
        np.testing.assert_array_equal(one.titles, other.titles)


@settings(max_examples=6, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=3))
def test_kept_missing_papers_are_those_of_every_build(
    steps: list[dict[int, tuple[Entry, ...] | None]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name, "digests"), Path(name, "data")
        folder.mkdir()
        seen = {"2405.00009"}
        _write(folder, {9: ((9, 0, 0, False),)})
        for change in [{}, *steps]:
            _write(folder, change)
            seen |= {f"2405.0000{e[0]}" for entries in change.values() for e in entries or ()}
            build([folder], Store(data), ANYTHING, BuildOptions(keep_missing=True))
        assert set(Store(data).open_live().ids) == seen


def test_a_build_that_loses_most_papers_is_kept_aside(tmp_path: Path) -> None:
    folder = tmp_path / "digests"
    folder.mkdir()
    _write(folder, {day: ((day, 0, day, False),) for day in range(1, 5)})
    store = Store(tmp_path / "data")
    first = build([folder], store)
    _write(folder, {1: None, 2: None, 3: None})
    with pytest.raises(ChecksFailedError, match="the live version has 4"):
        build([folder], store)
    assert store.live() == first.version
    (aside,) = (store.folder / "failed").iterdir()
    report = Report.read(aside)
    assert report
    assert (report.papers, report.forced, len(report.failures)) == (1, False, 1)
    forced = build([folder], store, options=BuildOptions(force=True))
    assert store.live() == forced.version
    assert store.open_live().manifest.forced == report.failures
    assert forced.report.forced
