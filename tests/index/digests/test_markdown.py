"""Digests in Markdown: the layouts that occur, and what is said about the rest."""

from __future__ import annotations

from datetime import date

import pytest

from index.digests import Severity
from index.digests.markdown import parse_date, read_markdown, split_lines
from index.papers import Paper, paper_id

DAY = "## Daily Papers (2024-07-16)\n\n"
HEADING = "### [작은 모델](https://arxiv.org/abs/2407.00001)\n\n"
HEAD = DAY + HEADING
TEXT = "- 작은 모델을 제안한다.\n"
OTHER = "\n### [이웃](https://arxiv.org/abs/2407.00002)\n\n- 이웃은 남는다.\n"
JULY_16 = date(2024, 7, 16)


def read(text: str, file: str = "a.md") -> list[Paper]:
    """Read a text that has nothing to remark on."""
    papers, remarks = read_markdown(text, file)
    assert remarks == []
    return papers


def one(body: str) -> Paper:
    [paper] = read(HEAD + body)
    return paper


def sections(body: str) -> list[tuple[str, str]]:
    return [(section.name, section.text) for section in one(body).sections]


def ids(papers: list[Paper]) -> list[str]:
    return [paper.id for paper in papers]


# Days


def test_a_day_header_may_stand_twice() -> None:
    papers = read(DAY + DAY + HEADING + TEXT + "\n" + DAY + OTHER)
    assert [(paper.id, paper.date) for paper in papers] == [
        ("2407.00001", JULY_16),
        ("2407.00002", JULY_16),
    ]


def test_a_file_may_hold_several_days() -> None:
    papers = read(HEAD + TEXT + "\n## Daily Papers (2024-07-17)\n" + OTHER)
    assert [paper.date for paper in papers] == [JULY_16, date(2024, 7, 17)]


@pytest.mark.parametrize(
    "header",
    ["## 2024-07-16", "# 2024.07.16", "##2024/7/16", "## 논문들 (2024-07-16) ", "## 2024-7-16"],
)
def test_the_date_of_the_header_is_taken(header: str) -> None:
    [paper] = read(f"{header}\n{HEADING}{TEXT}", "2023-01-01.md")
    assert (paper.date, paper.dates) == (JULY_16, (JULY_16,))


@pytest.mark.parametrize("header", ["", "## Daily Papers\n"])
@pytest.mark.parametrize("file", ["2024-07-16.md", "2023-01-01/daily_2024-07-16.md"])
def test_without_a_date_in_the_header_the_file_name_has_it(header: str, file: str) -> None:
    [paper] = read(header + HEADING + TEXT, file)
    assert paper.date == JULY_16


@pytest.mark.parametrize("header", ["", "## Daily Papers\n"])
def test_a_paper_without_a_date_is_kept_and_reported(header: str) -> None:
    [paper], [remark] = read_markdown(header + HEADING + TEXT, "papers.md")
    assert (paper.id, paper.date, paper.dates) == ("2407.00001", None, ())
    assert remark.reason == (
        "no date for “작은 모델”: neither a heading nor the file's name has one"
    )
    assert (remark.file, remark.line) == ("papers.md", 1 + header.count("\n"))


def test_an_impossible_date_is_reported_and_the_file_name_stands_in() -> None:
    text = "## Daily Papers (2024-02-30)\n" + HEADING + TEXT
    [paper], remarks = read_markdown(text, "2024-07-16.md")
    assert paper.date == JULY_16
    assert [str(r) for r in remarks] == [
        "2024-07-16.md:1: no such day: “Daily Papers (2024-02-30)”"
    ]


def test_an_impossible_date_in_the_file_name_is_reported() -> None:
    [paper], remarks = read_markdown(HEAD + TEXT, "2024-13-01.md")
    assert paper.date == JULY_16
    assert [str(r) for r in remarks] == ["2024-13-01.md: no such day: “2024-13-01.md”"]


@pytest.mark.parametrize("text", ["", "Daily Papers", "2407.00001", "12024-07-16", "2024-07-161"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_date(text) is None


def test_a_hash_in_a_text_is_no_day() -> None:
    assert sections("- 순위에서\n#1 자리에 오른다.\n- 끝.\n") == [
        ("Summary", "순위에서\n#1 자리에 오른다.\n- 끝.")
    ]


# What stands under the title

MEDIA = {
    "an image": ("![](https://example.org/a.png)", "https://example.org/a.png"),
    "an image with words": (
        '![그림](<https://example.org/a.png> "제목")',
        "https://example.org/a.png",
    ),
    "parentheses": ("![](https://example.org/a_(1).png)", "https://example.org/a_(1).png"),
    "an avatar": ("![](/avatars/0a1b2c.svg)", "/avatars/0a1b2c.svg"),
    "an empty image": ("![]()", None),
    "a video": ("[Watch Video](https://example.org/a.mp4)", None),
    "a video without parentheses": ("[Watch Video]https://example.org/a.mp4", None),
    "HTML": ('<div><video controls src="https://example.org/a.mp4"></video></div>', None),
    "HTML with words": ("<video src='https://example.org/a.mp4'>No video here.</video>", None),
    "HTML over lines": ('<div>\n<video src="https://example.org/a.mp4">\n</video>\n</div>', None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("media", "thumbnail"), MEDIA.values(), ids=MEDIA)
def test_media_is_no_summary(media: str, thumbnail: str | None) -> None:
    paper = one(f"{media}\n\nVote: 7\n\nAuthors: 김하나\n\n{TEXT}")
    assert paper.thumbnail == thumbnail
    assert (paper.votes, paper.authors) == (7, ("김하나",))
    assert [section.text for section in paper.sections] == ["작은 모델을 제안한다."]


@pytest.mark.parametrize(
    "line", ["<b>작은</b> 모델이다.", "![그림](a.png) 작은 모델", "[작은] 모델"]
)
def test_words_beside_markup_are_summary(line: str) -> None:
    assert sections(f"{line}\n- 둘째 줄.\n") == [("Summary", f"{line}\n- 둘째 줄.")]


@pytest.mark.parametrize(
    ("line", "votes"),
    [
        ("Vote: 19", 19),
        ("Vote: 0", 0),
        ("Votes : 19 ", 19),
        ("vote:19", 19),
        ("Vote: -", None),
        ("Vote:", None),
        ("", None),
    ],
)
def test_votes(line: str, votes: int | None) -> None:
    paper = one(f"{line}\n\n{TEXT}")
    assert paper.votes == votes
    assert [section.text for section in paper.sections] == ["작은 모델을 제안한다."]


@pytest.mark.parametrize("value", ["많음", "-3", "1.5", "9" * 30])
def test_votes_that_are_no_number_are_reported(value: str) -> None:
    [paper], remarks = read_markdown(f"{HEAD}Vote: {value}\n\n{TEXT}", "a.md")
    assert paper.votes is None
    assert list(map(str, remarks)) == [f"a.md:5: votes should be a number or “-”, not “{value}”"]


@pytest.mark.parametrize(
    ("line", "authors", "more"),
    [
        ("Authors: Ada Lovelace, 김하나,이두리", ("Ada Lovelace", "김하나", "이두리"), False),
        ("Author: 김하나", ("김하나",), False),
        ("Authors: 김하나, +, 이두리", ("김하나", "이두리"), True),
        ("Authors: 김하나, +", ("김하나",), True),
        ("Authors: 김하나, 이두리 +", ("김하나", "이두리"), True),
        ("Authors: 김하나, et al.", ("김하나",), True),
        ("Authors: ['김하나', \"Miles O'Brien\"]", ("김하나", "Miles O'Brien"), False),
        ("Authors: ['김하나', '+']", ("김하나",), True),
        ("Authors: ['김하나', '이두리'", ("김하나", "이두리"), False),
        ("Authors: ['김하나', '이두리'], +", ("김하나", "이두리"), True),
        (r"Authors: ['김하나\ud800']", ("김하나\ufffd",), False),
        ("Authors: 김하나, 이두리, 김하나", ("김하나", "이두리"), False),
        ("Authors: 김하나,, ,", ("김하나",), False),
        ("Authors:", (), False),
        ("Authors: []", (), False),
        ("", (), False),
    ],
)
def test_authors(line: str, authors: tuple[str, ...], more: bool) -> None:
    paper = one(f"{line}\n\n{TEXT}")
    assert (paper.authors, paper.more_authors) == (authors, more)
    assert [section.text for section in paper.sections] == ["작은 모델을 제안한다."]


def test_a_line_about_the_paper_inside_of_its_summary_is_summary() -> None:
    body = "- **Name**: 투표를 센다.\nVote: 많이\nAuthors: 모두\n![](a.png)\n"
    assert sections(body) == [("Name", "투표를 센다.\nVote: 많이\nAuthors: 모두\n![](a.png)")]


# Titles and ids


@pytest.mark.parametrize(
    "title",
    [
        "모델 [둘]: a [b] c",
        "\"따옴표\" 'quotes' “둘”",
        "괄호 (하나) (둘)",
        "[앞](뒤",
        "![느낌표]",
        "`code` *star* $x^2$",
    ],
)
def test_titles_with_marks_in_them(title: str) -> None:
    [paper] = read(f"{DAY}### [{title}](https://arxiv.org/abs/2407.00001)\n{TEXT}")
    assert (paper.title, paper.url) == (title, "https://arxiv.org/abs/2407.00001")


def test_white_space_in_a_title_is_one_space() -> None:
    [paper] = read(f"{DAY}###  [ 작은 \t 모델 ]( <https://arxiv.org/abs/2407.00001> ) \n{TEXT}")
    assert (paper.title, paper.url) == ("작은 모델", "https://arxiv.org/abs/2407.00001")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://arxiv.org/abs/2407.00001", "2407.00001"),
        ("http://arxiv.org/pdf/2407.00001v3.pdf", "2407.00001"),
        ("https://huggingface.co/papers/2407.00001", "2407.00001"),
        ("https://arxiv.org/abs/cs/0112017", "cs/0112017"),
        ("https://www.example.org/a b?c=d", "example.org/a-b-c=d"),
        ("https://example.org/논문/1/", "example.org/논문/1"),
        ("http://", ""),
    ],
)
def test_ids(url: str, name: str) -> None:
    assert paper_id(url) == name


def test_a_heading_without_a_title_is_reported_and_the_id_stands_in() -> None:
    text = f"{DAY}### [](https://arxiv.org/abs/2407.00001)\n{TEXT}"
    [paper], remarks = read_markdown(text, "a.md")
    assert paper.title == "2407.00001"
    reason = "the heading has no title; 2407.00001 stands in for it"
    assert list(map(str, remarks)) == [f"a.md:3: {reason}"]


# Sections


def test_bold_names_with_a_colon_are_sections() -> None:
    body = "- **What's New**: 새 모델.\n- **Technical Details**: 작은 층.\n* **결과**: 좋다.\n"
    assert sections(body) == [
        ("What's New", "새 모델."),
        ("Technical Details", "작은 층."),
        ("결과", "좋다."),
    ]


def test_three_stars_are_sections_too() -> None:
    body = "- ***What's New***: 새 모델.\n- ***기술 세부***: 작은 층.\n"
    assert sections(body) == [("What's New", "새 모델."), ("기술 세부", "작은 층.")]


@pytest.mark.parametrize(
    "line",
    [
        "- **결과:** 좋다.",
        "- ***결과:*** 좋다.",
        "- **결과** : 좋다.",
        "- **결과**：좋다.",
        "**결과**: 좋다.",
        "- **결과 **:\n좋다.",
        "- **결과**:\n  - 좋다.",
        "#### 결과 ####\n\n좋다.",
    ],
)
def test_forms_of_a_section_name(line: str) -> None:
    assert sections(f"{line}\n- **다음**: 끝.\n") == [("결과", "좋다."), ("다음", "끝.")]


def test_a_curly_apostrophe_is_a_straight_one_in_a_name_and_itself_in_the_text() -> None:
    assert sections("- **What’s New**: It’s 새롭다.\n") == [("What's New", "It’s 새롭다.")]


def test_plain_bullets_are_one_section() -> None:
    body = "- 첫째 문장.\n- 둘째 **굵은** 문장.\n+ 셋째 문장.\n"
    assert sections(body) == [("Summary", "첫째 문장.\n- 둘째 **굵은** 문장.\n+ 셋째 문장.")]


def test_text_before_the_first_name_is_a_summary() -> None:
    body = "여는 말.\n\n- **결과**: 좋다.\n"
    assert sections(body) == [("Summary", "여는 말."), ("결과", "좋다.")]


def test_a_section_may_have_numbered_lists_over_lines() -> None:
    body = (
        "- **방법**: 세 단계다.\n\n1. 모은다.\n  설명.\n2. **거른다**: 나쁜 것을.\n\n"
        "  3) 배운다.\n- **결과**: 좋다.\n"
    )
    assert sections(body) == [
        ("방법", "세 단계다.\n\n1. 모은다.\n  설명.\n2. **거른다**: 나쁜 것을.\n\n  3) 배운다."),
        ("결과", "좋다."),
    ]


def test_nested_bullets_belong_to_their_section() -> None:
    body = "- **방법**:\n  - **모음**: 글을 모은다.\n\t- 거른다.\n- **결과**: 좋다.\n"
    assert sections(body) == [
        ("방법", "**모음**: 글을 모은다.\n\t- 거른다."),
        ("결과", "좋다."),
    ]


def test_rules_around_a_summary_are_left_out() -> None:
    assert sections("---\n- 첫째.\n\n- - -\n- 둘째.\n***\n") == [
        ("Summary", "첫째.\n\n- - -\n- 둘째.")
    ]


def test_sections_of_one_name_stay_two() -> None:
    assert sections("- **결과**: 하나.\n- **결과**: 둘.\n") == [("결과", "하나."), ("결과", "둘.")]


def test_an_english_summary() -> None:
    body = "- **What's New**: It's a small model (7B).\n- **Results**: 3-5% better.\n"
    assert sections(body) == [
        ("What's New", "It's a small model (7B)."),
        ("Results", "3-5% better."),
    ]


@pytest.mark.parametrize("text", ["", " ['']", " [' ', '']"])
def test_an_empty_section_is_noted(text: str) -> None:
    [paper], remarks = read_markdown(f"{HEAD}- **방법**:{text}\n- **결과**: 좋다.\n", "a.md")
    assert [section.name for section in paper.sections] == ["결과"]
    reason = "the section “방법” of “작은 모델” is empty"
    assert [(str(r), r.severity) for r in remarks] == [(f"a.md:3: {reason}", Severity.NOTE)]


# LaTeX


@pytest.mark.parametrize(
    "text",
    [
        r"$\alpha_{i} \times \beta$ 만큼 \textbf{크다}",
        r"\(\frac{1}{2}\) 배, \nabla f, \rho",
        "$O(n^2)$ **에서** $O(n)$",
    ],
)
def test_latex_stays_as_it_is(text: str) -> None:
    assert sections(f"- **방법**: {text}\n") == [("방법", text)]


EATEN = {
    "TAB": ("\textit{작다}", r"\textit{작다}"),
    "TAB tau": ("값 $\tau$ 이다", r"값 $\tau$ 이다"),
    "TAB times": ("3\times 4", r"3\times 4"),
    "BS": ("값 $\beta$", r"값 $\beta$"),
    "FF": ("값 $\frac{1}{2}$", r"값 $\frac{1}{2}$"),
    "CR": ("값 $\rho$", r"값 $\rho$"),
    "CR right": ("\\left(x\right)", r"\left(x\right)"),
    "VT": ("값 $\varepsilon$", r"값 $\varepsilon$"),
    "BEL": ("값 $\alpha$", r"값 $\alpha$"),
    "LF": ("기울기 \nabla f", r"기울기 \nabla f"),
    "LF neq": ("a \neq b", r"a \neq b"),
}


@pytest.mark.parametrize(("eaten", "restored"), EATEN.values(), ids=EATEN)
def test_latex_gets_its_backslash_back(eaten: str, restored: str) -> None:
    assert sections(f"- **방법**: 글 {eaten}\n") == [("방법", f"글 {restored}")]


@pytest.mark.parametrize("start", ["- **방법**: ", "- **방법**:\n", "- ", ""])
def test_latex_gets_its_backslash_back_where_a_text_begins(start: str) -> None:
    [(_, text)] = sections(f"{start}\textit{{작다}} 이다.\n")
    assert text == r"\textit{작다} 이다."


@pytest.mark.parametrize(
    "text", ["하나\t둘", "하나\tTop", "하나\tops", "줄\neqs", "줄\nneq", "줄\rhos"]
)
def test_a_tab_or_newline_that_is_no_latex_stays(text: str) -> None:
    assert sections(f"- **방법**: {text}\n") == [("방법", text)]


# Newlines and the byte-order mark

WHOLE = (
    f"{HEAD}![](https://example.org/a.png)\n\nVote: 7\n\nAuthors: 김하나, 이두리\n\n"
    f"- **방법**: 첫 줄.\n  둘째 줄.\n- **결과**: ['하나', '둘']\n{OTHER}"
)


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_windows_and_old_mac_files_read_the_same(newline: str, mark: str) -> None:
    papers = read(mark + WHOLE.replace("\n", newline))
    expected = read(WHOLE)
    assert len(expected) == 2
    for paper, wanted in zip(papers, expected, strict=True):
        for field in ("id", "title", "url", "date", "votes", "authors", "thumbnail"):
            assert getattr(paper, field) == getattr(wanted, field)
        assert [(s.name, s.text.replace("\r", "\n")) for s in paper.sections] == [
            (s.name, s.text) for s in wanted.sections
        ]


def test_windows_newlines_are_plain_in_the_text() -> None:
    [paper] = read((HEAD + "- 첫 줄.\n- 둘째 줄.\n").replace("\n", "\r\n"))
    assert paper.sections[0].text == "첫 줄.\n- 둘째 줄."


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("가\r\n\r\n나\x0c다", [(1, 0, "가"), (2, 3, ""), (3, 5, "나\x0c다")]),
        ("가\r나\n", [(1, 0, "가\r나"), (2, 4, "")]),
        ("가\r나\u2028", [(1, 0, "가"), (2, 2, "나\u2028")]),
        ("\ufeff가\n\ufeff", [(1, 1, "가"), (2, 3, "\ufeff")]),
        ("", [(1, 0, "")]),
    ],
)
def test_lines_and_where_they_begin(text: str, lines: list[tuple[int, int, str]]) -> None:
    assert list(split_lines(text)) == lines


@pytest.mark.parametrize("text", [HEAD + TEXT, HEADING + TEXT])
def test_a_byte_order_mark_hides_no_heading(text: str) -> None:
    [paper] = read("\ufeff" + text, "2024-07-16.md")
    assert (paper.id, paper.date) == ("2407.00001", JULY_16)
    source = paper.sections[0].source
    assert ("\ufeff" + text)[source.start : source.end] == "작은 모델을 제안한다."
