"""The real digests, where they are at hand: nothing is lost, every place is right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.digests import Reading, Severity, read_digests
from index.lexical import Analyzer
from index.papers import Paper
from index.passages import cut_section, make_passage

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "daily_papers"
FIVE_DAYS = {
    "2024-02-16": 13,
    "2024-07-04": 9,
    "2024-07-12": 21,
    "2024-07-16": 16,
    "2024-09-25": 17,
}

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no corpus at {CORPUS}")


@pytest.fixture(scope="module")
def reading() -> Reading:
    return read_digests([CORPUS])


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    found = {}
    for path in sorted(CORPUS.glob("*.md")):
        with path.open(encoding="utf-8", newline="") as file:
            found[path.name] = file.read()
    return found


def test_every_entry_is_read(reading: Reading, files: dict[str, str]) -> None:
    headings = sum(len(re.findall(r"(?m)^### ", text)) for text in files.values())
    assert reading.entries == headings == 4_343
    assert len(reading.papers) == len({paper.id for paper in reading.papers}) == 4_342
    assert reading.files == len(files) == 306


def test_nothing_is_wrong_with_them(reading: Reading) -> None:
    assert reading.problems == ()
    [note] = reading.notes
    assert note.severity is Severity.NOTE
    assert note.reason.endswith(" stands in 2 digests, the text of 2024-10-18 is taken")


def test_the_five_days() -> None:
    reading = read_digests(CORPUS / f"{day}.md" for day in FIVE_DAYS)
    found = Counter(str(paper.date) for paper in reading.papers)
    assert found == FIVE_DAYS
    assert (reading.entries, len(reading.papers), reading.remarks) == (76, 76, ())


def test_what_is_known_of_the_papers(reading: Reading) -> None:
    twice = [paper for paper in reading.papers if len(paper.dates) > 1]
    assert len(twice) == 1
    for paper in reading.papers:
        assert re.fullmatch(r"\d{4}\.\d{5}", paper.id)
        assert paper.date is not None
        assert paper.date == paper.dates[-1]
        assert paper.title.strip()
        for author in paper.authors:
            assert not set("[]+") & set(author)


def test_every_section_stands_where_its_source_says(
    reading: Reading, files: dict[str, str]
) -> None:
    for paper in reading.papers:
        for section in paper.sections:
            source = section.source
            text = files[source.file]
            span = text[source.start : source.end]
            taken = 0
            for run in section.runs:
                place = text[run.source : run.source + run.length]
                assert place == section.text[run.text : run.text + run.length]
                assert source.start <= run.source <= run.source + run.length <= source.end
                taken += run.length
            if taken == len(section.text):
                assert section.text == span
            else:
                assert span[0] in "[{" or re.search(r"[\a\b\t\n\v\f\r]", span)


# Every word of the files, found by rules that know nothing of the reader's.

WORD = re.compile(r"\w+")
ABOUT = re.compile(r"(Vote:|Authors:|!\[|\[Watch Video\]|</?div|<video)")
NAMED = re.compile(r"- \*\*\*?([^*:]+)(?:\*\*\*?:|:\*\*\*?)")


def entries(files: dict[str, str]) -> Iterator[tuple[tuple[str, str], list[str]]]:
    """The file and id of each paper, and the lines of its summary."""
    for name, text in files.items():
        for entry in re.split(r"(?m)^##+ (?!\[)|^### (?=\[)", text):
            heading, _, body = entry.partition("\n")
            if not heading.startswith("["):
                assert not body.strip()
                continue
            [number] = re.findall(r"\(https?://[^()]*?(\d{4}\.\d{5})\)\s*$", heading)
            lines = body.split("\n")
            while lines and (not lines[0].strip() or ABOUT.match(lines[0])):
                lines.pop(0)
            yield (name, number), lines


def names_and_words(lines: list[str]) -> tuple[list[str], Counter[str]]:
    names, words = [], Counter[str]()
    for line in lines:
        text = line
        if match := NAMED.match(line):
            names.append(match.group(1).replace("’", "'").strip())
            text = line[match.end() :]
        if text.strip()[:2] in ("['", '["', "{'", '{"', "[{"):
            text = re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), text)
            text = re.sub(r"\\([nt'\"\\])", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text)
        text = text.replace("\text", r"\text").replace("\b", r"\b").replace("\f", r"\f")  # LaTeX
        words.update(WORD.findall(text))
    return names, words


def words_of_passages(papers: list[Paper]) -> list[Counter[str]]:
    """The words of the passages that a build would cut, a paper each."""
    analyses = Analyzer().analyze_all(s.text for paper in papers for s in paper.sections)
    found = []
    for paper in papers:
        words = Counter[str]()
        for number, section in enumerate(paper.sections):
            cuts = cut_section(section.text, next(analyses).sentences)
            for i, (span, sentences) in enumerate(cuts):
                passage = make_passage(paper, number, i, span, sentences)
                words.update(WORD.findall(passage.text))
        found.append(words)
    return found


@pytest.mark.slow
def test_every_word_of_every_section_is_in_a_passage(
    reading: Reading, files: dict[str, str]
) -> None:
    """All of them, as often as they stand there, and no other."""
    papers = list(reading.papers)
    held = {
        (paper.sections[0].source.file, paper.id): (paper, words)
        for paper, words in zip(papers, words_of_passages(papers), strict=True)
    }
    for key, lines in entries(files):
        if key == ("2024-10-16.md", "2410.09342"):
            continue  # it stands in the next day's digest again, and that text is taken
        paper, words = held.pop(key)
        names, wanted = names_and_words(lines)
        assert (key, words) == (key, wanted)
        assert [section.name for section in paper.sections] == (names or ["Summary"])
    assert held == {}
