"""Digests in Markdown that are broken: what is said, and that no neighbour is lost."""

from __future__ import annotations

import pytest

from index.digests import Problem, Severity
from index.digests.markdown import MAX_LINE, read_markdown
from index.papers import Paper

DAY = "## Daily Papers (2024-07-16)\n\n"
HEADING = "### [작은 모델](https://arxiv.org/abs/2407.00001)\n\n"
HEAD = DAY + HEADING
TEXT = "- 작은 모델을 제안한다.\n"
OTHER = "\n### [이웃](https://arxiv.org/abs/2407.00002)\n\n- 이웃은 남는다.\n"


def ids(papers: list[Paper]) -> list[str]:
    return [paper.id for paper in papers]


# What can't be read

BROKEN = {
    "no link": "### 제목뿐",
    "no url": "### [제목]()",
    "an unclosed link": "### [제목](https://arxiv.org/abs/2407.00009",
    "a space in the url": "### [제목](https://arxiv.org/ abs)",
    "an address of nothing": "### [제목](http://)",
    "nothing": "###",
    "endless": "### [제목](https://arxiv.org/abs/2407.00009" + "](a" * 4_000 + ")",
}


@pytest.mark.parametrize("heading", BROKEN.values(), ids=BROKEN)
def test_a_broken_heading_is_reported_and_costs_no_neighbour(heading: str) -> None:
    text = f"{HEAD}{TEXT}\n{heading}\n\n- 잃은 글.\n- 또.\n{OTHER}"
    papers, [problem, note] = read_markdown(text, "a.md")
    assert ids(papers) == ["2407.00001", "2407.00002"]
    assert [s.text for paper in papers for s in paper.sections] == [
        "작은 모델을 제안한다.",
        "이웃은 남는다.",
    ]
    shown = heading.removeprefix("###").strip()[:80]
    reason = f"a paper's heading should be “### [title](url)”, this is “### {shown}”"
    assert str(problem) == f"a.md:7: {reason}; the paper is left out"
    assert problem.severity is Severity.PROBLEM
    reason = "2 lines outside of any paper"
    assert note == Problem("a.md", 9, reason, Severity.NOTE)


@pytest.mark.parametrize(
    "body", ["", "\n\n", "Vote: 3\n\nAuthors: 김하나\n", "![](a.png)\n", "---\n"]
)
def test_a_paper_without_sections_is_reported_and_costs_no_neighbour(body: str) -> None:
    papers, remarks = read_markdown(HEAD + body + OTHER, "a.md")
    assert ids(papers) == ["2407.00002"]
    reason = "no summary under “작은 모델”; the paper is left out"
    found = [str(r) for r in remarks if r.severity is Severity.PROBLEM]
    assert found == [f"a.md:3: {reason}"]


def test_text_above_the_first_heading_is_noted() -> None:
    papers, remarks = read_markdown(f"{DAY}여는 말.\n---\n{HEADING}{TEXT}", "a.md")
    assert ids(papers) == ["2407.00001"]
    reason = "a line outside of any paper"
    assert remarks == [Problem("a.md", 3, reason, Severity.NOTE)]


def test_lines_that_nobody_owns_are_noted_where_they_stand() -> None:
    _, remarks = read_markdown(f"하나.\n{DAY}둘.\n셋.\n{HEADING}{TEXT}## 끝\n넷.\n", "a.md")
    assert [(r.line, r.reason.partition(" outside ")[0]) for r in remarks] == [
        (1, "a line"),
        (4, "2 lines"),
        (10, "a line"),
    ]


def test_a_heading_in_a_summary_ends_it_and_what_follows_is_noted() -> None:
    papers, remarks = read_markdown(f"{HEAD}{TEXT}## 덧붙임\n남은 글.\n", "a.md")
    assert [s.text for p in papers for s in p.sections] == ["작은 모델을 제안한다."]
    assert [(r.line, r.severity) for r in remarks] == [(7, Severity.NOTE)]


@pytest.mark.parametrize(
    ("text", "severity"), [(DAY, Severity.PROBLEM), ("# 읽어 두기\n", Severity.NOTE)]
)
def test_a_file_without_papers_is_a_problem_where_it_has_a_day(
    text: str, severity: Severity
) -> None:
    papers, remarks = read_markdown(text, "a.md")
    assert papers == []
    reason = "no papers in it: no line such as “### [title](url)”"
    assert remarks == [Problem("a.md", None, reason, severity)]


def test_a_line_that_is_too_long_is_left_out_of_its_section() -> None:
    long = "가" * (MAX_LINE + 1)
    body = f"- **방법**: 앞 줄.\n{long}\n  뒷줄.\n{long}\n- **결과**: 좋다.\n"
    [paper, _], remarks = read_markdown(HEAD + body + OTHER, "a.md")
    assert [(s.name, s.text) for s in paper.sections] == [
        ("방법", "앞 줄.\n  뒷줄."),
        ("결과", "좋다."),
    ]
    reason = "a line of 1,000,001 characters, 1,000,000 are allowed; it is left out"
    assert remarks == [Problem("a.md", 6, reason), Problem("a.md", 8, reason)]


def test_a_literal_beside_a_line_that_is_too_long_stays_word_for_word() -> None:
    body = f"- **방법**: ['하나',\n{'x' * (MAX_LINE + 1)}\n'둘']\n"
    [paper], _ = read_markdown(HEAD + body, "a.md")
    assert paper.sections[0].text == "['하나',\n'둘']"


def test_a_heading_that_is_too_long_takes_no_text_from_its_neighbour() -> None:
    long = "### [" + "x" * MAX_LINE + "](https://arxiv.org/abs/2407.00009)\n- 잃은 글.\n"
    papers, remarks = read_markdown("길 잃은 글.\n" + HEAD + TEXT + long + OTHER, "a.md")
    assert [s.text for p in papers for s in p.sections] == [
        "작은 모델을 제안한다.",
        "이웃은 남는다.",
    ]
    assert [(r.line, r.severity) for r in remarks] == [
        (1, Severity.NOTE),
        (7, Severity.PROBLEM),
        (8, Severity.NOTE),
    ]


def test_text_before_a_heading_that_is_too_long_is_noted() -> None:
    text = "길 잃은 글.\n#" + "x" * MAX_LINE + "\n" + HEAD + TEXT
    papers, remarks = read_markdown(text, "a.md")
    assert ids(papers) == ["2407.00001"]
    assert {(r.line, r.severity) for r in remarks} == {(1, Severity.NOTE), (2, Severity.PROBLEM)}


SLOW = {
    "votes": "Vote: x" + " " * 900_000 + "x",
    "image": "![](" + "a" * 900_000,
    "spaces in an image": "![](" + " " * 900_000 + "x",
    "link": "[" + "](" * 450_000,
    "tags": "<a" + "<" * 900_000,
    "name": "#### a" + " " * 900_000 + "b",
    "rule": "- " * 450_000 + "x",
    "list": "- **방법**: [" + "'가', " * 100_000 + "]",
    "brackets": "- **방법**: " + "[" * 900_000,
    "sum": "- **방법**: [" + "1+" * 400_000 + "1]",
}


@pytest.mark.parametrize("line", SLOW.values(), ids=SLOW)
def test_no_line_takes_long(line: str) -> None:
    """The patterns are linear: quadratic ones would take minutes here."""
    papers, _ = read_markdown(f"{HEAD}{line}\n- 끝.\n{OTHER}", "a.md")
    assert ids(papers) == ["2407.00001", "2407.00002"]


FENCED = """## Daily Papers (2024-05-01)

```markdown
### [An Example](https://arxiv.org/abs/1111.11111)

- **What's New**: 예시일 뿐이다.
```

### [A Paper](https://arxiv.org/abs/2405.00001)

- **What's New**: 코드를 보인다.
~~~~
### [Not a Paper](https://arxiv.org/abs/2222.22222)
```
~~~~
- **Technical Details**: 코드 다음 절이다.
"""


def test_a_heading_in_fenced_code_is_no_paper() -> None:
    papers, problems = read_markdown(FENCED, "a.md")
    (paper,) = papers
    assert paper.id == "2405.00001"
    assert [section.name for section in paper.sections] == ["What's New", "Technical Details"]
    assert "Not a Paper" in paper.sections[0].text
    assert [problem.severity for problem in problems] == [Severity.NOTE]


def test_a_fence_that_is_never_closed_fences_nothing() -> None:
    papers, _ = read_markdown(
        FENCED.split("~~~~")[0].replace("`\n\n### [A P", "x\n\n### [A P"), "a.md"
    )
    assert [paper.id for paper in papers] == ["1111.11111", "2405.00001"]


def test_a_file_about_something_else_is_one_note() -> None:
    papers, problems = read_markdown("# Read me\n\nSome text.\n\n## More\n\nMore text.\n", "r.md")
    assert papers == []
    assert [(p.severity, p.line) for p in problems] == [(Severity.NOTE, None)]
