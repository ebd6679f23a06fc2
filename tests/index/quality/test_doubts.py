"""All doubts together: what is computed, what is carried over, in which order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from index.papers import Paper
from index.quality import doubts as doubts_module
from index.quality.doubts import Doubts, Known, doubt
from index.quality.findings import Finding, Flag
from index.quality.language import find_untranslated
from index.quality.mismatch import Judged
from index.quality.style import Style
from index.snapshot import Snapshot
from tests.index.quality.made import own_text, paper

LEARNED = Style(np.zeros(2, np.float32), 0.5)
NEW = Style(np.ones(2, np.float32), -0.5)
ENGLISH = (
    "we propose a method that counts the pebbles by the sound they make and show that it is "
    "better than all others, which are much slower and have to be told what a pebble is."
)
EXCUSE = "죄송하지만 논문의 내용을 요약할 수 없습니다."


def mismatch(number: int) -> Finding:
    return Finding(f"2405.{number:05}", Flag.SUMMARY_MISMATCH, "it does not fit")


def duplicate(number: int) -> Finding:
    return Finding(f"2405.{number:05}", Flag.DUPLICATE_SUMMARY, "another has it too")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Style | None]]:
    """Who was asked about: every one of them is said to be a mismatch."""
    asked: list[tuple[list[str], Style | None]] = []

    def judge_all(snapshot: Snapshot, forms: Collection[str]) -> Judged:
        asked.append((list(snapshot.ids), None))
        return Judged([mismatch(int(name[5:])) for name in snapshot.ids], NEW)

    def judge(
        snapshot: Snapshot, rows: Sequence[int], style: Style | None, forms: Collection[str]
    ) -> list[Finding]:
        names = [snapshot.ids[row] for row in rows]
        asked.append((names, style))
        return [mismatch(int(name[5:])) for name in names]

    monkeypatch.setattr(doubts_module, "judge_all", judge_all)
    monkeypatch.setattr(doubts_module, "judge", judge)
    return asked


def snapshot_of(papers: Sequence[Paper]) -> Snapshot:
    learned = SimpleNamespace(style=LEARNED)
    return cast(Snapshot, SimpleNamespace(ids=[one.id for one in papers], learned=learned))


def doubted(
    papers: Sequence[Paper], known: Known | None = None, duplicates: Sequence[Finding] = ()
) -> Doubts:
    return doubt(snapshot_of(papers), papers, lambda: duplicates, known)


def flags(found: Doubts) -> list[tuple[int, str]]:
    return [(int(one.paper[5:]), one.flag.value) for one in found.findings]


Asked = list[tuple[list[str], Style | None]]


class TestAnew:
    def test_every_kind_of_doubt_is_looked_for(self, asked: Asked) -> None:
        papers = [
            paper(1, own_text(1)),
            paper(2, ENGLISH),
            paper(3, EXCUSE),
            paper(4, own_text(4)),
            paper(5, own_text(5)),
        ]
        found = doubted(papers, duplicates=[duplicate(4)])
        assert [flag for flag in flags(found) if flag[1] != "summary-mismatch"] == [
            (2, "untranslated"),
            (3, "template-text"),
            (4, "duplicate-summary"),
        ]
        assert len(found.findings) == len(papers) + 3
        assert asked == [([one.id for one in papers], None)]

    def test_the_style_is_the_new_one(self, asked: Asked) -> None:
        assert doubted([paper(1, own_text(1))]).style is NEW

    def test_they_stand_as_their_papers_do_then_by_flag(self, asked: Asked) -> None:
        papers = [paper(2, EXCUSE), paper(1, EXCUSE)]
        found = doubted(papers, duplicates=[duplicate(2), duplicate(1)])
        each = ["duplicate-summary", "summary-mismatch", "template-text"]
        assert flags(found) == [(number, flag) for number in (1, 2) for flag in each]


class TestKnown:
    PAPERS = (
        paper(1, own_text(1), file="a.md"),
        paper(2, own_text(2), file="b.md"),
        paper(3, own_text(3), file="c.md"),
        paper(4, own_text(4), file="d.md"),
    )
    UNCHANGED = frozenset(one.id for one in PAPERS[:3])

    def test_what_is_known_of_an_unchanged_paper_is_kept(self, asked: Asked) -> None:
        before = [
            mismatch(1),
            Finding("2405.00002", Flag.TEMPLATE_TEXT, "as it was", "What's New", 1, 2),
            Finding("2405.00003", Flag.UNTRANSLATED, "as it was", "What's New", 1, 2),
        ]
        found = doubted(self.PAPERS, Known(before, self.UNCHANGED))
        assert [one for one in found.findings if one.paper in self.UNCHANGED] == before

    def test_only_new_papers_are_judged_by_the_old_style(self, asked: Asked) -> None:
        found = doubted(self.PAPERS, Known([], self.UNCHANGED))
        assert asked == [(["2405.00004"], LEARNED)]
        assert flags(found) == [(4, "summary-mismatch")]
        assert found.style is LEARNED

    def test_the_rows_are_those_of_the_snapshot(self, asked: Asked) -> None:
        unchanged = frozenset({"2405.00001", "2405.00004"})
        doubted(self.PAPERS, Known([], unchanged))
        assert asked[0][0] == ["2405.00002", "2405.00003"]

    def test_what_was_known_of_a_changed_paper_is_forgotten(self, asked: Asked) -> None:
        before = [Finding("2405.00004", Flag.TEMPLATE_TEXT, "old", "What's New", 1, 2)]
        assert flags(doubted(self.PAPERS, Known(before, self.UNCHANGED))) == [
            (4, "summary-mismatch")
        ]

    def test_duplicates_are_those_that_are_found_now(self, asked: Asked) -> None:
        known = Known([duplicate(1), duplicate(2)], self.UNCHANGED)
        found = doubted(self.PAPERS, known, duplicates=[duplicate(2), duplicate(3)])
        assert flags(found) == [
            (2, "duplicate-summary"),
            (3, "duplicate-summary"),
            (4, "summary-mismatch"),
        ]

    def test_a_paper_that_is_gone_is_in_no_finding(self, asked: Asked) -> None:
        known = Known([mismatch(9), mismatch(1)], self.UNCHANGED)
        assert flags(doubted(self.PAPERS, known)) == [
            (1, "summary-mismatch"),
            (4, "summary-mismatch"),
        ]

    def test_templates_are_looked_for_in_new_papers_alone(self, asked: Asked) -> None:
        papers = [paper(1, EXCUSE), paper(2, EXCUSE)]
        found = doubted(papers, Known([], frozenset({papers[0].id})))
        assert flags(found) == [(2, "summary-mismatch"), (2, "template-text")]

    def test_a_new_paper_is_untranslated_beside_old_ones_of_its_digest(self, asked: Asked) -> None:
        old = [paper(number, own_text(number)) for number in range(1, 5)]
        old.append(paper(5, ENGLISH))
        new = paper(6, ENGLISH)
        known = Known([], frozenset(one.id for one in old))
        assert (6, "untranslated") in flags(doubted([*old, new], known))
        assert (5, "untranslated") not in flags(doubted([*old, new], known))

    def test_a_digest_of_its_own_is_told_from_the_language_of_all(self, asked: Asked) -> None:
        new = paper(60, ENGLISH, file="new.md")
        for language, untranslated in ((own_text, True), (lambda _: ENGLISH, False)):
            old = [paper(n, language(n), file=f"{n % 7}.md") for n in range(1, 60)]
            known = Known([], frozenset(one.id for one in old))
            found = flags(doubted([*old, new], known))
            assert ((60, "untranslated") in found) is untranslated
            anew = flags(doubted([*old, new]))
            assert ((60, "untranslated") in anew) is untranslated

    def test_of_very_many_papers_some_are_looked_at(
        self, asked: Asked, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doubts_module, "_COMPANY", 10)
        read: list[int] = []

        def counting(papers: Sequence[Paper]) -> list[Finding]:
            read.append(len(papers))
            return find_untranslated(papers)

        monkeypatch.setattr(doubts_module, "find_untranslated", counting)
        old = [paper(n, own_text(n), file=f"{n}.md") for n in range(1, 100)]
        new = paper(100, ENGLISH, file="new.md")
        known = Known([], frozenset(one.id for one in old))
        assert (100, "untranslated") in flags(doubted([*old, new], known))
        assert read[0] <= 21

    def test_a_paper_without_sections_breaks_nothing(self, asked: Asked) -> None:
        papers = [paper(1), paper(2, own_text(2)), paper(3)]
        found = doubted(papers, Known([mismatch(1)], frozenset({papers[0].id})))
        assert flags(found) == [(n, "summary-mismatch") for n in (1, 3, 2)]
