"""Reading sources: encodings, bad files, papers that appear twice, places in the file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from index.digests import Problem, Reading, Severity, read_digests, reading
from index.digests.reading import read_file
from index.digests.sources import DigestFile
from index.papers import Paper, Run, Section, Source, locate

HEADING = "### [작은 모델](https://arxiv.org/abs/2407.00001)\n"


def digest(
    day: str = "2024-07-16", text: str = "작은 모델을 제안한다.", about: str = "", number: int = 1
) -> str:
    heading = f"### [작은 모델](https://arxiv.org/abs/2407.{number:05})"
    return f"## Daily Papers ({day})\n\n{heading}\n\n{about}\n\n- {text}\n"


def read(folder: Path, **files: str | bytes) -> Reading:
    for name, content in files.items():
        data = content.encode("utf-8") if isinstance(content, str) else content
        (folder / f"{name}.md").write_bytes(data)
    return read_digests([folder])


def texts(paper: Paper) -> list[str]:
    return [section.text for section in paper.sections]


# Papers that appear twice


def test_papers_come_oldest_first(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        a=digest("2024-07-18", number=1),
        b=digest("2024-07-16", number=2),
        c=digest("2024-07-17", number=3) + digest("2024-07-17", number=4),
    )
    assert [p.id for p in found.papers] == ["2407.00002", "2407.00003", "2407.00004", "2407.00001"]
    assert (found.files, found.entries, found.remarks) == (3, 4, ())


@pytest.mark.parametrize(("older", "newer"), [("a", "b"), ("b", "a")])
def test_a_paper_on_two_days_has_the_newer_text_and_both_dates(
    tmp_path: Path, older: str, newer: str
) -> None:
    files = {
        older: digest("2024-07-16", "먼저 쓴 글.", "Vote: 3\n\nAuthors: 김하나"),
        newer: digest("2024-07-18", "나중에 쓴 글.", "Vote: 0\n\nAuthors: 이두리, +"),
    }
    found = read(tmp_path, **files)
    [paper] = found.papers
    assert texts(paper) == ["나중에 쓴 글."]
    assert (paper.date, paper.dates) == (date(2024, 7, 18), (date(2024, 7, 16), date(2024, 7, 18)))
    assert (paper.votes, paper.authors, paper.more_authors) == (0, ("이두리",), True)
    reason = "2407.00001 stands in 2 digests, the text of 2024-07-18 is taken"
    assert found.remarks == (Problem("b.md", None, reason, Severity.NOTE),)
    assert (found.files, found.entries) == (2, 2)


def test_what_the_newer_digest_does_not_say_is_taken_from_the_older(tmp_path: Path) -> None:
    about = "![](https://example.org/a.png)\n\nVote: 3\n\nAuthors: 김하나, +"
    found = read(tmp_path, a=digest("2024-07-16", about=about), b=digest("2024-07-18", "새 글."))
    [paper] = found.papers
    assert texts(paper) == ["새 글."]
    assert (paper.votes, paper.authors, paper.more_authors) == (3, ("김하나",), True)
    assert paper.thumbnail == "https://example.org/a.png"


def test_a_paper_on_three_days_keeps_three_dates(tmp_path: Path) -> None:
    days = ["2024-07-18", "2024-07-16", "2024-07-17"]
    found = read(tmp_path, **{f"d{i}": digest(day, day) for i, day in enumerate(days)})
    [paper] = found.papers
    assert paper.dates == (date(2024, 7, 16), date(2024, 7, 17), date(2024, 7, 18))
    assert texts(paper) == ["2024-07-18"]


def test_of_a_paper_twice_in_one_day_the_later_text_is_taken(tmp_path: Path) -> None:
    found = read(tmp_path, a=digest(text="첫 글.", about="Vote: 3") + digest(text="둘째 글."))
    [paper] = found.papers
    assert (texts(paper), paper.dates, paper.votes) == (["둘째 글."], (date(2024, 7, 16),), 3)
    reason = "2407.00001 stands twice in the digests of 2024-07-16, the later text is taken"
    assert found.remarks == (Problem("a.md", None, reason, Severity.NOTE),)


def test_a_date_is_newer_than_none(tmp_path: Path) -> None:
    found = read(tmp_path, a=digest(text="오늘 글."), b=HEADING + "- 날 없는 글.\n")
    [paper] = found.papers
    assert (texts(paper), paper.dates) == (["오늘 글."], (date(2024, 7, 16),))


def test_a_paper_twice_without_a_date_is_one(tmp_path: Path) -> None:
    found = read(tmp_path, a=HEADING + "- 첫 글.\n", b=HEADING + "- 둘째 글.\n")
    [paper] = found.papers
    assert (texts(paper), paper.date, paper.dates) == (["둘째 글."], None, ())
    reason = "2407.00001 stands twice in the digests of no date, the later text is taken"
    assert found.notes == (Problem("b.md", None, reason, Severity.NOTE),)
    assert [problem.file for problem in found.problems] == ["a.md", "b.md"]


# Files that can't be read

KOREAN = digest(text="작은 모델을 제안하고 큰 모델과 견준다.")
BAD_FILES: dict[str, tuple[bytes, str]] = {
    "CP949": (
        KOREAN.encode("cp949"),
        "bad.md:3: not UTF-8 (byte 0xc0); it looks like CP949 (EUC-KR), save it as UTF-8",
    ),
    "Latin-1": (
        digest(text="é").replace("작은 모델", "t").encode("latin-1"),
        "bad.md:7: not UTF-8 (byte 0xe9)",
    ),
    "half a character": (
        b"## 2024-07-16\n### [t](http://a.b)\n- \xec\x9e\n",
        "bad.md:3: not UTF-8 (byte 0xec)",
    ),
    "UTF-16": (KOREAN.encode("utf-16"), "bad.md: UTF-16, save it as UTF-8"),
    "UTF-16, big end first": (
        b"\xfe\xff" + KOREAN.encode("utf-16-be"),
        "bad.md: UTF-16, save it as UTF-8",
    ),
    "UTF-16 without a mark": (KOREAN.encode("utf-16-le"), "bad.md:1: a binary file, not text"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "bad.md:3: a binary file, not text"),
    "empty": (b"", "bad.md: an empty file"),
    "blank": (b"\xef\xbb\xbf \r\n\t\n", "bad.md: an empty file"),
}


@pytest.mark.parametrize(("data", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_text_is_reported_and_costs_no_neighbour(
    tmp_path: Path, data: bytes, message: str
) -> None:
    found = read(tmp_path, a=digest(number=1), bad=data, c=digest(number=2))
    assert [str(remark) for remark in found.problems] == [message]
    assert found.notes == ()
    assert [paper.id for paper in found.papers] == ["2407.00001", "2407.00002"]
    assert found.files == 3


@pytest.mark.parametrize("suffix", ["md", "jsonl"])
def test_a_line_of_100_megabytes_costs_no_neighbour(tmp_path: Path, suffix: str) -> None:
    row = '{"id": "%s", "date": "2024-07-16", "sections": [{"text": "작은 글."}]}'
    good = {
        "md": (digest(number=1), "\n" + digest(number=2)),
        "jsonl": (row % "2407.00001" + "\n", "\n" + row % "2407.00002"),
    }
    before, after = good[suffix]
    path = tmp_path / f"a.{suffix}"
    with path.open("wb") as file:
        file.write(before.encode("utf-8"))
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(after.encode("utf-8"))
    found = read_digests([path])
    assert [paper.id for paper in found.papers] == ["2407.00001", "2407.00002"]
    assert all(len(text) < 50 for paper in found.papers for text in texts(paper))
    left_out = {"md": "it is left out", "jsonl": "the paper is left out"}[suffix]
    reason = f"a line of 100,000,000 characters, 1,000,000 are allowed; {left_out}"
    assert found.remarks == (Problem(path.name, before.count("\n") + 1, reason),)


def test_a_file_that_is_too_large_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", len(digest().encode("utf-8")))
    found = read(tmp_path, a=digest(), b=digest(text="한 글자가 더 긴 글이다.", number=2))
    assert [paper.id for paper in found.papers] == ["2407.00001"]
    [problem] = found.problems
    size = (tmp_path / "b.md").stat().st_size
    limit = len(digest().encode("utf-8"))
    assert str(problem) == f"b.md: {size:,} bytes; up to {limit:,} are read"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "b.md").touch(mode=0)
    found = read(tmp_path, a=digest())
    assert [paper.id for paper in found.papers] == ["2407.00001"]
    assert [str(problem) for problem in found.problems] == ["b.md: permission denied"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied"), "b.md: permission denied"),
        (FileNotFoundError(2, "No such file or directory"), "b.md: no such file or directory"),
        (OSError("odd"), "b.md: can't be read"),
    ],
)
def test_a_file_that_the_system_refuses_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, message: str
) -> None:
    read_bytes = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "b.md":
            raise error
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    found = read(tmp_path, a=digest(number=1), b=digest(number=2))
    assert [paper.id for paper in found.papers] == ["2407.00001"]
    assert [str(problem) for problem in found.problems] == [message]


def test_no_sources_are_no_papers() -> None:
    assert read_digests([]) == Reading(0, 0, (), ())


def test_remarks_are_problems_and_notes(tmp_path: Path) -> None:
    found = read(tmp_path, a="여는 말.\n" + digest(about="Vote: 많음"), b=b"\0")
    assert [str(problem) for problem in found.problems] == [
        "a.md:6: votes should be a number or “-”, not “많음”",
        "b.md:1: a binary file, not text",
    ]
    assert [str(note) for note in found.notes] == ["a.md:1: a line outside of any paper"]


def test_progress_is_told_before_all_and_after_each_file(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"{number}.md").write_text(digest(number=number), encoding="utf-8")
    (tmp_path / "2.md").write_bytes(b"")
    told: list[tuple[int, int]] = []
    on_file: Callable[[int, int], None] = lambda done, total: told.append((done, total))  # noqa: E731
    read_digests([tmp_path], on_file)
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


# Places in the file

VERBATIM = ["작은 모델을 제안한다.", "café 😀 한 글", "첫 줄.\n- 둘째 줄.", r"$\beta$ 만큼"]
REWRITTEN = [
    "['하나', '둘은 \\'셋\\'']",
    "{'값': '가', '수': 3}",
    "글 \textit{작다}",
    "첫 줄.\r\n둘째 줄.",
]


def placed(tmp_path: Path, text: str, mark: str) -> tuple[str, Section]:
    whole = mark + digest(text=text, about="Authors: 김하나 😀")
    path = tmp_path / "a.md"
    path.write_text(whole, encoding="utf-8", newline="")
    [paper] = read_digests([path]).papers
    with path.open(encoding="utf-8", newline="") as opened:
        return opened.read(), paper.sections[0]


@pytest.mark.parametrize("text", VERBATIM)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_text_is_the_span_of_the_file(tmp_path: Path, text: str, mark: str) -> None:
    whole, section = placed(tmp_path, text, mark)
    assert section.text == text
    assert whole[section.source.start : section.source.end] == text
    assert section.source.file == "a.md"
    assert section.runs == (Run(0, section.source.start, len(text)),)


@pytest.mark.parametrize("text", REWRITTEN)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_runs_of_a_rewritten_text_are_the_files(tmp_path: Path, text: str, mark: str) -> None:
    whole, section = placed(tmp_path, text, mark)
    assert section.text != text
    assert whole[section.source.start : section.source.end] == text
    for run in section.runs:
        taken = section.text[run.text : run.text + run.length]
        assert whole[run.source : run.source + run.length] == taken


@pytest.mark.parametrize("text", VERBATIM + REWRITTEN)
def test_every_word_is_found_in_the_file(tmp_path: Path, text: str) -> None:
    whole, section = placed(tmp_path, text, "")
    for word in re.finditer(r"[가-힣]+|(?<!\\)\b[^\W\d가-힣]+", section.text):
        place = section.locate(*word.span())
        assert whole[place.start : place.end] == word.group()


def test_text_between_runs_is_located_at_what_stands_between_them() -> None:
    whole = Source("a", 100, 140)
    runs = (Run(2, 110, 3), Run(7, 120, 3))  # a text of 12 characters
    assert locate(runs, whole, 2, 5) == Source("a", 110, 113)
    assert locate(runs, whole, 3, 4) == Source("a", 111, 112)
    assert locate(runs, whole, 5, 7) == Source("a", 113, 120)
    assert locate(runs, whole, 6, 7) == Source("a", 113, 120)
    assert locate(runs, whole, 3, 9) == Source("a", 111, 122)
    assert locate(runs, whole, 0, 1) == Source("a", 100, 110)
    assert locate(runs, whole, 0, 3) == Source("a", 100, 111)
    assert locate(runs, whole, 10, 12) == Source("a", 123, 140)
    assert locate(runs, whole, 0, 12) == Source("a", 100, 140)
    assert locate((), whole, 3, 5) == whole


class TestWhileTheyAreWritten:
    """Somebody writes the digests while they are read."""

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("index.digests.reading._PAUSE_S", 0)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for day in (1, 2, 3):
            _write_day(tmp_path, day, "처음 글이다.")
        return tmp_path

    def _disturb(self, monkeypatch: pytest.MonkeyPatch, change: Callable[[int], None]) -> list[str]:
        """Call `change` with the number of the file that was just read; give what was read."""
        names: list[str] = []

        def read(file: DigestFile) -> tuple[list[Paper], list[Problem]]:
            found = read_file(file)
            names.append(file.name)
            change(len(names))
            return found

        monkeypatch.setattr("index.digests.reading.read_file", read)
        return names

    def test_what_was_changed_is_read_again_and_nothing_else(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def change(number: int) -> None:
            if number == 3:
                _write_day(folder, 1, "나중 글이다. 더 길다.")

        names = self._disturb(monkeypatch, change)
        reading = read_digests([folder])
        assert reading.papers[0].sections[0].text == "나중 글이다. 더 길다."
        assert names == ["2024-05-01.md", "2024-05-02.md", "2024-05-03.md", "2024-05-01.md"]
        assert reading.remarks == ()

    def test_one_that_was_changed_while_it_was_read_itself_is_read_again(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def change(number: int) -> None:
            if number == 2:  # after its bytes were taken, before anybody looks again
                _write_day(folder, 2, "나중 글이다. 더 길다.")

        names = self._disturb(monkeypatch, change)
        reading = read_digests([folder])
        assert reading.papers[1].sections[0].text == "나중 글이다. 더 길다."
        assert names == ["2024-05-01.md", "2024-05-02.md", "2024-05-03.md", "2024-05-02.md"]

    def test_it_waits_a_little_before_it_looks_again(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[float] = []
        monkeypatch.setattr("index.digests.reading._PAUSE_S", 0.5)
        monkeypatch.setattr("index.digests.reading.time.sleep", waited.append)
        read_digests([folder])
        assert waited == []

        def change(number: int) -> None:
            if number < 5:
                _write_day(folder, 1, f"{'길' * number}.")

        self._disturb(monkeypatch, change)
        assert read_digests([folder]).problems == ()
        assert waited == [0.5, 0.5]

    def test_a_file_that_is_moved_is_neither_lost_nor_read_twice(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def change(number: int) -> None:
            if number == 1:  # behind what was listed
                (folder / "2024-05-03.md").rename(folder / "2024-04-30.md")

        self._disturb(monkeypatch, change)
        reading = read_digests([folder])
        assert sorted(paper.id for paper in reading.papers) == [
            f"2405.0000{day}" for day in (1, 2, 3)
        ]
        assert reading.entries == 3
        assert reading.problems == ()

    def test_files_that_come_and_go_are_as_they_are_at_the_end(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def change(number: int) -> None:
            if number == 3:
                (folder / "2024-05-02.md").unlink()
                _write_day(folder, 4, "새 글이다.")

        self._disturb(monkeypatch, change)
        reading = read_digests([folder])
        assert [paper.id for paper in reading.papers] == ["2405.00001", "2405.00003", "2405.00004"]
        assert reading.files == 3
        assert reading.problems == ()

    def test_files_that_never_come_to_rest_are_a_problem(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._disturb(monkeypatch, lambda number: _write_day(folder, 1, f"{'길' * number}."))
        (problem,) = read_digests([folder]).problems
        assert "still being written" in problem.reason

    def test_progress_ends_where_it_should(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def change(number: int) -> None:
            if number == 3:
                _write_day(folder, 1, "나중 글이다. 더 길다.")

        self._disturb(monkeypatch, change)
        seen: list[tuple[int, int]] = []
        read_digests([folder], lambda done, total: seen.append((done, total)))
        assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def _write_day(folder: Path, day: int, text: str) -> None:
    (folder / f"2024-05-{day:02}.md").write_text(
        f"### [Paper {day}](https://arxiv.org/abs/2405.0000{day})\n\n- **What's New**: {text}\n",
        encoding="utf-8",
    )
