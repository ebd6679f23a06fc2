"""`nonmun similar --from`: what is new for a reading list, as mail."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from index.build import build
from index.settings import BuildSettings
from index.store import Store
from rag.service.schemas import SimilarReply
from tests.quick_encoder import use_quick_encoder
from tests.rag.test_cli import Run
from tests.rag.tiny import number, write_digest

TODAY = date.today()
OLD = [
    ("Grading Pebbles by Sound", "조약돌을 소리로 나누는 장치입니다."),
    ("Baking Bread at Sea", "바다 위에서 빵을 굽는 온도를 비교합니다."),
]
NEW = [
    *OLD,
    ("Grading Gravel by Echo", "조약돌을 메아리로 나누는 장치이고 소리도 씁니다."),
    ("Rye Bread on Ships", "빵을 배에서 굽고 온도를 재며 호밀을 씁니다."),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two papers of long ago, which are on the list, and two of yesterday."""
    folder = tmp_path_factory.mktemp("recommending")
    write_digest(folder / "digests", OLD, "2024-01-01.md")
    path = write_digest(folder / "digests", NEW, f"{TODAY - timedelta(1)}.md")
    entries = path.read_text(encoding="utf-8").split("### ")
    path.write_text("### " + "### ".join(entries[3:]), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        use_quick_encoder(patch)
        build([folder / "digests"], Store(folder / "data"), BuildSettings())
    return folder / "data"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("NONMUN_PROFILE", "")
    use_quick_encoder(monkeypatch)
    return Run(monkeypatch, capsys)


def _write(folder: Path, text: str) -> Path:
    path = folder / "list.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_new_is_plain_text(run: Run, data: Path, tmp_path: Path) -> None:
    path = _write(tmp_path, f"# 돌\nhttps://arxiv.org/abs/{number(0)}v1 pebbles\n")
    assert run("similar", "--from", path, "--since", "yesterday", "--data", data) == 0
    assert run.err == ""
    first, second = run.out.split("\n\n")
    lines = first.splitlines()
    assert lines[0] == "1.  Grading Gravel by Echo"
    assert lines[1] == f"    https://arxiv.org/abs/{number(2)}"
    assert lines[2] == f"    {TODAY - timedelta(1)}"
    assert lines[3] == f"    like Grading Pebbles by Sound ({number(0)})"
    assert lines[4].startswith("    shares ")
    assert second.startswith("2.  Rye Bread on Ships\n")


@pytest.mark.parametrize("since", ["today", "0d", TODAY.isoformat()])
def test_nothing_new_is_nothing_at_all(run: Run, data: Path, tmp_path: Path, since: str) -> None:
    path = _write(tmp_path, number(0))
    assert run("similar", "--from", path, "--since", since, "--data", data) == 0
    assert run.out == run.err == ""


def test_days_may_be_ages(run: Run, data: Path) -> None:
    for words, count in (
        (("--since", "2 days ago"), 2),
        (("--until", "yesterday"), 3),
        (("--until", "2d"), 1),
        (("--since", "2024-01-01", "--until", "2024-01-01"), 1),
    ):
        assert run("similar", number(0), *words, "--data", data, "--json") == 0
        assert len(SimilarReply.model_validate_json(run.out).papers) == count
    assert run("similar", number(0), "--since", "soon", "--data", data) == 2
    assert "'soon' is no day: YYYY-MM-DD, today, yesterday" in run.err


def test_lines_that_are_not_here_are_told_and_left_out(
    run: Run, data: Path, tmp_path: Path
) -> None:
    path = _write(tmp_path, f"{number(0)}\n9999.99999 later\n\nx\n")
    assert run("similar", "--from", path, "--data", data) == 0
    assert run.err == (
        f"nonmun: {path}:2: no paper '9999.99999' here\nnonmun: {path}:4: no paper 'x' here\n"
    )
    assert "Grading Gravel" in run.out
    many = "".join(f"8888.{n:05}\n" for n in range(1_000))
    assert run("similar", "--from", _write(tmp_path, number(0) + "\n" + many), "--data", data) == 0
    assert run.err.count("\n") == 21
    assert run.err.endswith("980 more lines name no paper here\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "names no paper"), ("9999.99999\n", "names no paper that is here; line 1")],
)
def test_a_list_without_papers_is_an_error(
    run: Run, data: Path, tmp_path: Path, text: str, message: str
) -> None:
    assert run("similar", "--from", _write(tmp_path, text), "--data", data) == 1
    assert run.out == ""
    assert run.err.count("\n") == 1
    assert message in run.err


def test_a_list_that_cannot_be_read_is_an_error(run: Run, data: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "gone.txt", tmp_path):
        assert run("similar", "--from", path, "--data", data) == 1
        assert f"can't read {path}" in run.err
    path = tmp_path / "bytes.txt"
    path.write_bytes(b"\x89PNG\r\n\xff\x00")
    assert run("similar", "--from", path, "--data", data) == 1
    assert "UTF-8" in run.err


def test_a_list_goes_with_ids_and_json(run: Run, data: Path, tmp_path: Path) -> None:
    path = _write(tmp_path, number(0))
    words = ["similar", number(1), "--from", path, "--data", data]
    assert run(*words, "--json") == 0
    papers = SimilarReply.model_validate_json(run.out).papers
    assert {one.id for one in papers} == {number(2), number(3)}
    assert {one.because.like_paper for one in papers} == {number(0), number(1)}
    assert run(*words, "--not", number(0)) == 1
    assert "both in ids and in not_ids" in run.err
    assert run(*words, "--diversity", "2") == 2
