"""Doubts about summaries in a snapshot: what comes with a paper, and what becomes of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from index.build import build
from index.errors import SnapshotError
from index.manifest import LAYOUT, read_manifest, seal
from index.papers import Paper
from index.quality import Finding, Flag, doubts
from index.quality.findings import read_findings, write_findings
from index.report import Report
from index.settings import BuildOptions
from index.snapshot import Snapshot
from index.store import Store

pytestmark = pytest.mark.usefixtures("quick")

PAPERS = range(1, 9)
NOUNS = ("조약돌", "등대", "나침반", "돛배", "감자", "벽돌", "사다리", "단추", "풍차")
# What every paper of a number says, in place of its own words.
EXCUSE = "죄송하지만 논문의 내용을 요약할 수 없습니다."
ENGLISH = (
    "we propose a method that counts the pebbles by the sound they make and show that it is "
    "better than all others, which are much slower and have to be told what a pebble is."
)
MORE_ENGLISH = (
    "the boats that we have built can sail through the night, since they are steered by what the "
    "keeper of a lighthouse would do, and they do not sink when a storm is near the coast."
)
SAID = {2: EXCUSE, 5: ENGLISH}
FLAGS = {2: (Flag.TEMPLATE_TEXT,), 5: (Flag.UNTRANSLATED,)}


def own_words(number: int) -> str:
    """More than a hundred letters that no other paper has."""
    return " ".join(
        f"{NOUNS[(number * 5 + place) % 9]} {number * 31 + place * place}개를 {place}번 세었다."
        for place in range(12)
    )


def number_of(paper: int) -> str:
    return f"2405.{paper:05}"


def write(folder: Path, paper: int, text: str | None = None) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"2024-05-{paper:02}.md").write_text(
        f"### [A Model of Pebbles {paper}](https://arxiv.org/abs/{number_of(paper)})\n\n"
        f"Authors: Author {paper}\n\n- **What's New**: {text or own_words(paper)}\n",
        encoding="utf-8",
    )


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    for paper in PAPERS:
        write(tmp_path / "digests", paper, SAID.get(paper))
    return tmp_path / "digests"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def flags_of(snapshot: Snapshot) -> dict[int, tuple[str, ...]]:
    papers = (snapshot.paper(row) for row in range(len(snapshot)))
    return {int(paper.id[5:]): paper.flags for paper in papers if paper.flags}


def anew(digests: Path, folder: Path) -> Snapshot:
    """What a full build makes of the same sources."""
    store = Store(folder)
    build([digests], store, options=BuildOptions(full=True))
    return store.open_live()


class TestSnapshot:
    def test_flags_come_with_a_paper(self, store: Store, digests: Path) -> None:
        build([digests], store)
        snapshot = store.open_live()
        assert flags_of(snapshot) == FLAGS
        assert [one.paper for one in snapshot.findings] == [number_of(2), number_of(5)]
        row = snapshot.row_of(number_of(2))
        assert row is not None
        assert snapshot.passage(row).paper == number_of(2)

    def test_flags_do_not_come_with_what_the_digests_have(
        self, store: Store, digests: Path
    ) -> None:
        build([digests], store)
        snapshot = store.open_live()
        papers = snapshot.papers()
        assert all(paper.flags == () for paper in papers)
        assert papers == [replace(snapshot.paper(row), flags=()) for row in range(len(snapshot))]

    def test_a_paper_has_each_flag_once_in_their_order(self, store: Store, digests: Path) -> None:
        built = build([digests], store)
        name = number_of(3)
        write_findings(
            built.folder / LAYOUT.findings,
            [
                Finding(name, Flag.UNTRANSLATED, "one", "What's New", 0, 3),
                Finding(name, Flag.UNTRANSLATED, "two", "What's New", 5, 9),
                Finding(number_of(4), Flag.SUMMARY_MISMATCH, "three"),
                Finding(name, Flag.DUPLICATE_SUMMARY, "four"),
                Finding(name, Flag.UNTRANSLATED, "five", "What's New", 11, 12),
            ],
        )
        snapshot = Snapshot.open_unsealed(built.folder, read_manifest(built.folder))
        assert flags_of(snapshot) == {
            3: ("untranslated", "duplicate-summary"),
            4: ("summary-mismatch",),
        }

    @pytest.mark.parametrize(
        ("flags", "papers"),
        [
            (None, {2, 5}),
            (["template-text"], {2}),
            ([Flag.UNTRANSLATED], {5}),
            (["untranslated", "template-text"], {2, 5}),
            (["summary-mismatch"], set()),
            (["nonsense"], set()),
            ([], set()),
        ],
    )
    def test_papers_with_a_flag_can_be_told(
        self, store: Store, digests: Path, flags: Sequence[str] | None, papers: set[int]
    ) -> None:
        build([digests], store)
        snapshot = store.open_live()
        mask = snapshot.flagged(flags)
        assert mask.shape == (len(PAPERS),)
        assert mask.dtype == bool
        found = {int(snapshot.ids[row][5:]) for row, is_so in enumerate(mask) if is_so}
        assert found == papers

    def test_the_same_papers_without_titles_have_the_same_flags(
        self, store: Store, digests: Path
    ) -> None:
        build([digests], store)
        assert flags_of(store.open_live().without_titles()) == FLAGS


def tampered(built: Path, copy: Path, change: Callable[[list[dict[str, object]]], object]) -> Path:
    """A copy with other findings, sealed as if a build had written them."""
    shutil.copytree(built, copy)
    rows = json.loads((copy / LAYOUT.findings).read_text("utf-8"))
    (copy / LAYOUT.findings).write_text(json.dumps(change(rows)), encoding="utf-8")
    seal(copy, read_manifest(built))
    return copy


class TestBroken:
    @pytest.mark.parametrize(
        "change",
        [
            lambda rows: [{**rows[0], "paper": "2405.77777"}],
            lambda rows: [{**rows[0], "flag": "nonsense"}],
            lambda rows: [{**rows[0], "start": "first"}],
            lambda rows: [{"paper": rows[0]["paper"]}],
            lambda rows: rows[0],
            lambda rows: None,
        ],
        ids=["unknown paper", "unknown flag", "no number", "no flag", "no list", "null"],
    )
    def test_findings_that_make_no_sense_are_refused(
        self,
        store: Store,
        digests: Path,
        tmp_path: Path,
        change: Callable[[list[dict[str, object]]], object],
    ) -> None:
        built = build([digests], store)
        folder = tampered(built.folder, tmp_path / "copy", change)
        with pytest.raises(SnapshotError, match="can't be opened"):
            Snapshot.open(folder)

    def test_a_missing_file_is_named(self, store: Store, digests: Path, tmp_path: Path) -> None:
        built = build([digests], store)
        folder = tampered(built.folder, tmp_path / "copy", lambda rows: rows)
        assert flags_of(Snapshot.open(folder)) == FLAGS
        (folder / LAYOUT.findings).unlink()
        with pytest.raises(SnapshotError, match=r"findings\.json"):
            Snapshot.open(folder)

    def test_what_was_written_is_read(self, tmp_path: Path) -> None:
        findings = (
            Finding("a/b", Flag.TEMPLATE_TEXT, "“\u0001가\ud7a3”\n", "What's New", 3, 9),
            Finding("c", Flag.SUMMARY_MISMATCH, ""),
        )
        path = tmp_path / "findings.json"
        for some in (findings, (), findings[1:]):
            write_findings(path, some)
            assert read_findings(path) == some

    def test_whoever_has_them_open_keeps_what_was_there(self, tmp_path: Path) -> None:
        path = tmp_path / "findings.json"
        write_findings(path, [Finding("a", Flag.TEMPLATE_TEXT, "one")])
        with path.open(encoding="utf-8") as file:
            write_findings(path, [])
            assert "one" in file.read()


class TestBuilds:
    def test_the_report_counts_papers_by_flag(self, store: Store, digests: Path) -> None:
        built = build([digests], store)
        wanted = {"template-text": 1, "untranslated": 1}
        assert built.report.flagged == wanted
        kept = Report.read(built.folder)
        assert kept is not None
        assert kept.flagged == wanted
        assert build([digests], store).report.flagged == wanted  # with nothing new

    def test_a_corrected_summary_loses_its_flag(self, store: Store, digests: Path) -> None:
        build([digests], store)
        write(digests, 2)
        report = build([digests], store).report
        assert flags_of(store.open_live()) == {5: FLAGS[5]}
        assert report.flagged == {"untranslated": 1}

    def test_a_summary_that_gets_worse_is_flagged(self, store: Store, digests: Path) -> None:
        build([digests], store)
        write(digests, 7, EXCUSE)
        write(digests, 9, MORE_ENGLISH)
        build([digests], store)
        assert flags_of(store.open_live()) == {
            **FLAGS,
            7: FLAGS[2],
            9: FLAGS[5],
        }

    def test_a_paper_that_is_gone_is_in_no_finding(self, store: Store, digests: Path) -> None:
        build([digests], store)
        (digests / "2024-05-02.md").unlink()
        built = build([digests], store)
        assert flags_of(store.open_live()) == {5: FLAGS[5]}
        assert number_of(2) not in (built.folder / LAYOUT.findings).read_text("utf-8")

    def test_a_forgotten_paper_is_in_no_finding(self, store: Store, digests: Path) -> None:
        write(digests, 6, own_words(1))  # the same as another
        build([digests], store)
        copied = (Flag.DUPLICATE_SUMMARY,)
        assert flags_of(store.open_live()) == {**FLAGS, 1: copied, 6: copied}
        assert number_of(6) in store.open_live().findings[0].evidence
        store.forgotten.add([number_of(6), number_of(2)])
        built = build([digests], store)
        assert flags_of(store.open_live()) == {5: FLAGS[5]}
        said = (built.folder / LAYOUT.findings).read_text("utf-8")
        assert number_of(6) not in said
        assert number_of(2) not in said

    def test_duplicates_are_looked_for_anew(self, store: Store, digests: Path) -> None:
        build([digests], store)
        write(digests, 9, own_words(4))
        build([digests], store)
        copied = (Flag.DUPLICATE_SUMMARY,)
        # Of an unchanged paper too: only now there is a copy.
        assert flags_of(store.open_live()) == {**FLAGS, 4: copied, 9: copied}
        write(digests, 9)
        build([digests], store)
        assert flags_of(store.open_live()) == FLAGS

    def test_on_top_of_others_it_finds_what_a_full_build_finds(
        self, store: Store, digests: Path, tmp_path: Path
    ) -> None:
        build([digests], store)
        changes: list[tuple[int, str | None]] = [
            (9, own_words(1)),
            (2, None),
            (3, ENGLISH),
            (10, MORE_ENGLISH),
            (9, None),
            (5, own_words(7)),
        ]
        for step, (paper, text) in enumerate(changes):
            write(digests, paper, text)
            build([digests], store)
            full = anew(digests, tmp_path / f"full{step}")
            assert store.open_live().findings == full.findings
            assert flags_of(full)
        (digests / "2024-05-07.md").unlink()
        build([digests], store)
        assert store.open_live().findings == anew(digests, tmp_path / "last").findings

    def test_what_is_known_of_an_unchanged_paper_is_not_found_out_again(
        self, store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build([digests], store)
        read: list[list[str]] = []
        judged: list[list[int]] = []

        def find_templates(papers: Sequence[Paper]) -> list[Finding]:
            read.append([paper.id for paper in papers])
            return []

        def judge(snapshot: Snapshot, rows: Sequence[int], *_: object) -> list[Finding]:
            judged.append([int(snapshot.ids[row][5:]) for row in rows])
            return [Finding(number_of(9), Flag.SUMMARY_MISMATCH, "as it is judged")]

        def judge_all(*_: object) -> None:
            raise AssertionError("nothing is learned")

        for one in (find_templates, judge, judge_all):
            monkeypatch.setattr(doubts, one.__name__, one)
        before = {one.paper: one for one in store.open_live().findings}
        write(digests, 9)
        write(digests, 3, own_words(33))
        build([digests], store)
        assert read == [[number_of(3), number_of(9)]]
        assert judged == [[3, 9]]
        snapshot = store.open_live()
        assert flags_of(snapshot) == {**FLAGS, 9: (Flag.SUMMARY_MISMATCH,)}
        assert [one for one in snapshot.findings if one.paper in before] == [*before.values()]
        # And a mismatch that was found before stays.
        write(digests, 10)
        monkeypatch.setattr(doubts, "judge", lambda *_: [])
        build([digests], store)
        assert flags_of(store.open_live()) == {**FLAGS, 9: (Flag.SUMMARY_MISMATCH,)}

    def test_a_full_build_finds_out_all_anew(
        self, store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build([digests], store)
        monkeypatch.setattr(doubts, "find_templates", lambda _: [])
        write(digests, 9)
        build([digests], store, options=BuildOptions(full=True))
        assert flags_of(store.open_live()) == {5: FLAGS[5]}

    def test_findings_are_a_part_of_the_version(
        self, store: Store, digests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = build([digests], store)
        assert LAYOUT.findings in read_manifest(one.folder).files
        assert build([digests], Store(tmp_path / "other")).version == one.version
        monkeypatch.setattr(doubts, "find_templates", lambda _: [])
        assert build([digests], Store(tmp_path / "third")).version != one.version
