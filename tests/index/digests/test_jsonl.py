"""JSON Lines: what a row gives, where its text stands, what is said about a bad one."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from index.digests import Problem, read_digests
from index.digests.jsonl import read_jsonl
from index.digests.markdown import MAX_LINE
from index.papers import Paper

ROW: dict[str, Any] = {
    "id": "2407.00001",
    "title": "작은 모델",
    "url": "https://arxiv.org/abs/2407.00001",
    "date": "2024-07-16",
    "sections": [{"name": "방법", "text": "작은 모델을 제안한다."}],
}
GOOD = json.dumps(ROW | {"id": "2407.00000"}, ensure_ascii=False)
LAST = json.dumps(ROW | {"id": "2407.00002"})


def read(*lines: str) -> list[Paper]:
    papers, problems = read_jsonl("\n".join(lines) + "\n", "a.jsonl")
    assert problems == []
    return papers


def row(**fields: object) -> str:
    return json.dumps(ROW | fields, ensure_ascii=False)


def section_row(raw: str) -> str:
    """A row whose section's text stands in the file as `raw`, escapes and all."""
    return row(sections=[{"name": "방법", "text": "@"}]).replace('"@"', f'"{raw}"')


def test_every_field_of_a_row() -> None:
    [paper] = read(
        row(
            votes=19,
            authors=["김하나", "Ada", "김하나", " "],
            thumbnail="https://example.org/a.png",
            sections=[{"name": "방법", "text": "첫째."}, {"name": "결과", "text": "둘째."}],
        )
    )
    day = date(2024, 7, 16)
    assert (paper.id, paper.title, paper.url) == ("2407.00001", "작은 모델", ROW["url"])
    assert (paper.date, paper.dates, paper.votes) == (day, (day,), 19)
    assert (paper.authors, paper.more_authors) == (("김하나", "Ada"), False)
    assert paper.thumbnail == "https://example.org/a.png"
    assert [(s.name, s.text) for s in paper.sections] == [("방법", "첫째."), ("결과", "둘째.")]


@pytest.mark.parametrize("value", [None, "left out"])
def test_fields_that_may_be_missing(value: str | None) -> None:
    fields = dict.fromkeys(["votes", "authors", "thumbnail"]) if value is None else {}
    [paper] = read(row(**fields))
    assert (paper.votes, paper.authors, paper.thumbnail) == (None, (), None)


def test_without_an_id_the_url_names_the_paper() -> None:
    [paper] = read(row(id=None, url="https://arxiv.org/abs/2407.00009v2"))
    assert paper.id == "2407.00009"


def test_without_a_title_the_id_stands_in() -> None:
    [paper] = read(row(title=" "))
    assert paper.title == "2407.00001"


@pytest.mark.parametrize("day", ["2024-07-16", "2024-07-16T09:30:00Z"])
def test_a_time_of_day_is_left_out(day: str) -> None:
    [paper] = read(row(date=day))
    assert paper.date == date(2024, 7, 16)


def test_a_section_without_a_name_is_a_summary() -> None:
    [paper] = read(row(sections=[{"text": "첫째."}, {"name": " ", "text": "둘째."}]))
    assert [s.name for s in paper.sections] == ["Summary", "Summary"]


def test_empty_lines_and_empty_sections_are_nothing() -> None:
    empty = row(sections=[{"name": "방법", "text": " \n"}, {"name": "결과", "text": "좋다."}])
    [paper] = read("", empty, " \t")
    assert [s.name for s in paper.sections] == ["결과"]


def test_of_a_field_that_stands_twice_the_last_counts_with_its_place() -> None:
    line = GOOD.replace('"sections":', '"sections": [{"text": "작은 글."}], "sections":')
    [paper] = read(line)
    [section] = paper.sections
    assert section.text == "작은 모델을 제안한다."
    assert line[section.source.start : section.source.end] == section.text


TEXTS = {
    "verbatim": ("작은 모델.", "작은 모델."),
    "newline": (r"첫 줄.\n- 둘째 줄.\r\n\t끝", "첫 줄.\n- 둘째 줄.\r\n\t끝"),
    "a letter": (r"caf\u00e9 하나", "café 하나"),
    "Korean": (r"\uc791\uc740 \ubaa8\ub378", "작은 모델"),
    "a surrogate pair": (r"\ud83d\ude00 웃음", "😀 웃음"),
    "half a pair": (r"\ud83d 웃음", "\ufffd 웃음"),
    "quotes": (r"그의 \"말\" 하나", '그의 "말" 하나'),
    "slashes": (r"하나\/둘 \\ 셋", "하나/둘 \\ 셋"),
    "LaTeX": (r"\\textit{작다} $\\beta$", r"\textit{작다} $\beta$"),
    "LaTeX with a backslash too few": (r"\textit{작다} $\beta$", r"\textit{작다} $\beta$"),
    "a list": ("['하나', '둘']", "하나\n둘"),
    "a list with a newline in it": (r"['한\n줄', '둘']", "['한\n줄', '둘']"),
    "a list with escapes": (r"[\"하나\", \"둘\"]", '["하나", "둘"]'),
}


@pytest.mark.parametrize(("raw", "text"), TEXTS.values(), ids=TEXTS)
def test_the_text_is_what_the_string_says(raw: str, text: str) -> None:
    _, paper, _ = read(GOOD, section_row(raw), LAST)
    assert paper.sections[0].text == text


@pytest.mark.parametrize("raw", [raw for raw, _ in TEXTS.values()], ids=TEXTS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_sources_and_runs_point_into_the_file(
    tmp_path: Path, raw: str, newline: str, mark: str
) -> None:
    path = tmp_path / "a.jsonl"
    whole = mark + newline.join([section_row(raw), LAST, ""])
    path.write_text(whole, encoding="utf-8", newline="")
    with path.open(encoding="utf-8", newline="") as opened:
        whole = opened.read()
    reading = read_digests([path])
    assert reading.remarks == ()
    section = next(p for p in reading.papers if p.id == "2407.00001").sections[0]
    assert whole[section.source.start : section.source.end] == raw
    for run in section.runs:
        taken = section.text[run.text : run.text + run.length]
        assert whole[run.source : run.source + run.length] == taken


@pytest.mark.parametrize("name", ["verbatim", "newline", "quotes", "slashes", "a list"])
def test_every_word_is_found_in_the_file(name: str) -> None:
    whole = section_row(TEXTS[name][0])
    [paper] = read(whole)
    [section] = paper.sections
    words = list(re.finditer(r"\w+", section.text))
    assert words
    for word in words:
        place = section.locate(*word.span())
        assert whole[place.start : place.end] == word.group()


def test_a_word_with_escapes_is_found_as_it_was_written() -> None:
    whole = section_row(r"작은 caf\u00e9 \ud83d\ude00 하나")
    [section] = read(whole)[0].sections
    for word, written in {"café": r"caf\u00e9", "하나": "하나", "작은": "작은"}.items():
        start = section.text.index(word)
        place = section.locate(start, start + len(word))
        assert whole[place.start : place.end].strip() == written


NESTED = "[" * 300 + "]" * 300
BAD = {
    "no JSON": ("작은 모델", "not JSON: "),
    "half an object": (row()[:-1], "not JSON: "),
    "two objects": (row() + row(), "not JSON: "),
    "a bare newline in a string": (section_row("하나\t둘"), "not JSON: "),
    "an unknown escape": (section_row(r"\x41"), "not JSON: "),
    "a list": ("[1, 2]", "should be a JSON object, not [1, 2]"),
    "null": ("null", "should be a JSON object, not nothing"),
    "deep": ("[" * 100_000, "not a paper: nested too deeply"),
    "deep in a row": (row(more=1)[:-2] + "[" * 100_000, "not a paper: nested too deeply"),
    "id": (row(id=2407.00001), "“id” should be text, not 2407.00001"),
    "no id": (row(id=None, url=None), "neither an “id” nor a “url”"),
    "an id of nothing": (row(id="", url="http://"), "neither an “id” nor a “url”"),
    "title": (row(title=["제목"]), "“title” should be text, not [\"제목\"]"),
    "url": (row(url=1), "“url” should be text, not 1"),
    "a day that isn't": (
        row(date="2024-02-30"), "“date” should be like 2024-07-16, not '2024-02-30'"
    ),
    "another form of date": (
        row(date="16 July"), "“date” should be like 2024-07-16, not '16 July'"
    ),
    "a number for a date": (row(date=20240716), "“date” should be text, not 20240716"),
    "votes in words": (row(votes="많음"), "“votes” should be a number or null, not \"많음\""),
    "votes below nothing": (row(votes=-1), "“votes” should be a number or null, not -1"),
    "half a vote": (row(votes=1.5), "“votes” should be a number or null, not 1.5"),
    "votes that are true": (row(votes=True), "“votes” should be a number or null, not true"),
    "votes that are lists": (
        row().replace('"id"', f'"votes": {NESTED}, "id"'),
        f"“votes” should be a number or null, not {NESTED[:40]}",
    ),
    "votes that are half a letter": (
        row().replace('"id"', '"votes": "\\ud800", "id"'),
        "“votes” should be a number or null, not \"\ufffd\"",
    ),
    "votes beyond counting": (
        row().replace('"id"', '"votes": ' + "9" * 5_000 + ', "id"'), "not JSON: "
    ),
    "authors in one string": (row(authors="김하나, 이두리"), "“authors” should be a list of names"),
    "authors that are numbers": (row(authors=[1]), "“authors” should be a list of names"),
    "thumbnail": (row(thumbnail={}), "“thumbnail” should be text, not {}"),
    "no sections": (row(sections=None), "“sections” should be a list, not nothing"),
    "sections in an object": (row(sections={}), "“sections” should be a list, not {}"),
    "an empty list of sections": (row(sections=[]), "a paper without sections"),
    "sections without a word": (row(sections=[{"text": " "}]), "a paper without sections"),
    "a section that is a string": (
        row(sections=["글"]), "each of “sections” should be an object with a “text”"
    ),
    "a section without text": (
        row(sections=[{"name": "방법"}]), "each of “sections” should be an object with a “text”"
    ),
    "a text that is a list": (
        row(sections=[{"name": "방법", "text": ["글"]}]),
        "each of “sections” should be an object with a “text”",
    ),
    "a name that is a number": (
        row(sections=[{"name": 1, "text": "글"}]), "“name” should be text, not 1"
    ),
    "a line that is too long": (
        row() + " " * (MAX_LINE + 1 - len(row())),
        "a line of 1,000,001 characters, 1,000,000 are allowed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("line", "reason"), BAD.values(), ids=BAD)
def test_a_bad_row_is_reported_and_costs_no_neighbour(line: str, reason: str) -> None:
    papers, [problem] = read_jsonl("\n".join([GOOD, "", line, LAST]), "a.jsonl")
    assert [paper.id for paper in papers] == ["2407.00000", "2407.00002"]
    assert (problem.file, problem.line) == ("a.jsonl", 3)
    assert problem.reason.startswith(reason)
    assert problem.reason.endswith("; the paper is left out")
    assert str(problem).encode("utf-8").startswith(b"a.jsonl:3: ")


@pytest.mark.parametrize("text", ["\n\n", "\ufeff\n"])
def test_a_file_without_rows_is_reported(text: str) -> None:
    assert read_jsonl(text, "a.jsonl") == ([], [Problem("a.jsonl", None, "no papers in it")])


def test_both_forms_of_a_digest_name_a_paper_alike(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(row(id=None), encoding="utf-8")
    markdown = "## 2024-07-17\n### [새 제목](http://arxiv.org/pdf/2407.00001v2)\n- 새 글.\n"
    (tmp_path / "b.md").write_text(markdown, encoding="utf-8")
    [paper] = read_digests([tmp_path]).papers
    assert (paper.title, paper.dates) == ("새 제목", (date(2024, 7, 16), date(2024, 7, 17)))


def test_a_sections_name_is_tidied_as_in_markdown() -> None:
    row = {"id": "x", "date": "2024-05-01", "sections": [{"name": "What’s  New:", "text": "글"}]}
    (paper,), _ = read_jsonl(json.dumps(row, ensure_ascii=False), "a.jsonl")
    assert [section.name for section in paper.sections] == ["What's New"]


@pytest.mark.parametrize("day", [None, ""])
def test_a_paper_without_a_date_is_kept_and_reported_as_in_markdown(day: str | None) -> None:
    ([first, paper, last], [problem]) = read_jsonl(
        "\n".join([GOOD, row(date=day), LAST]), "a.jsonl"
    )
    assert (paper.date, paper.dates) == (None, ())
    assert (first.id, last.id) == ("2407.00000", "2407.00002")
    assert (problem.line, problem.reason) == (2, f"no date for “{paper.title}”")


@pytest.mark.parametrize("votes", [10**9 + 1, 99999999999, -1, True, 1.5])
def test_votes_beyond_what_is_kept_are_reported(votes: object) -> None:
    papers, [problem] = read_jsonl("\n".join([GOOD, row(votes=votes), LAST]), "a.jsonl")
    assert [paper.id for paper in papers] == ["2407.00000", "2407.00002"]
    assert "“votes” should be" in problem.reason


@pytest.mark.parametrize("text", ["- ", " \n ", "- \n- \n"])
def test_a_section_of_bullets_alone_is_none(text: str) -> None:
    line = row(sections=[{"name": "n", "text": text}])
    papers, [problem] = read_jsonl("\n".join([GOOD, line, LAST]), "a.jsonl")
    assert [paper.id for paper in papers] == ["2407.00000", "2407.00002"]
    assert "a paper without sections" in problem.reason
