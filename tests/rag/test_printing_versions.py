"""`nonmun versions` and `nonmun versions VERSION`: every line, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from index.build import build
from index.checking import GoldenQuality, Quality
from index.journal import Build, BuildState
from index.manifest import Manifest
from index.plan import Plan
from index.report import Report
from index.store import Store, Version
from rag import cli
from rag import printing_versions as printing
from rag.service import schemas
from tests.quick_encoder import use_quick_encoder

Capture = pytest.CaptureFixture[str]

GOLDEN = GoldenQuality(40, 0.925, 0.8124, 0.9, 0.8)
QUALITY = Quality(16, 15, 434, 0.4519, GOLDEN)
MANIFEST = Manifest(
    version="0123456789ab",
    format=4,
    papers=4342,
    passages=17_000,
    encoder={},
    fingerprint="quick",
    dimension=32,
    late={},
    late_fingerprint="quick",
    learning={},
    vectors={},
    analysis="1",
    forced=[],
    files={
        "vectors.npy": {"bytes": 30_000_000, "sha256": ""},
        "papers.bin": {"bytes": 4_260_000, "sha256": ""},
    },
)
REPORT = Report(
    number=12,
    started="2024-05-01T10:00:00+00:00",
    finished="2024-05-01T10:01:05+00:00",
    before="ba9876543210",
    files=90,
    entries=4350,
    papers=4342,
    duplicates=8,
    passages=17_000,
    encoded=40,
    carried=16_960,
    plan=Plan(tuple("ab"), ("c",), tuple(map(str, range(1200))), 4339),
    quality=QUALITY,
    sizes={"vectors": 30_000_000, "papers": 4_260_000, "total": 34_260_000},
    seconds={"read": 1.25, "encode": 60.04},
)


def _version(report: Report | None = REPORT, **more: Any) -> Version:
    return Version(MANIFEST.version, True, replace(MANIFEST, **more), report)


def _printed(capsys: Capture, version: Version) -> dict[str, list[str]]:
    """The values that are printed of a version's report, by the name before them."""
    printing.report(version, as_json=False)
    found: dict[str, list[str]] = {}
    for line in capsys.readouterr().out.splitlines():
        found.setdefault(line[:11].strip(), []).append(line[11:])
    return found


class TestReport:
    def test_every_line_says_what_the_build_did(self, capsys: Capture) -> None:
        assert _printed(capsys, _version()) == {
            "version": ["0123456789ab (live)"],
            "built": ["2024-05-01T10:00:00+00:00 to 2024-05-01T10:01:05+00:00, build 12"],
            "before": ["ba9876543210"],
            "read": ["90 files with 4,350 entries, 8 of them of a paper that another has too"],
            "papers": ["4,342 (+2 ~1 -1,200)"],
            "passages": ["17,000 (40 encoded, 16,960 carried over)"],
            "quality": ["own text 15/16, titles .45, golden .81"],
            "golden": ["40 questions: recall@10 .925, MRR@10 .812 (.900 and .800 before)"],
            "seconds": ["61.3 (read 1.2, encode 60.0)"],
            "megabytes": ["34.3 (vectors 30.0, papers 4.3)"],
        }

    def test_what_is_not_usual_has_lines_of_its_own(self, capsys: Capture) -> None:
        report = replace(
            REPORT,
            before=None,
            forgotten=1234,
            flagged={"mismatch": 3, "short": 1100},
            failures=["too few papers", "an own text was not found"],
            forced=True,
            retired=["aaa", "bbb"],
            problems=[{"file": "a.md", "line": 3, "reason": "no link", "severity": "problem"}],
            notes=[{"file": "b.md", "line": None, "reason": "stands twice", "severity": "note"}],
        )
        found = _printed(capsys, replace(_version(report), live=False))
        assert found["version"] == ["0123456789ab"]
        assert found["before"] == ["nothing"]
        assert found["papers"] == ["4,342 (+2 ~1 -1,200), 1,234 forgotten"]
        assert found["flagged"] == ["mismatch 3, short 1,100"]
        assert found["failed"] == ["too few papers", "an own text was not found"]
        assert found["forced"] == ["published all the same, by --force"]
        assert found["deleted"] == ["aaa, bbb"]
        assert found["problem"] == ["a.md:3: no link"]
        assert found["note"] == ["b.md: stands twice"]

    @pytest.mark.parametrize(("count", "more"), [(20, None), (21, "1"), (1520, "1,500")])
    def test_of_many_problems_the_first_are_shown(
        self, capsys: Capture, count: int, more: str | None
    ) -> None:
        problems = [{"file": "a.md", "line": line, "reason": "no link"} for line in range(count)]
        found = _printed(capsys, _version(replace(REPORT, problems=problems)))["problem"]
        assert found[:20] == [f"a.md:{line}: no link" for line in range(20)]
        assert found[20:] == ([f"and {more} more, with --json"] if more else [])

    def test_only_the_largest_parts_are_named(self, capsys: Capture) -> None:
        sizes = {name: number * 1_000_000 for number, name in enumerate("abcdefg", 1)}
        report = replace(REPORT, sizes={**sizes, "total": sum(sizes.values())})
        (line,) = _printed(capsys, _version(report))["megabytes"]
        assert line == "28.0 (g 7.0, f 6.0, e 5.0, d 4.0, c 3.0)"

    @pytest.mark.parametrize(
        ("quality", "expected", "golden"),
        [
            (Quality(4, 4), "own text 4/4", None),
            (Quality(4, 4, 10, 1.0), "own text 4/4, titles 1.0", None),
            (
                Quality(4, 3, golden=GoldenQuality(1, 1.0, 0.5, None, None)),
                "own text 3/4, golden .50",
                "1 question: recall@10 1.00, MRR@10 .500",
            ),
        ],
    )
    def test_quality_is_what_could_be_asked(
        self, capsys: Capture, quality: Quality, expected: str, golden: str | None
    ) -> None:
        found = _printed(capsys, _version(replace(REPORT, quality=quality)))
        assert found["quality"] == [expected]
        assert found.get("golden") == ([golden] if golden else None)

    def test_a_build_that_was_not_checked_tells_no_quality(self, capsys: Capture) -> None:
        found = _printed(capsys, _version(replace(REPORT, quality=None, plan=None)))
        assert "quality" not in found
        assert found["papers"] == ["4,342"]

    def test_a_report_that_cannot_be_read_is_told(self, capsys: Capture) -> None:
        printing.report(_version(None), as_json=False)
        assert capsys.readouterr().out == (
            "version    0123456789ab (live)\nIts report can't be read.\n"
        )
        printing.report(_version(None), as_json=True)
        assert json.loads(capsys.readouterr().out) == {"version": MANIFEST.version}

    def test_json_has_all_of_it(self, capsys: Capture) -> None:
        printing.report(_version(), as_json=True)
        said = json.loads(capsys.readouterr().out)
        assert said.pop("version") == MANIFEST.version
        assert said == json.loads(json.dumps(asdict(REPORT)))


class TestList:
    def test_a_version_is_a_line(self, capsys: Capture) -> None:
        old = replace(
            _version(None, forced=["too few papers"], papers=7), live=False, version="ba9876543210"
        )
        both = replace(_version(forced=["too few papers"]), version="fedcba987654")
        printing.versions([_version(), both, old], None, as_json=False)
        header, *lines = capsys.readouterr().out.splitlines()
        names = ["Version", "Built", "Papers", "Changes", "Size", "Quality"]
        assert header.split() == names
        assert REPORT.ended
        when = REPORT.ended.astimezone().strftime("%Y-%m-%d %H:%M")
        assert [" ".join(line.split()) for line in lines] == [
            f"0123456789ab {when} 4,342 +2 ~1 -1,200 34.3 MB"
            " own text 15/16, titles .45, golden .81 live",
            f"fedcba987654 {when} 4,342 +2 ~1 -1,200 34.3 MB"
            " own text 15/16, titles .45, golden .81 live, forced",
            "ba9876543210 ? 7 ? 34.3 MB ? forced",
        ]
        assert lines[0].index("4,342") + 5 == lines[2].index(" 7 ") + 2  # to the right

    @pytest.mark.parametrize("columns", ["20", "80"])
    def test_a_narrow_terminal_cuts_nothing(
        self, capsys: Capture, monkeypatch: pytest.MonkeyPatch, columns: str
    ) -> None:
        monkeypatch.setenv("COLUMNS", columns)
        printing.versions([_version()], None, as_json=False)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        assert lines[1].rstrip().endswith("golden .81  live")

    @pytest.mark.parametrize(
        ("state", "error", "told"),
        [
            (BuildState.FAILED, "no papers", "failed: no papers"),
            (BuildState.DIED, "it ended without a word", "died: it ended without a word"),
            (BuildState.CANCELLED, None, "was cancelled"),
            (BuildState.DONE, None, None),
            (BuildState.RUNNING, None, None),
        ],
    )
    def test_that_the_last_build_published_nothing_is_told(
        self, capsys: Capture, state: BuildState, error: str | None, told: str | None
    ) -> None:
        started = datetime(2024, 5, 1, 10, 0, tzinfo=UTC)
        last = Build("0" * 12, 3, state, started, error=error)
        when = started.astimezone().strftime("%Y-%m-%d %H:%M")
        for found in ([], [_version()]):
            printing.versions(found, None, as_json=False)
            alone = capsys.readouterr().out
            printing.versions(found, last, as_json=False)
            said = capsys.readouterr().out
            assert said == alone + (f"The last build, of {when}, {told}\n" if told else "")


class TestCommand:
    """With versions that were built."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        use_quick_encoder(monkeypatch)

    @pytest.fixture
    def run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> Callable[..., tuple[int, str, str]]:
        """Runs the command; gives its status and what it printed."""
        monkeypatch.setenv("NONMUN_PROFILE", "")

        def run(*words: str) -> tuple[int, str, str]:
            data = ["--data", str(tmp_path / "data")]
            monkeypatch.setattr("sys.argv", ["nonmun", *words, *data])
            capsys.readouterr()
            status = 0
            try:
                cli.main()
            except SystemExit as stop:
                status = int(stop.code or 0)
            return (status, *capsys.readouterr())

        return run

    @pytest.fixture
    def digests(self, tmp_path: Path) -> Path:
        folder = tmp_path / "digests"
        folder.mkdir()
        (folder / "2024-05-01.md").write_text(
            "### [Paper](https://arxiv.org/abs/2405.00001)\n\n- **Summary**: 모형을 다룬다.\n",
            encoding="utf-8",
        )
        return folder

    def test_the_report_of_a_version_is_printed(
        self, run: Callable[..., tuple[int, str, str]], digests: Path, tmp_path: Path
    ) -> None:
        built = build([digests], Store(tmp_path / "data"))
        status, out, _ = run("versions", built.version)
        assert status == 0
        assert out.splitlines()[0] == f"version    {built.version} (live)"
        assert "papers     1 (+1 ~0 -0)" in out
        assert "passages   1 (1 encoded, 0 carried over)" in out
        assert f"megabytes  {built.report.sizes['total'] / 1e6:.1f} (" in out
        status, out, _ = run("versions", built.version, "--json")
        assert status == 0
        said = json.loads(out)
        assert (said["version"], said["sizes"]) == (built.version, built.report.sizes)
        assert set(said) == {"version", *asdict(Report())}

    def test_a_version_that_is_not_there_is_told(
        self, run: Callable[..., tuple[int, str, str]], digests: Path, tmp_path: Path
    ) -> None:
        built = build([digests], Store(tmp_path / "data"))
        status, out, err = run("versions", "none")
        assert (status, out) == (1, "")
        assert err.startswith("nonmun: no version 'none'")
        assert err.endswith(f"there are: {built.version}\n")

    def test_a_build_that_failed_is_told_in_the_list(
        self, run: Callable[..., tuple[int, str, str]], digests: Path
    ) -> None:
        assert run("build", str(digests))[0] == 0
        assert "The last build" not in run("versions")[1]
        (digests / "2024-05-01.md").unlink()
        assert run("build", str(digests))[0] == 1
        *_, last = run("versions")[1].splitlines()
        assert last.startswith("The last build, of ")
        assert ", failed: no papers in the sources" in run("versions")[1]
        listed = json.loads(run("versions", "--json")[1])
        (version,) = [schemas.Version.model_validate(one) for one in listed]
        assert version.live
        assert version.papers == 1
