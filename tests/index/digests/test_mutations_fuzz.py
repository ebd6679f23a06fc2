"""Digests as they are, changed as files get changed: each place stays right, or it is reported."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.digests.jsonl import read_jsonl
from index.digests.literals import take_escaped, take_literal
from index.digests.mapped import MappedText
from index.digests.markdown import read_markdown
from index.digests.reading import read_file
from index.digests.sources import DigestFile
from tests.fuzz.seeds import HEAD, SAMPLES, WORDS, seeds
from tests.index.digests.test_properties import check

QUICK = settings(derandomize=True, deadline=None, max_examples=60)
THOROUGH = settings(derandomize=True, deadline=None, max_examples=3_000)
LIMIT_S = 4.0  # what grows with the square of the length takes minutes; all others one second

SEEDS = [(data[0], data[1:].decode()) for data in seeds()]
MARKDOWN = [text for kind, text in SEEDS if not kind]
ROWS = [text for kind, text in SEEDS if kind]


@st.composite
def mutated(draw: st.DrawFn, texts: list[str], most: int = 6) -> str:
    """Valid digests with lines and characters taken out, put in, doubled, swapped and joined."""
    lines = "\n".join(draw(st.lists(st.sampled_from(texts), min_size=1, max_size=2))).split("\n")
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, len(lines) - 1))
        other = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = draw(st.integers(0, len(line)))
        length = draw(st.integers(0, 8))
        match draw(st.integers(0, 7)):
            case 0:
                lines[at] = line[:cut] + draw(st.sampled_from(WORDS)) + line[cut:]
            case 1:
                lines[at] = line[:cut] + line[cut + length :]
            case 2:
                lines[at] = line[:cut] + draw(st.text(max_size=4)) + line[cut + length :]
            case 3:
                lines[at : at + 1] = [line, line]
            case 4:
                lines[at], lines[other] = lines[other], lines[at]
            case 5:
                lines[at : at + 1] = [line[:cut], line[cut:]]
            case 6:
                lines[at] = line[:cut] + lines[other][cut:]
            case 7 if len(lines) > 1:
                del lines[at]
    return draw(st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])).join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutations")


def read_and_check(folder: Path, name: str, data: bytes) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    begin = time.process_time()
    papers, problems = read_file(DigestFile(name, path))
    assert time.process_time() - begin < LIMIT_S
    assert papers or problems
    assert all(problem.file == name and problem.reason for problem in problems)
    "".join(map(str, problems)).encode()
    if papers:
        check(data.decode(), papers)


@pytest.fixture(params=["few", pytest.param("many", marks=pytest.mark.slow)])
def budget(request: pytest.FixtureRequest) -> settings:
    return QUICK if request.param == "few" else THOROUGH


def test_digests_that_somebody_changed_keep_their_places(folder: Path, budget: settings) -> None:
    @budget
    @given(mutated(MARKDOWN))
    def changed(text: str) -> None:
        read_and_check(folder, "2024-07-16.md", text.encode(errors="replace"))

    changed()


def test_rows_that_somebody_changed_keep_their_places(folder: Path, budget: settings) -> None:
    @budget
    @given(mutated(ROWS))
    def changed(text: str) -> None:
        read_and_check(folder, "2024-07-16.jsonl", text.encode(errors="replace"))

    changed()


def test_damaged_bytes_are_read_or_reported(folder: Path, budget: settings) -> None:
    files = [path.read_bytes()[:6_000] for path in sorted(SAMPLES.glob("*.md"))]
    rows = [row.encode() for row in ROWS[:6]]

    @budget
    @given(
        st.sampled_from(files + rows),
        st.lists(st.tuples(st.integers(0, 6_000), st.binary(max_size=3)), max_size=3),
        st.none() | st.integers(0, 6_000),
        st.sampled_from([".md", ".jsonl"]),
    )
    def damaged(
        data: bytes, changes: list[tuple[int, bytes]], end: int | None, suffix: str
    ) -> None:
        for at, new in changes:
            data = data[:at] + new + data[at + len(new) :]
        read_and_check(folder, f"2024-07-16{suffix}", data[:end])

    damaged()


@QUICK
@given(
    st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=12).map("".join),
    st.integers(0, 50),
    st.booleans(),
)
def test_any_value_is_a_literal_or_stays_as_it_is(body: str, place: int, listed: bool) -> None:
    """What `take_literal` refuses has left nothing behind; what it takes is found in its source."""
    body = body.encode(errors="ignore").decode()
    value = f"[{body}]" if listed else body
    out = MappedText()
    taken = take_literal(out, value, place)
    assert taken or (out.text, out.runs) == ("", ())
    for run in out.runs:
        start = run.source - place
        assert out.text[run.text : run.text + run.length] == value[start : start + run.length]
    out.text.encode()


@QUICK
@given(st.text("\\xuU0189aAdDcCnt'\"가/}{N", max_size=30), st.integers(0, 50))
@example("\\ud83d\\ud83d\\ude00", 0)
@example("\\U0010ffff\\U00110000\\777", 3)
def test_any_escape_is_resolved_or_stays_as_it_is(body: str, place: int) -> None:
    out = MappedText()
    take_escaped(out, body, place)
    for run in out.runs:
        start = run.source - place
        assert out.text[run.text : run.text + run.length] == body[start : start + run.length]
    out.text.encode()


LENGTH = 200_000  # that each is repeated to: what is quadratic would take minutes
PATTERNS = [
    *("[", "]", "(", "<", "<a ", "<a>", "*", "**", "![", "![a](", "[a](", "\\", "'", '"', "- "),
    *("['a',", "[[", "{'a':", "1+", "not ", "lambda:", "~", "`", "\t", "\n", "\r", "\x85", "："),
    *("\n- **a**:", "\n### [a](b)\n- c", "\n#### a", "\n```\n", "\n![](a)", "\nVote: 1", "#"),
    *("\nAuthors: a", "\u0301", "'a' ", "\\N{", "\\x", "\\ud83d", "'\\", " #", "2024-", "- - "),
    *('{"a":', '"', "\\u0000", '{"id":"a"}\n', "[1,", "-", "9", "1e9", "\n- a\n\n"),
]
STARTS = ["", "- **이름**: ['", "### [", "![", "Authors: [", "- **", "<video", "["]


@pytest.mark.parametrize("pattern", PATTERNS, ids=map(ascii, PATTERNS))
def test_no_pattern_takes_long(pattern: str) -> None:
    for start in STARTS:
        text = HEAD + start + pattern * (LENGTH // len(pattern))
        begin = time.process_time()
        papers, problems = read_markdown(text, "a.md")
        took = time.process_time() - begin
        assert papers or problems
        assert took < LIMIT_S, start


@pytest.mark.parametrize("pattern", PATTERNS, ids=map(ascii, PATTERNS))
def test_no_pattern_takes_long_in_a_row(pattern: str) -> None:
    text = json.dumps({"id": "가", "sections": [{"text": "x"}]}, ensure_ascii=False)
    for start in ("", text.partition("x")[0]):
        row = start + pattern * (LENGTH // len(pattern))
        begin = time.process_time()
        papers, problems = read_jsonl(row + text.partition("x")[2], "a.jsonl")
        took = time.process_time() - begin
        assert papers or problems
        assert took < LIMIT_S, start
