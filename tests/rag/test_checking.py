"""`nonmun check`: what is doubted, where it stands, and when it fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from index.build import build
from index.quality import Flag
from index.settings import BuildSettings
from index.store import Store
from rag import cli
from rag.doubts import check
from rag.filters import Filters
from rag.search import Searcher
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings

pytestmark = pytest.mark.usefixtures("quick")

EXCUSE = "죄송하지만 논문의 본문이 제공되지 않아 요약할 수 없습니다."
LEFT = "We propose a method that is trained on the data which we have collected for it."
Check = Callable[..., int]


def _entry(number: int, *sections: tuple[str, str]) -> str:
    lines = [f"### [Paper {number}](https://arxiv.org/abs/2405.{number:05})", ""]
    return "\n".join([*lines, *(f"- **{name}**: {text}" for name, text in sections), ""])


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digests")
    sound = [
        _entry(n, ("What's New", f"{n}번째 모델이 그림을 그린다고 말한다.")) for n in range(1, 4)
    ]
    excuse = _entry(4, ("What's New", "새 모델을 말한다."), ("Technical Details", EXCUSE))
    (folder / "2024-05-01.md").write_text("\n".join([*sound[:2], excuse]), encoding="utf-8")
    left = _entry(5, ("What's New", LEFT), ("Technical Details", EXCUSE))
    (folder / "2024-05-02.md").write_text("\n".join([sound[2], left]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def doubtful(digests: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("doubtful"))
    build([digests], store, BuildSettings())
    return store


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.setenv("NONMUN_PROFILE", "")

    def run(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["nonmun", "check", *map(str, words)])
        try:
            cli.main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return run


def test_each_doubt_has_its_place_in_the_digest(doubtful: Store, digests: Path) -> None:
    found = check(Searcher(doubtful.open_live()))
    assert found.papers == 5
    assert [(one.paper.id, one.finding.flag) for one in found.found] == [
        ("2405.00005", Flag.TEMPLATE_TEXT),
        ("2405.00005", Flag.UNTRANSLATED),
        ("2405.00004", Flag.TEMPLATE_TEXT),
    ]  # the newest first
    for one in found.found:
        text = (digests / one.source.file).read_text(encoding="utf-8")
        wanted = LEFT if one.finding.flag is Flag.UNTRANSLATED else EXCUSE
        assert text[one.source.start : one.source.end] in wanted
        assert one.source.end - one.source.start > 15


def test_filters_choose_whose_doubts_are_told(doubtful: Store) -> None:
    searcher = Searcher(doubtful.open_live())
    found = check(searcher, Filters(ids=("2405.00004", "2405.00001")))
    assert (found.papers, [one.paper.id for one in found.found]) == (2, ["2405.00004"])


def test_the_live_version_is_checked(
    run: Check, doubtful: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--data", doubtful.folder) == 0
    out = capsys.readouterr().out
    assert out.startswith("2405.00005  Paper 5\n    2024-05-02.md, characters ")
    assert f"“{EXCUSE}" in out
    assert out.endswith("2 of 5 papers doubted: 2 template-text, 1 untranslated\n")


@pytest.mark.parametrize(("words", "status"), [([], 1), (["--since", "2024-05-03"], 0)])
def test_strict_fails_only_where_something_is_found(
    run: Check,
    doubtful: Store,
    words: list[str],
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--data", doubtful.folder, "--strict", *words) == status
    if not status:
        assert capsys.readouterr().out == "No doubts about 0 papers.\n"


def test_json_is_for_programs(
    run: Check, doubtful: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--data", doubtful.folder, "--until", "2024-05-01", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["papers"], told["problems"]) == (3, [])
    (one,) = told["findings"]
    assert (one["paper"], one["flag"], one["date"]) == ("2405.00004", "template-text", "2024-05-01")
    assert (one["section"], one["start"]) == ("Technical Details", 0)
    assert set(one["source"]) == {"file", "start", "end"}


def test_digests_are_checked_without_an_index(
    run: Check, digests: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(digests, "--data", tmp_path / "none", "--strict") == 1
    assert "2 of 5 papers doubted" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()  # nothing is published


def test_what_cannot_be_read_is_told_and_fails_too(
    run: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = _entry(1, ("What's New", "모델을 말한다."))
    (tmp_path / "2024-05-01.md").write_text(f"{good}\n### No link\n\n- **A**: 글\n", "utf-8")
    assert run(tmp_path, "--strict") == 1
    out = capsys.readouterr().out
    assert "2024-05-01.md:5" in out
    assert "No doubts about 1 paper." in out


def test_a_mistake_is_one_line(
    run: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--data", tmp_path / "none") == 1
    assert capsys.readouterr().err.startswith("nonmun: ")
    assert run(tmp_path / "missing") == 1
    assert "missing" in capsys.readouterr().err


def test_a_forgotten_paper_is_not_named(
    run: Check, digests: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "data")
    build([digests], store, BuildSettings())
    store.forgotten.add(["2405.00005"], [])
    assert run("--data", store.folder) == 0
    out = capsys.readouterr().out
    assert "2405.00005" not in out
    assert "1 of 4 papers doubted" in out


def test_the_paper_over_http_has_its_findings(doubtful: Store) -> None:
    settings = Settings(data=doubtful.folder)
    live = Live(doubtful, settings)
    live.refresh()
    with TestClient(create_app(live, settings)) as client:
        paper = client.get("/v1/papers/2405.00004").json()
        other = client.get("/v1/papers/2405.00001").json()
    assert paper["flags"] == ["template-text"]
    (finding,) = paper["findings"]
    section = next(one for one in paper["sections"] if one["name"] == finding["section"])
    assert section["text"][finding["start"] : finding["end"]] in EXCUSE
    assert (other["flags"], other["findings"]) == ([], [])
