"""What the documents say is true: commands in step, links there, help as it is."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.digests import read_digests

ROOT = Path(__file__).parents[1]
READMES = [ROOT / "README.md", ROOT / "README.ko.md"]
PAGES = sorted([*READMES, *(ROOT / "docs").glob("*.md")])


def _blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_the_two_readmes_have_the_same_commands() -> None:
    english, korean = READMES
    for language in ("sh", "json", "yaml"):
        assert _blocks(english, language) == _blocks(korean, language)
    assert len(_blocks(english, "sh")) >= 7


def test_the_two_readmes_have_the_same_links() -> None:
    def links(page: Path) -> list[str]:
        found = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
        found = [link.replace(".ko.png", ".en.png") for link in found]  # a picture in each language
        return sorted(link for link in found if not link.startswith("README"))

    assert links(READMES[0]) == links(READMES[1])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in link and link != "url":
            assert (page.parent / link).exists(), link


def test_the_help_in_the_documents_is_the_commands_own() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "cli.py"))
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == script["render"](), "run: make docs"


def test_options_in_the_readme_exist() -> None:
    known = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for block in _blocks(READMES[0], "sh"):
        for line in block.splitlines():
            if line.startswith("nonmun "):
                for option in re.findall(r"--[a-z-]+", line):
                    assert option in known, line


def _requests() -> list[tuple[str, str, Any]]:
    """Every curl of the README: method, path, body."""
    found = []
    for block in _blocks(READMES[0], "sh"):
        for command in re.split(r"^(?=curl)", block, flags=re.MULTILINE):
            if command.startswith("curl"):
                path = re.search(r"http://127\.0\.0\.1:8000(/[^\s']*)", command)
                body = re.search(r"-d '(.*?)'\s*$", command, re.DOTALL)
                assert path
                data = json.loads(body.group(1)) if body else None
                found.append(("POST" if body else "GET", path.group(1), data))
    return found


@pytest.mark.parametrize(("method", "path", "body"), _requests())
def test_the_requests_of_the_tour_work(
    client: TestClient, method: str, path: str, body: Any
) -> None:
    reply = client.request(method, path, json=body)
    assert reply.status_code == 200, reply.text


def test_the_reply_in_the_readme_is_what_comes(client: TestClient) -> None:
    _, path, body = _requests()[0]
    reply = client.post(path, json=body).json()
    shown = json.loads(_blocks(READMES[0], "json")[0])
    assert reply["answerable"] is shown["answerable"]
    assert reply["confidence"] == pytest.approx(shown["confidence"], abs=0.01)
    assert reply["answer"]["kind"] == shown["answer"]["kind"]
    assert reply["answer"]["text"] == shown["answer"]["text"]
    (citation,) = reply["answer"]["citations"]
    assert shown["answer"]["citations"] == [{k: v for k, v in citation.items() if k != "quote"}]
    assert reply["papers"][0]["id"] == shown["papers"][0]["id"]


def test_the_question_that_should_not_be_answered_is_not(client: TestClient) -> None:
    asked = [body for _, path, body in _requests() if path == "/v1/ask"]
    replies = [client.post("/v1/ask", json=body).json()["answerable"] for body in asked]
    assert replies == [True, True, False]


def test_the_digest_forms_in_the_documents_can_be_read(tmp_path: Path) -> None:
    page = ROOT / "docs" / "digests.md"
    (tmp_path / "a.md").write_text(_blocks(page, "markdown")[0], encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(_blocks(page, "json")[0], encoding="utf-8")
    markdown = read_digests([tmp_path / "a.md"])
    jsonl = read_digests([tmp_path / "b.jsonl"])
    assert markdown.remarks == jsonl.remarks == ()
    (one,), (other,) = markdown.papers, jsonl.papers
    assert (one.id, one.title, one.url, one.date) == (other.id, other.title, other.url, other.date)
    assert [section.name for section in one.sections] == [
        "What's New",
        "Technical Details",
        "Performance Highlights",
    ]


def test_the_settings_that_the_readme_shows_exist() -> None:
    import yaml

    shown = yaml.safe_load(_blocks(READMES[0], "yaml")[0])
    known = yaml.safe_load((ROOT / "configs" / "default.yaml").read_text(encoding="utf-8"))
    assert set(shown["encoder"]) <= set(known["encoder"])


def test_what_is_installed_is_what_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if "==" in line:
            name, _, number = line.partition("==")
            pinned[name.lower().replace("_", "-")] = number
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    for requirement in wanted:
        name = re.split(r"[\[<>=!~ ]", requirement)[0].lower().replace("_", "-")
        assert name in pinned, requirement
        assert version(name).partition("+")[0] == pinned[name]


def test_no_cuda_package_is_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format", "freeze"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not [line for line in done.stdout.splitlines() if line.startswith("nvidia")]


class TestSamples:
    def test_there_are_enough_in_both_layouts(self, samples: Path) -> None:
        reading = read_digests([samples])
        assert reading.remarks == ()
        assert reading.files >= 3
        assert len(reading.papers) == reading.entries >= 36
        names = {section.name for paper in reading.papers for section in paper.sections}
        assert {"Summary", "What's New", "Technical Details"} <= names

    def test_they_are_korean_and_about_arxiv_papers(self, samples: Path) -> None:
        for paper in read_digests([samples]).papers:
            assert paper.url == f"https://arxiv.org/abs/{paper.id}"
            assert re.fullmatch(r"\d{4}\.\d{4,5}", paper.id)
            for section in paper.sections:
                assert len(re.findall("[가-힣]", section.text)) > 20
