"""The command `nonmun terms`: what a version calls things in English and in Korean."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.build import build
from index.store import Store
from rag import cli

Terms = Callable[..., str]

# What each paper says; two papers or more give every term but the last.
SENTENCES = (
    "새 석양 감지(sunset detection)를 한다. 이는 안개 상자(cloud chamber, CC)에 기댄다.",
    "먼저 석양 감지(sunset detection)를 배운다. 그 뒤 안개 상자(cloud chamber, CC)를 쓴다.",
    "이 글은 석양 감지(sunset detection)를 다룬다. 우리는 벌집(beehive)을 짓는다.",
    "드디어 벌집(beehive)이 지어졌다. 여기에는 단백질 접힘(protein folding)도 있다.",
)


def _publish(folder: Path, sentences: tuple[str, ...]) -> Store:
    digest = folder / "2024-05-01.md"
    papers = (
        f"### [Paper {number}](https://arxiv.org/abs/2405.0000{number})\n\n"
        f"- **What's New**: {sentence}\n"
        for number, sentence in enumerate(sentences, 1)
    )
    digest.write_text("\n".join(papers), encoding="utf-8")
    store = Store(folder / "data")
    build([digest], store)
    return store


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return _publish(tmp_path_factory.mktemp("terms"), SENTENCES)


@pytest.fixture
def terms(
    corpus: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terms:
    """Runs the command and gives what it printed."""
    monkeypatch.setenv("NONMUN_PROFILE", "")
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str, store: Store = corpus) -> str:
        line = ["nonmun", "terms", *words, "--data", str(store.folder)]
        monkeypatch.setattr(sys, "argv", line)
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert not stop.value.code
        found = capsys.readouterr()
        assert not found.err
        return found.out

    return run


def test_the_most_frequent_come_first_in_a_table(terms: Terms) -> None:
    *table, last = terms().splitlines()
    head, first, *others = (line.split() for line in table)
    assert head == ["English", "Acronyms", "Korean", "Papers"]
    assert first == ["sunset", "detection", "석양", "감지", "3"]
    assert others == [
        ["beehive", "벌집", "2"],
        ["cloud", "chamber", "CC", "안개", "상자", "2"],
    ]
    assert last == "3 terms: two papers or more have to give one with a translation or an acronym."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CC 안에서 벌집을 찾는 법", ["cloud chamber", "beehive"]),
        ("Sunset-Detections?", ["sunset detection"]),
        ("석양감지", ["sunset detection"]),
        ("protein folding", []),
        ("", []),
    ],
)
def test_the_terms_of_a_text_come_in_its_order(
    terms: Terms, text: str, expected: list[str]
) -> None:
    found = json.loads(terms(text, "--json"))["terms"]
    assert [one["english"] for one in found] == expected


def test_json_is_for_programs(terms: Terms, corpus: Store) -> None:
    assert json.loads(terms("cloud chamber", "--json")) == {
        "terms": [
            {
                "english": "cloud chamber",
                "korean": ["안개 상자"],
                "acronyms": ["CC"],
                "papers": 2,
            }
        ],
        "total": 1,
        "index_version": corpus.live(),
    }


def test_a_text_without_terms_is_told(terms: Terms) -> None:
    assert terms("김치찌개") == "The text has none of the 3 terms of this version.\n"


def test_what_is_left_out_is_told(terms: Terms) -> None:
    printed = terms("--top-k", "1")
    assert len(printed.splitlines()) == 3
    assert printed.endswith("1 of 3 terms; --top-k shows more.\n")
    assert terms("벌집 CC", "--top-k", "1").endswith("1 of 2 terms; --top-k shows more.\n")
    found: dict[str, Any] = json.loads(terms("--top-k", "1", "--json"))
    assert (len(found["terms"]), found["total"]) == (1, 3)


@pytest.mark.parametrize("words", [[], ["석양 감지"]])
def test_a_corpus_too_small_for_terms_is_told(
    terms: Terms, tmp_path: Path, words: list[str]
) -> None:
    store = _publish(tmp_path, SENTENCES[:1])
    assert terms(*words, store=store) == (
        "This version has no terms:"
        " two papers or more have to give one with a translation or an acronym.\n"
    )
    found = json.loads(terms(*words, "--json", store=store))
    assert found == {"terms": [], "total": 0, "index_version": store.live()}
