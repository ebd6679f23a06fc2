"""Which files are read, and by what name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from index.digests import Problem, Severity, read_digests
from index.digests.sources import DigestFile, find_files

DIGEST = """## Daily Papers (2024-07-16)

### [작은 모델](https://arxiv.org/abs/2407.00001)

- 작은 모델을 제안한다.
"""


def write(path: Path, text: str = DIGEST) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def names(*sources: str | Path) -> list[str]:
    """The names of the files of sources that have no problem."""
    files, problems = find_files(sources)
    assert problems == []
    return [file.name for file in files]


def problems(*sources: str | Path) -> list[Problem]:
    files, found = find_files(sources)
    assert files == []
    return found


def test_digests_are_found_by_their_suffix(tmp_path: Path) -> None:
    for name in ("b.md", "a/c.markdown", "a/B.JSONL", "d.ndjson"):
        write(tmp_path / name)
    for name in ("README.txt", "e.json", ".hidden.md", ".git/f.md", "md", "g.md.bak"):
        write(tmp_path / name)
    assert names(tmp_path) == ["a/B.JSONL", "a/c.markdown", "b.md", "d.ndjson"]


def test_names_do_not_depend_on_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "digests"
    write(folder / "2024" / "a.md")
    by_path = read_digests([folder])
    monkeypatch.chdir(tmp_path)
    assert read_digests(["digests"]) == by_path
    assert read_digests(["./digests/"]) == by_path
    monkeypatch.chdir(folder)
    assert read_digests(["."]) == by_path
    assert read_digests([Path("..") / "digests"]) == by_path
    assert by_path.papers[0].sections[0].source.file == "2024/a.md"


def test_the_home_directory_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "digests" / "a.md")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert names("~/digests") == ["a.md"]


def test_files_of_one_name_in_two_directories_are_two(tmp_path: Path) -> None:
    write(tmp_path / "one" / "a.md")
    write(tmp_path / "two" / "a.md", DIGEST.replace("00001", "00002"))
    write(tmp_path / "two" / "b.md", DIGEST.replace("00001", "00003"))
    assert names(tmp_path / "one", tmp_path / "two") == ["b.md", "one/a.md", "two/a.md"]
    reading = read_digests([tmp_path / "one", tmp_path / "two"])
    assert {p.id: p.sections[0].source.file for p in reading.papers} == {
        "2407.00001": "one/a.md",
        "2407.00002": "two/a.md",
        "2407.00003": "b.md",
    }


def test_names_are_as_long_as_it_takes(tmp_path: Path) -> None:
    write(tmp_path / "one" / "x" / "a.md")
    write(tmp_path / "two" / "x" / "a.md")
    write(tmp_path / "three" / "a.md")
    sources = [tmp_path / "one" / "x", tmp_path / "two" / "x", tmp_path / "three" / "a.md"]
    assert names(*sources) == ["one/x/a.md", "three/a.md", "two/x/a.md"]


def test_the_order_of_the_sources_makes_no_difference(tmp_path: Path) -> None:
    one = write(tmp_path / "one" / "a.md")
    two = write(tmp_path / "two" / "a.md", DIGEST.replace("모델", "층"))
    assert read_digests([one, two]) == read_digests([two, one])


@pytest.mark.parametrize("again", ["digests", "digests/a.md", "digests/*.md", "link.md", "hard.md"])
def test_a_file_given_twice_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    path = write(tmp_path / "digests" / "a.md")
    (tmp_path / "link.md").symlink_to(path)
    (tmp_path / "hard.md").hardlink_to(path)
    monkeypatch.chdir(tmp_path)
    assert find_files(["digests", again]) == find_files(["digests"])
    reading = read_digests(["digests", again])
    assert (reading.files, reading.entries, reading.remarks) == (1, 1, ())


def test_a_glob_gives_what_matches(tmp_path: Path) -> None:
    for name in ("2024/a.md", "2024/b.jsonl", "2025/c.md"):
        write(tmp_path / name)
    assert names(str(tmp_path / "*" / "*.md")) == ["a.md", "c.md"]
    assert names(str(tmp_path / "**" / "*.md")) == ["a.md", "c.md"]
    assert names(str(tmp_path / "202[4]")) == ["a.md", "b.jsonl"]


def test_a_file_named_like_a_glob_is_itself(tmp_path: Path) -> None:
    write(tmp_path / "a[1].md")
    write(tmp_path / "a1.md")
    assert names(str(tmp_path / "a[1].md")) == ["a[1].md"]


def test_a_glob_that_matches_nothing_is_reported(tmp_path: Path) -> None:
    source = str(tmp_path / "*.md")
    assert problems(source) == [Problem(source, None, "no file matches")]


def test_a_broken_link_named_like_a_glob_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "*.md").symlink_to("nowhere")
    source = str(tmp_path / "*.md")
    assert problems(source) == [Problem(source, None, "no such file or directory")]


@pytest.mark.parametrize("source", ["missing", "missing.md", "missing/a.md", "\ud800.md"])
def test_a_missing_path_is_reported_and_the_rest_read(tmp_path: Path, source: str) -> None:
    write(tmp_path / "a.md")
    files, [problem] = find_files([tmp_path / source, tmp_path])
    assert [file.name for file in files] == ["a.md"]
    printable = source.replace("\ud800", r"\ud800")
    assert str(problem) == f"{tmp_path / printable}: no such file or directory"


@pytest.mark.parametrize("source", ["", " ", "a\0b.md"])
def test_what_is_no_path_is_reported(source: str) -> None:
    assert problems(source) == [Problem(repr(source), None, "not a path")]


def test_a_name_that_is_too_long_is_reported() -> None:
    assert problems("a" * 300) == [Problem("a" * 300, None, "file name too long")]


def test_a_home_that_nobody_has_is_reported() -> None:
    source = "~nobody-of-this-name/digests"
    assert problems(source) == [Problem(source, None, "no such home directory")]


@pytest.mark.parametrize("name", ["a.txt", "a", "md", "a.md.gz", "a.json"])
def test_a_file_with_another_suffix_is_reported(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    reason = "not a digest by its name (.jsonl, .markdown, .md, .ndjson)"
    assert problems(path) == [Problem(str(path), None, reason)]


def test_an_empty_directory_has_no_files(tmp_path: Path) -> None:
    assert names(tmp_path) == []


def test_a_link_to_a_directory_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "a.md")
    (tmp_path / "digests").mkdir()
    (tmp_path / "digests" / "more").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "digests") == ["more/a.md"]


def test_a_directory_loop_ends_and_is_noted(tmp_path: Path) -> None:
    write(tmp_path / "a.md")
    write(tmp_path / "x" / "b.md")
    (tmp_path / "x" / "up").symlink_to(tmp_path)
    files, found = find_files([tmp_path])
    assert files == [
        DigestFile("a.md", tmp_path / "a.md"),
        DigestFile("x/b.md", tmp_path / "x" / "b.md"),
    ]
    reason = "this folder was read already, by another link to it"
    assert found == [Problem("x/up", None, reason, Severity.NOTE)]


def test_links_to_themselves_and_to_nothing_cost_no_neighbour(tmp_path: Path) -> None:
    write(tmp_path / "a.md")
    (tmp_path / "b").symlink_to(tmp_path / "b")
    (tmp_path / "c.md").symlink_to(tmp_path / "c.md")
    (tmp_path / "d.md").symlink_to("nowhere")
    files, found = find_files([tmp_path])
    assert [file.name for file in files] == ["a.md"]
    assert [str(problem) for problem in found] == [
        "c.md: too many levels of symbolic links",
        "d.md: no such file or directory",
    ]


@pytest.mark.parametrize("by", ["directory", "path", "glob"])
def test_a_pipe_is_reported_and_never_opened(tmp_path: Path, by: str) -> None:
    write(tmp_path / "a.md")
    os.mkfifo(tmp_path / "b.md")
    sources = {"directory": [tmp_path], "path": [tmp_path / "a.md", tmp_path / "b.md"],
               "glob": [tmp_path / "*.md"]}  # fmt: skip
    reading = read_digests(sources[by])
    assert [paper.id for paper in reading.papers] == ["2407.00001"]
    assert reading.remarks == (Problem("b.md", None, "not a regular file"),)


def test_a_directory_named_like_a_digest_is_a_directory(tmp_path: Path) -> None:
    write(tmp_path / "a.md" / "b.md")
    assert names(tmp_path) == ["a.md/b.md"]
    assert names(tmp_path / "a.md") == ["b.md"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "a.md")
    write(tmp_path / "closed" / "b.md")
    (tmp_path / "closed").chmod(0)
    try:
        files, found = find_files([tmp_path])
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert [file.name for file in files] == ["a.md"]
    assert found == [Problem("closed", None, "permission denied")]


def test_a_directory_that_the_system_refuses_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, for root too."""
    write(tmp_path / "a.md")
    write(tmp_path / "closed" / "b.md")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    files, found = find_files([tmp_path])
    assert [file.name for file in files] == ["a.md"]
    assert found == [Problem("closed", None, "permission denied")]


def test_a_name_that_is_not_utf_8_can_be_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xb0\xa1.md")
    try:
        write(tmp_path / name)
    except OSError:
        pytest.skip("the file system allows no such name")
    reading = read_digests([tmp_path])
    assert reading.remarks == ()
    assert reading.papers[0].sections[0].source.file == r"\udcb0\udca1.md"


def test_golden_questions_are_no_digest(tmp_path: Path) -> None:
    write(tmp_path / "a.md")
    for folder in (tmp_path, tmp_path / "2024"):
        write(folder / "golden.jsonl", '{"query": "질문", "paper": "2407.00001"}\n')
        write(folder / "digest.jsonl", "")
    digests = ["2024/digest.jsonl", "a.md", "digest.jsonl"]
    assert names(tmp_path) == digests
    assert names(tmp_path / "golden.jsonl") == []
    assert names(tmp_path / "*.jsonl") == ["digest.jsonl"]
