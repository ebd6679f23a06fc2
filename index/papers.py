"""Paper, Section and Passage: the words that everything else uses."""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

MAX_TITLE = 10_000  # characters; a token's place in it has 16 bits
MAX_VOTES = 10**9  # what 32 bits hold, and more than a paper ever had

_ARXIV = re.compile(
    r"(?:(?:arxiv\.org/(?:abs|pdf|html)|huggingface\.co/papers|alphaxiv\.org/abs)/|^(?:arxiv:)?)"
    r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?!\d)",
    re.IGNORECASE,
)
# Year and month, so that no other number with a point is taken for one.
_NUMBER = re.compile(r"(?<![\d.])\d\d(?:0[1-9]|1[0-2])\.\d{4,5}(?![\d.]*\d)")


@dataclass(frozen=True, slots=True)
class Source:
    """A span of a digest file, in characters of its text as decoded, newlines untranslated."""

    file: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Run:
    """`length` characters that stand in a text at `text` and in the digest file at `source`."""

    text: int
    source: int
    length: int


def locate(runs: tuple[Run, ...], whole: Source, start: int, end: int) -> Source:
    """Find the text's span `[start, end)` in the digest file.

    Text between two runs was rewritten (an escape, a list made prose); it is located
    at whatever the file holds between those runs.

    Args:
        runs: What the text took over from the file as it is, in order.
        whole: Where the whole text stands.
        start: The first character, counted in the text.
        end: One past the last character; `end > start`.
    """
    first = bisect_right(runs, start, key=lambda run: run.text) - 1
    last = bisect_right(runs, end - 1, key=lambda run: run.text) - 1
    begin, finish = whole.start, whole.end
    if first >= 0:
        run = runs[first]
        begin = run.source + min(start - run.text, run.length)
    if last >= 0 and end <= runs[last].text + runs[last].length:
        finish = runs[last].source + end - runs[last].text
    elif last + 1 < len(runs):
        finish = runs[last + 1].source
    return Source(whole.file, begin, finish)


def arxiv_numbers(text: str) -> list[str]:
    """The arXiv numbers that stand in a text, in order, each once."""
    return list(dict.fromkeys(_NUMBER.findall(text)))


def paper_id(address: str) -> str:
    """Name a paper by its arXiv number, without a version, or else by its address."""
    if match := _ARXIV.search(address):
        return match.group(1)
    return re.sub(r"[^\w./=-]+", "-", re.sub(r"^\w+://(?:www\.)?", "", address)).strip("-/.")


@dataclass(frozen=True, slots=True)
class Section:
    """A named part of a paper's summary.

    `text` is the digest's own characters but where they had to be rewritten; `runs`
    says which characters of `text` stand where in the file.
    """

    name: str
    text: str
    source: Source
    runs: tuple[Run, ...]

    def locate(self, start: int, end: int) -> Source:
        """Find `text[start:end]` in the digest file."""
        return locate(self.runs, self.source, start, end)


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper with its summary, as the newest digest that holds it has it.

    `dates` are all the days it appeared on, oldest first; `date` is the last of them.
    `more_authors` says that the digest cut the list of authors short.
    """

    id: str
    title: str
    url: str
    date: dt.date | None
    dates: tuple[dt.date, ...]
    votes: int | None
    authors: tuple[str, ...]
    more_authors: bool
    thumbnail: str | None
    sections: tuple[Section, ...]
    flags: tuple[str, ...] = ()


def oldest_first(papers: Iterable[Paper]) -> tuple[Paper, ...]:
    """Papers in the order that a snapshot has them: by day, then as they stand in the digests."""

    def place(paper: Paper) -> tuple[dt.date, str, int]:
        source = paper.sections[0].source
        return paper.date or dt.date.min, source.file, source.start

    return tuple(sorted(papers, key=place))


@dataclass(frozen=True, slots=True)
class Passage:
    """What is embedded and shown: some whole sentences of one section.

    `id` is the paper's id, the section's number and the passage's number in it, such as
    `2407.10058#1.0`. `source` and `runs` place `text` in the digest file, as for a section.
    """

    id: str
    paper: str
    section: str
    text: str
    source: Source
    runs: tuple[Run, ...]
    sentences: tuple[tuple[int, int], ...]

    def locate(self, start: int, end: int) -> Source:
        """Find `text[start:end]` in the digest file."""
        return locate(self.runs, self.source, start, end)

    def is_verbatim(self, start: int, end: int) -> bool:
        """Whether `text[start:end]` stands in the digest file as it is."""
        return any(r.text <= start and end <= r.text + r.length for r in self.runs)
