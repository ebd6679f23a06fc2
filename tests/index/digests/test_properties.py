"""What holds for any file: nothing raises, every place is right, no word is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from index.digests import read_digests
from index.digests.jsonl import read_jsonl
from index.digests.markdown import parse_authors, read_markdown
from index.digests.sources import find_files
from index.papers import Paper, Section
from index.passages import HARD_MAX_CHARS, MAX_CHARS, cut_section, make_passage

ALWAYS_THE_SAME = settings(derandomize=True, deadline=None, max_examples=200)

HEADING = "### [제목](https://arxiv.org/abs/2407.00001)\n"
HEAD = "## Daily Papers (2024-07-16)\n" + HEADING

FRAGMENTS = [
    *("\n", "\r\n", "\r", "\t", "\b", "\f", "\ufeff", " ", "  ", "\u2028", "\0"),
    *("#", "## ", "### ", "#### ", "2024-07-16", "[가](http://a.b)", HEADING, HEAD),
    *("- ", "* ", "**이름**: ", "- ***이름***: ", "- **이름:** ", "**", ":", "---", "1. "),
    *(
        "Vote: 3\n",
        "Vote: ",
        "Authors: ",
        "Authors: ['가', '나']\n",
        "![](a.png)",
        "<div>",
        "<video",
    ),
    *("['", "', '", "']", "{'", "': '", "'}", "[", "]", '"', "\\", "\\n", "\\ud83d", "\\u00e9"),
    *("\textit", "\nabla f", "\rho ", "\beta", "$", "(", ")", "가", "나다 ", "é", "😀", "a", ". "),
]
FREE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MESSY = st.lists(st.sampled_from(FRAGMENTS) | FREE, max_size=30).map("".join)


def check_places(text: str, section: Section) -> None:
    """Runs are in order, say what the file says, and find every character they took."""
    whole = section.source
    assert 0 <= whole.start < whole.end <= len(text)
    done, place = 0, whole.start
    for run in section.runs:
        assert run.length > 0
        assert done <= run.text
        assert place <= run.source
        done, place = run.text + run.length, run.source + run.length
        assert text[run.source : place] == section.text[run.text : done]
        for at in (run.text, done - 1):
            found = section.locate(at, at + 1)
            start = run.source + at - run.text
            assert (found.start, found.end) == (start, start + 1)
    assert done <= len(section.text)
    assert place <= whole.end
    everything = section.locate(0, len(section.text))
    assert whole.start <= everything.start < everything.end <= whole.end


def check(text: str, papers: list[Paper]) -> None:
    for paper in papers:
        assert paper.id
        assert paper.title
        assert paper.sections
        for section in paper.sections:
            assert section.name
            assert section.text.strip()
            check_places(text, section)
        repr(paper).encode("utf-8")
        json.dumps([paper.title, paper.authors, [s.text for s in paper.sections]],
                   ensure_ascii=False).encode("utf-8")  # fmt: skip


@ALWAYS_THE_SAME
@given(st.sampled_from(["", HEAD, HEAD + "- **이름**: "]), MESSY)
def test_any_text_is_read_as_markdown(start: str, text: str) -> None:
    papers, remarks = read_markdown(start + text, "a.md")
    check(start + text, papers)
    assert papers or remarks
    "".join(map(str, remarks)).encode("utf-8")


@ALWAYS_THE_SAME
@given(st.lists(st.sampled_from([*FRAGMENTS, '{"', '": ', '"}', "1", "null"]) | FREE).map("".join))
def test_any_text_is_read_as_json_lines(text: str) -> None:
    papers, remarks = read_jsonl(text, "a.jsonl")
    check(text, papers)
    assert papers or remarks
    "".join(map(str, remarks)).encode("utf-8")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = ("id", "title", "url", "date", "votes", "authors", "thumbnail", "sections")
SECTIONS = st.lists(st.fixed_dictionaries({"name": JSON, "text": JSON | st.text()}), max_size=2)


@ALWAYS_THE_SAME
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)),
    st.none() | SECTIONS,
    st.booleans(),
)
def test_rows_with_anything_in_them_cost_no_neighbour(
    fields: dict[str, Any], sections: list[dict[str, Any]] | None, plain: bool
) -> None:
    good = {"id": "이웃", "date": "2024-07-16", "sections": [{"text": "남는다."}]}
    row = good | {"id": "가"} | fields | ({} if sections is None else {"sections": sections})
    lines = [json.dumps(good), json.dumps(row, ensure_ascii=True), json.dumps(good)]
    papers, remarks = read_jsonl("\n".join(lines), "a.jsonl")
    assert (papers[0], papers[-1].id) == (papers[0], "이웃")
    undated = sum(paper.date is None for paper in papers)  # kept, and reported
    assert len(papers) + len(remarks) == 3 + undated
    assert all(remark.line == 2 for remark in remarks)
    check("\n".join(lines), papers)
    "".join(map(str, remarks)).encode("utf-8")


@ALWAYS_THE_SAME
@given(st.binary(max_size=200) | MESSY.map(lambda text: text.encode("utf-16")))
@pytest.mark.parametrize("suffix", ["md", "jsonl"])
def test_any_bytes_are_a_file(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"bytes-{suffix}"
    folder.mkdir(exist_ok=True)
    (folder / f"a.{suffix}").write_bytes(data)
    (folder / "b.md").write_text(HEAD + "- 이웃은 남는다.\n", encoding="utf-8")
    reading = read_digests([folder])
    texts = [section.text for paper in reading.papers for section in paper.sections]
    assert "이웃은 남는다." in texts
    assert len(reading.papers) > 1 or reading.remarks


@ALWAYS_THE_SAME
@given(st.text() | st.lists(st.sampled_from([*"[]'\",+", "가", "{", "1"])).map("".join))
def test_any_line_of_authors_is_read(text: str) -> None:
    authors, _ = parse_authors(text)
    assert len(set(authors)) == len(authors)
    assert all(name == name.strip() != "" for name in authors)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("anything")
    (folder / "a.md").write_text(HEAD + "- 글.\n", encoding="utf-8")
    (folder / "*b.md").symlink_to("nowhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@ALWAYS_THE_SAME
@given(st.text(st.sampled_from("ab*?[]!-. md가\0\ud800"), max_size=6))
def test_any_source_is_read_or_reported(folder: Path, source: str) -> None:
    """A source without a slash does not leave the folder, but for one."""
    assume(source != "..")
    files, problems = find_files([source, "a.md"])
    assert [file.name for file in files] == ["a.md"]
    assert len(problems) == len(set(problems))
    "".join(map(str, problems)).encode("utf-8")


# Well-formed digests

WORD = st.text("가나다라마바사아자차카타파하bcdxyz0123456789", min_size=1, max_size=6)
SENTENCE = st.lists(WORD, min_size=1, max_size=6).map(lambda words: " ".join(words) + ".")
NAMES = ["What's New", "Technical Details", "Performance Highlights", "주요 결과", "한계"]


@dataclass
class Written:
    """A paper as it was meant, and the lines that say so."""

    id: str
    title: str
    votes: int | None = None
    authors: tuple[str, ...] = ()
    more: bool = False
    thumbnail: str | None = None
    sections: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


@st.composite
def written(draw: st.DrawFn, number: int) -> Written:
    title = draw(WORD) + draw(st.sampled_from(["", " [둘]", " (셋)", ' "넷"', ": 다섯’s"]))
    paper = Written(f"2407.{number:05}", title)
    paper.lines.append(f"### [{title}](https://arxiv.org/abs/{paper.id})\n")
    image = draw(st.sampled_from([None, "https://a.b/c.png", "/avatars/c.svg"]))
    if image:
        paper.thumbnail = image
        paper.lines.append(f"![]({image})\n")
    else:
        video = ["[Watch Video](http://a.b)\n", "[Watch Video]http://a.b\n", "<div><video></div>\n"]
        paper.lines.append(draw(st.sampled_from(["", *video])))
    paper.votes = draw(st.none() | st.integers(0, 999))
    empty = draw(st.sampled_from(["", "Vote: -\n"]))
    paper.lines.append(empty if paper.votes is None else f"Vote: {paper.votes}\n")
    paper.authors = tuple(draw(st.lists(WORD, unique=True, max_size=3)))
    if paper.authors:
        paper.more = draw(st.booleans())
        names = [*paper.authors, "+"] if paper.more else list(paper.authors)
        as_list = draw(st.booleans())
        paper.lines.append(f"Authors: {names if as_list else ', '.join(names)}\n")
    draw(st.sampled_from([write_bullets, write_sections]))(draw, paper)
    paper.lines.append("")
    return paper


def write_bullets(draw: st.DrawFn, paper: Written) -> None:
    sentences = draw(st.lists(SENTENCE, min_size=1, max_size=3))
    paper.lines += [f"- {sentence}" for sentence in sentences]
    paper.sections = [("Summary", "\n- ".join(sentences))]


def write_sections(draw: st.DrawFn, paper: Written) -> None:
    stars = draw(st.sampled_from(["**", "***"]))
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)):
        sentences = draw(st.lists(SENTENCE, min_size=1, max_size=3))
        form = draw(st.sampled_from(["lines", "numbers", "bullets", "list", "dict"]))
        if form == "list":
            text, value = "\n".join(sentences), repr(sentences)
        elif form == "dict":
            text = "\n".join(f"{n}: {s}" for n, s in enumerate(sentences, 1))
            value = repr(dict(enumerate(sentences, 1)))
        else:
            mark = {"lines": "\n  ", "numbers": "\n1. ", "bullets": "\n  - "}[form]
            text = value = mark.join(sentences)
        shown = draw(st.sampled_from([name, name.replace("'", "’")]))
        head = draw(st.sampled_from([f"{shown}{stars}:", f"{shown}:{stars}", f"{shown} {stars} :"]))
        paper.lines.append(f"- {stars}{head} {value}")
        paper.sections.append((name, text))


@st.composite
def written_files(draw: st.DrawFn) -> tuple[str, str, list[Written]]:
    numbers = draw(st.lists(st.integers(1, 99999), unique=True, min_size=1, max_size=4))
    papers = [draw(written(number)) for number in numbers]
    header = draw(st.sampled_from(["## Daily Papers (2024-07-16)\n", "# 2024.7.16", ""]))
    headers = [header] * draw(st.integers(1, 2))
    text = "\n".join([*headers, *(line for paper in papers for line in paper.lines)])
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return "2024-07-16.md", mark + text.replace("\n", newline), papers


@ALWAYS_THE_SAME
@given(written_files())
def test_what_was_written_is_what_is_read(made: tuple[str, str, list[Written]]) -> None:
    name, text, wanted = made
    papers, remarks = read_markdown(text, name)
    assert remarks == []
    check(text, papers)
    found = [
        Written(p.id, p.title, p.votes, p.authors, p.more_authors, p.thumbnail,
                [(s.name, s.text) for s in p.sections])
        for p in papers
    ]  # fmt: skip
    assert found == [replace(paper, lines=[]) for paper in wanted]
    assert {paper.date for paper in papers} == {date(2024, 7, 16)}


# No letters of ASCII: `\n` before `abla` is LaTeX, and has tests of its own.
PLAIN = st.text("가나다 é😀'\"\\[]{}():,#\n\t19\u200b\x85\u2028\xa0", min_size=1)
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN | st.integers(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(PLAIN, inner, min_size=1, max_size=3)
    ),
    max_leaves=6,
)


def prose(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {prose(item)}" for key, item in value.items())
    return "\n".join(map(prose, value)) if isinstance(value, list) else str(value)


@ALWAYS_THE_SAME
@given(st.tuples(PLAIN, VALUES).map(list) | st.dictionaries(PLAIN, VALUES, min_size=1))
def test_any_literal_becomes_its_prose(value: Any) -> None:
    text = f"{HEAD}- **이름**: {value!r}\n- **끝**: 끝.\n"
    [paper], _ = read_markdown(text, "a.md")
    said = [one for one in (prose(value), "끝.") if one.strip()]  # a list of spaces says nothing
    assert [section.text for section in paper.sections] == said
    check_places(text, paper.sections[0])


@ALWAYS_THE_SAME
@given(PLAIN.filter(lambda text: text.strip() and text[0] not in "[{("), st.booleans())
def test_any_text_comes_out_of_json_as_it_went_in(text: str, ascii_only: bool) -> None:
    row = {"id": "가", "date": "2024-07-16", "sections": [{"text": text}]}
    line = json.dumps(row, ensure_ascii=ascii_only)
    [paper], remarks = read_jsonl(f"\n{line}\n", "a.jsonl")
    assert remarks == []
    assert paper.sections[0].text == text
    check_places(f"\n{line}\n", paper.sections[0])


# Passages

LONG = st.lists(st.tuples(MESSY, st.integers(1, 60)), max_size=4).map(
    lambda parts: "".join(text * times for text, times in parts)
)


@ALWAYS_THE_SAME
@given(LONG, st.lists(st.integers(0, 5_000), max_size=40, unique=True).map(sorted))
def test_passages_leave_out_only_white_space_and_bullets(text: str, cuts: list[int]) -> None:
    starts = [cut for cut in cuts if cut < len(text)]
    sentences = [(start, len(text)) for start in starts]
    done = 0
    left = ""
    for (start, end), inner in cut_section(text, sentences):
        assert done <= start < end <= len(text)
        spans = [(start + a, start + b) for a, b in inner]
        assert (spans[0][0], spans[-1][1]) == (start, end)
        assert len(spans) == 1 or end - start <= MAX_CHARS
        for a, b in spans:
            assert text[a:b] == text[a:b].strip() != ""
            assert b - a <= HARD_MAX_CHARS
            assert done <= a
            left += text[done:a] + "\n"
            done = b
    left += text[done:]
    assert all(part in ("", "-", "*", "+", "•") for part in left.split())


@ALWAYS_THE_SAME
@given(st.lists(SENTENCE, min_size=1, max_size=40), st.sampled_from(["\n- ", " ", "\n"]))
def test_passages_stand_where_their_source_says(sentences: list[str], joint: str) -> None:
    text = HEAD + "- **이름**: " + joint.join(sentences) + "\n"
    [paper], _ = read_markdown(text, "a.md")
    whole = paper.sections[0].text
    for number, (span, inner) in enumerate(cut_section(whole, [(0, len(whole))])):
        passage = make_passage(paper, 0, number, span, inner)
        assert passage.id == f"2407.00001#0.{number}"
        assert (passage.paper, passage.section) == ("2407.00001", "이름")
        assert text[passage.source.start : passage.source.end] == passage.text
        for start, end in passage.sentences:
            place = passage.locate(start, end)
            assert text[place.start : place.end] == passage.text[start:end]


def test_no_passage_begins_inside_a_word() -> None:
    """The analysis finds ends of sentences in misspelt words."""
    text = "좋은결과를보였으멘 그리고 낫다."
    assert cut_section(text, [(0, 4), (4, 9), (10, len(text))]) == [
        ((0, len(text)), [(0, 9), (10, len(text))])
    ]


def test_a_dash_inside_a_line_is_no_bullet() -> None:
    text = "- 가 나.\n  - 다 - 라."
    [(span, sentences)] = cut_section(text, [(2, 6), (9, 12), (13, len(text))])
    assert [text[span[0] + a : span[0] + b] for a, b in sentences] == ["가 나.", "다", "- 라."]


@pytest.mark.parametrize("joint", ["", " "])
def test_a_sentence_without_an_end_is_cut_and_nothing_lost(joint: str) -> None:
    text = joint.join(str(number) for number in range(1_500))
    cuts = cut_section(text, [(0, len(text))])
    assert len(cuts) > 1
    assert joint.join(text[start:end] for (start, end), _ in cuts) == text
