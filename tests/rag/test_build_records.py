"""`nonmun build` keeps a record of itself, for a service to show."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from index.journal import FOLDER, Build, BuildState, Journal
from index.store import Store
from rag import cli

Run = Callable[..., int]


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    folder = tmp_path / "digests"
    folder.mkdir()
    (folder / "2024-05-01.md").write_text(
        "### [A Paper](https://arxiv.org/abs/2405.00001)\n\n- **What's New**: 강화 학습.\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(digests: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `nonmun build` in this process."""

    def run(*words: str) -> int:
        command = ["nonmun", "build", str(digests), "--data", str(data), *words]
        monkeypatch.setattr(sys, "argv", command)
        try:
            cli.main()
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        return 0

    return run


def _only(data: Path) -> Build:
    (build,) = Journal(data / FOLDER).all()
    return build


def test_one_that_is_done_has_its_version_report_and_problems(
    run: Run, digests: Path, data: Path
) -> None:
    (digests / "broken.md").write_text("### no link\n", encoding="utf-8")
    assert run() == 0
    build = _only(data)
    assert (build.state, build.index_version) == (BuildState.DONE, Store(data).live())
    assert build.report
    assert (build.report["papers"], build.report["plan"]["added"]) == (1, ["2405.00001"])
    (problem,) = build.problems
    assert (problem["file"], problem["line"]) == ("broken.md", 1)


def test_one_that_fails_says_what_the_command_says(
    run: Run, digests: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (digests / "broken.md").write_text("### no link\n", encoding="utf-8")
    assert run("--strict") == 1
    build = _only(data)
    assert build.state is BuildState.FAILED
    assert capsys.readouterr().err.endswith(f"nonmun: {build.error}\n")


def test_what_nobody_foresaw_is_recorded_too(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("for the test")

    monkeypatch.setattr("index.build.build", fail)
    with pytest.raises(ZeroDivisionError):
        run()
    assert _only(data).error == "unexpected: ZeroDivisionError: for the test"


def test_a_plan_is_no_build(run: Run, data: Path) -> None:
    assert run("--plan") == 0
    assert not data.exists()


def test_a_second_is_refused_with_the_id_of_the_first(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal(data / FOLDER).begin() as recorder:
        assert run() == 1
        assert capsys.readouterr().err == f"nonmun: build {recorder.build.id} is running\n"
    assert Store(data).live() is None


@pytest.mark.parametrize("name", ["0123456789ab", "../x", ""])
def test_an_id_that_nobody_has_reserved_is_an_error(
    run: Run, data: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--id", name) == 1
    assert f"no build {name!r} waits" in capsys.readouterr().err
    assert Journal(data / FOLDER).all() == []


def test_a_record_that_cannot_be_written_keeps_nobody_from_building(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data.mkdir()
    (data / FOLDER).write_text("a file", encoding="utf-8")
    assert run() == 0
    assert "no record is kept in" in capsys.readouterr().err
    assert Store(data).live()
