"""The report of a build: every number against what was read, made and written."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from index.build import Built, build
from index.errors import ChecksFailedError
from index.learned import Facts, Learned
from index.manifest import LAYOUT
from index.plan import Plan
from index.progress import Silent
from index.quality import Finding, Flag
from index.report import Report, Timed
from index.settings import BuildSettings
from index.store import Store

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    folder = tmp_path / "digests"
    folder.mkdir()
    for day in (1, 2, 3):
        _write(folder, day, day)
    return folder


def _write(folder: Path, day: int, paper: int, text: str = "모형을 다룬다") -> None:
    (folder / f"2024-05-0{day}.md").write_text(
        f"### [P{paper}](https://arxiv.org/abs/2405.0000{paper})\n\nAuthors: Author {paper}\n\n"
        f"- **What's New**: {paper}번 논문은 {text}.\n- **Summary**: 끝으로 {paper}번을 줄인다.\n",
        encoding="utf-8",
    )


def _kept(built: Built) -> Report:
    """What is written beside the version, which has to be what the build gave back."""
    report = Report.read(built.folder)
    assert report
    given = asdict(built.report)
    # Only the last few words of a build are not in the file that it publishes.
    for name in ("finished", "seconds", "retired"):
        given[name] = getattr(report, name)
    assert asdict(report) == given
    return report


def test_what_was_read_is_counted(store: Store, digests: Path) -> None:
    _write(digests, 4, 2, "새 글을 말한다")  # stands on two days
    _write(digests, 5, 2, "또 다른 글이다")  # on three
    (digests / "broken.md").write_bytes(b"\xff\xfe\x00")
    report = _kept(build([digests], store))
    assert (report.files, report.entries, report.papers, report.duplicates) == (6, 5, 3, 2)
    assert [problem["file"] for problem in report.problems] == ["broken.md"]
    assert [note["file"] for note in report.notes] == ["2024-05-04.md", "2024-05-05.md"]
    assert report.forgotten == 0


def test_forgotten_papers_count_neither_as_entries_nor_as_duplicates(
    store: Store, digests: Path
) -> None:
    _write(digests, 4, 2)
    store.forgotten.add(["2405.00002"])
    report = _kept(build([digests], store))
    assert (report.entries, report.papers, report.duplicates, report.forgotten) == (2, 2, 0, 1)


def test_sizes_are_those_of_the_files(store: Store, digests: Path) -> None:
    built = build([digests], store)
    sizes = _kept(built).sizes
    on_disk: dict[str, int] = {}
    for path in built.folder.rglob("*"):
        if path.is_file() and path.name not in (LAYOUT.manifest, LAYOUT.report):
            part = path.relative_to(built.folder).parts[0].split(".")[0]
            on_disk[part] = on_disk.get(part, 0) + path.stat().st_size
    total = sum(on_disk.values())
    assert sizes == {**on_disk, "total": total}
    assert total == store.version(built.version).size
    assert {"papers", "vectors", "lexical", "late", "learned", "passages"} <= set(sizes)


def test_a_paper_counts_once_for_each_of_its_flags(store: Store, digests: Path) -> None:
    manifest = store.version(build([digests], store).version).manifest
    findings = [
        Finding("2405.00001", Flag.UNTRANSLATED, "no Korean in the summary"),
        Finding("2405.00001", Flag.TEMPLATE_TEXT, "“TODO”", "What's New", 0, 4),
        Finding("2405.00001", Flag.TEMPLATE_TEXT, "“TODO”", "What's New", 9, 13),
        Finding("2405.00003", Flag.UNTRANSLATED, "no Korean in the summary"),
    ]
    report = Report()
    report.tell_version(manifest, findings)
    assert list(report.flagged.items()) == [("template-text", 1), ("untranslated", 2)]
    assert (report.papers, report.passages) == (3, 6)
    report.tell_version(manifest, ())
    assert report.flagged == {}


def test_what_was_encoded_and_what_changed_are_told(store: Store, digests: Path) -> None:
    first = build([digests], store)
    _write(digests, 2, 2, "다른 글이다")
    _write(digests, 4, 4)
    (digests / "2024-05-01.md").unlink()
    second = build([digests], store)
    report = _kept(second)
    assert (report.passages, report.encoded, report.carried) == (6, 3, 3)
    assert report.plan == Plan(("2405.00004",), ("2405.00002",), ("2405.00001",), 1)
    assert (report.before, report.number) == (first.version, 2)
    assert _kept(first).before is None


def test_a_build_with_nothing_new_tells_the_same_of_the_version(
    store: Store, digests: Path
) -> None:
    first = build([digests], store).report
    again = build([digests], store).report
    for name in ("papers", "passages", "sizes", "flagged", "learned", "duplicates", "files"):
        assert getattr(again, name) == getattr(first, name), name
    assert again.plan == Plan((), (), (), 3)
    assert (again.encoded, again.carried) == (0, 6)


def test_numbers_go_on_whatever_became_of_the_builds(store: Store, digests: Path) -> None:
    settings = BuildSettings(keep=1)
    numbers = [build([digests], store, settings).report.number]
    for day in (1, 2):
        (digests / f"2024-05-0{day}.md").unlink()
    with pytest.raises(ChecksFailedError) as failed:
        build([digests], store, settings)
    aside = Report.read(failed.value.aside)
    assert aside
    assert failed.value.aside.name.startswith("2-")
    numbers.append(aside.number)
    for day in (1, 2, 4):
        _write(digests, day, day)
    numbers.append(build([digests], store, settings).report.number)
    assert numbers == [1, 2, 3]
    assert [one.number for one in store.versions()] == [3]


def test_retention_follows_the_numbers_and_not_the_clock(
    store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for year, text in ((2030, "가"), (2020, "나"), (2025, "다")):
        when = datetime(year, 1, 1, tzinfo=UTC).isoformat()
        monkeypatch.setattr("index.report._now", lambda when=when: when)
        _write(digests, 1, 1, f"{text}라고 말한다")
        made.append(build([digests], store, BuildSettings(keep=2)))
    # By the clock, the second would be the oldest.
    assert made[2].report.retired == [made[0].version]
    assert [one.version for one in store.versions()] == [made[2].version, made[1].version]
    assert [one.built and one.built.year for one in store.versions()] == [2025, 2020]


def test_it_says_when_it_began_and_ended(store: Store, digests: Path) -> None:
    begun = datetime.now(UTC).replace(microsecond=0)
    report = _kept(build([digests], store))
    times = [datetime.fromisoformat(text) for text in (report.started, report.finished)]
    assert begun <= times[0] <= times[1] <= datetime.now(UTC)
    assert report.ended == times[1]
    assert Report(finished="soon").ended is None


def test_every_stage_has_its_seconds(store: Store, digests: Path) -> None:
    seen: list[str] = []

    class Seen(Silent):
        def stage(self, name: str, total: int) -> None:
            seen.append(name)

    built = build([digests], store, progress=Seen())
    assert {"read", "plan", "encode", "write", "check", "publish"} <= set(seen)
    assert list(built.report.seconds) == list(dict.fromkeys(seen))
    assert all(value >= 0 for value in built.report.seconds.values())
    assert list(_kept(built).seconds) == list(built.report.seconds)


class TestTimed:
    """Time by stage, by a clock of our own."""

    @pytest.fixture
    def now(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        clock = [100.0]
        monkeypatch.setattr("index.report.time.perf_counter", lambda: clock[0])
        return clock

    def test_each_stage_has_its_own_and_what_lies_before_counts_for_none(
        self, now: list[float]
    ) -> None:
        timed = Timed(Silent())
        now[0] += 7
        for name, took in (("read", 1.5), ("encode", 2.0), ("read", 0.25)):
            timed.stage(name, 1)
            now[0] += took
        assert timed.seconds() == {"read": 1.75, "encode": 2.0}
        assert timed.seconds() == {"read": 1.75, "encode": 2.0}  # to ask changes nothing
        now[0] += 1
        assert timed.seconds() == {"read": 2.75, "encode": 2.0}
        timed.end()
        now[0] += 9
        assert timed.seconds() == {"read": 2.75, "encode": 2.0}

    def test_progress_is_passed_on(self) -> None:
        told: list[tuple[str, int]] = []

        class Inner:
            def stage(self, name: str, total: int) -> None:
                told.append((name, total))

            def advance(self, steps: int) -> None:
                told.append(("", steps))

        timed = Timed(Inner())
        timed.stage("read", 3)
        timed.advance(2)
        assert told == [("read", 3), ("", 2)]


class TestLearned:
    def test_what_is_known_of_a_corpus_that_has_grown_is_told(self) -> None:
        learned = Learned(facts=Facts(100))
        report = Report()
        report.tell_learned(learned, 100)
        assert (report.relearning_pays, report.learned["papers"]) == (False, 100)
        assert report.learned["map"] is False
        report.tell_learned(learned, 1000)
        assert (report.relearning_pays, report.learned["papers"]) == (True, 100)
