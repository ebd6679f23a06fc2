"""Daily digests in Markdown: `## day`, `### [title](url)`, and a summary as bullets.

Three layouts share this grammar: plain bullets (one section, `Summary`), `- **Name**: text`
and `- ***Name***: text`. What isn't a heading or a line about the paper is its summary.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from index.digests.literals import take_literal
from index.digests.mapped import MappedText, is_eaten_latex, without_surrogates
from index.digests.problems import AboutPaper, Problem, Severity
from index.papers import MAX_TITLE, Paper, Section, Source, paper_id

SUMMARY = "Summary"
MAX_LINE = 1_000_000

_DATE = re.compile(r"(?<!\d)(\d{4})[-./](\d{1,2})[-./](\d{1,2})(?!\d)")
_DAY = re.compile(r"(?:##(?!#)|#(?!\S))\s*(.*)")  # `#1` in a text is no heading
_ENTRY = re.compile(r"###(?!#)\s*(.*)")
_LINK = re.compile(r"\[(.*)\]\(\s*<?(\S+?)>?\s*\)\s*")
_NAMED_HEADING = re.compile(r"#{4,6}(.*)")
_NAMED = re.compile(r"(?:[-*+][ \t]+)?(\*{2,3})(?!\*)([^*\n]{1,80}?)(?:\1[ \t]*[:：]|[:：]\1)")
_BULLET = re.compile(r"\s*[-*+][ \t]+")
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})(.*)")
_RULE = re.compile(r"\s*([-*_])(?:[ \t]*\1){2,}\s*")
_IMAGE = re.compile(r"""\s*+!\[[^\]]*+\]\(\s*+<?(\S*?)>?(?:\s++(?:"[^"]*+"|'[^']*+'))?\s*+\)\s*+""")
_VIDEO = re.compile(r"\s*\[[^\]]*\](?:\(\S+\)|\w+://\S+)\s*")
_HTML = re.compile(  # nothing but tags, or a film with whatever stands in it
    r"\s*(?=<[A-Za-z/!])(?:(?:<[^>]*>\s*)+|.*<(?:video|source|iframe|img)\b.*)", re.IGNORECASE
)
_VOTE = re.compile(r"\s*votes?\s*[:：](.*)", re.IGNORECASE)
_AUTHORS = re.compile(r"\s*authors?\s*[:：](.*)", re.IGNORECASE)


class Line(NamedTuple):
    """One line without its newline, and where it stands in the file."""

    number: int
    start: int
    text: str


@dataclass(slots=True)
class _Entry:
    line: int
    title: str
    url: str
    day: date | None
    votes: int | None = None
    authors: tuple[str, ...] = ()
    more_authors: bool = False
    thumbnail: str | None = None
    body: list[Line] = field(default_factory=list)


def parse_date(text: str) -> date | None:
    """Find a date such as `2024-07-16`; `None` where there is none.

    Raises:
        ValueError: It looks like a date, but no such day exists.
    """
    match = _DATE.search(text)
    return date(*map(int, match.groups())) if match else None


def parse_authors(text: str) -> tuple[tuple[str, ...], bool]:
    """Split a line of authors; the flag says that `+` or "et al." cut the list short."""
    names = text.split(",")
    if text.startswith("["):
        names = re.sub(r"[\[\]'\"]", "", text).split(",")
        unreadable = SyntaxError, ValueError, TypeError, RecursionError, MemoryError
        with suppress(*unreadable), warnings.catch_warnings(action="ignore"):
            value = ast.literal_eval(text)
            if isinstance(value, list) and all(isinstance(name, str) for name in value):
                names = value
    names = [part for name in names for part in re.split(r"\s(?=\+\s*$)", name)]  # "Kim, Lee +"
    names = [without_surrogates(name).strip() for name in names]
    more = {"+", "...", "…", "et al.", "et al"}
    kept = dict.fromkeys(name for name in names if name and name not in more)
    return tuple(kept), any(name in more for name in names)


def read_markdown(text: str, file: str) -> tuple[list[Paper], list[Problem]]:
    """Read one digest file.

    Args:
        text: The file's characters, newlines untranslated.
        file: The name that sources and problems carry; its date is the day where the
            file's heading has none.

    Returns:
        The papers in order, and what could not be read.
    """
    reader = _Reader(text, file)
    return reader.read(), reader.problems


def split_lines(text: str) -> Iterator[Line]:
    """Cut at newlines only: `str.splitlines` also cuts at form feeds and the like."""
    separator = "\n" if "\n" in text or "\r" not in text else "\r"
    start, number = int(text.startswith("\ufeff")), 1  # the byte-order mark is no text
    while start <= len(text):
        end = text.find(separator, start)
        end = len(text) if end < 0 else end
        stop = end - 1 if separator == "\n" and text[start:end].endswith("\r") else end
        yield Line(number, start, text[start:stop])
        start, number = end + 1, number + 1


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._remarks: list[tuple[Problem, _Entry | None]] = []
        self._has_day = False
        self._lost: list[list[Line]] = []  # runs of text that no paper owns

    @property
    def problems(self) -> list[Problem]:
        """What there is to say, by line, once all is read: an entry's authors come late."""
        return [_about(*one) for one in sorted(self._remarks, key=lambda one: one[0].line or 0)]

    def _report(
        self,
        line: int | None,
        reason: str,
        severity: Severity = Severity.PROBLEM,
        entry: _Entry | None = None,
    ) -> None:
        self._remarks.append((Problem(self._file, line, reason, severity), entry))

    def read(self) -> list[Paper]:
        papers = []
        for entry in self._entries():
            sections = self._sections(entry)
            if not sections:
                reason = f"no summary under “{entry.title}”; the paper is left out"
                self._report(entry.line, reason, entry=entry)
                continue
            if entry.day is None:
                self._report(
                    entry.line,
                    f"no date for “{entry.title}”: neither a heading nor the file's name has one",
                    entry=entry,
                )
            papers.append(
                Paper(
                    id=paper_id(entry.url),
                    title=entry.title,
                    url=entry.url,
                    date=entry.day,
                    dates=(entry.day,) if entry.day else (),
                    votes=entry.votes,
                    authors=entry.authors,
                    more_authors=entry.more_authors,
                    thumbnail=entry.thumbnail,
                    sections=tuple(sections),
                )
            )
        if not papers and not self._remarks:
            reason = "no papers in it: no line such as “### [title](url)”"
            severity = Severity.PROBLEM if self._has_day else Severity.NOTE
            self._report(None, reason, severity)
        else:
            self._report_lost()
        return papers

    def _entries(self) -> Iterator[_Entry]:
        named = self._date_of(self._file.rsplit("/", 1)[-1], None)
        day, entry = named, None
        self._lost.append([])
        lines = list(split_lines(self._text))
        code = _fenced(lines)
        for line in lines:
            heading = None if line.number in code else self._heading_of(line)
            if heading is not None or (entry and line.text.startswith("#") and _too_long(line)):
                if entry:
                    yield entry
                entry = None
                self._lost.append([])
            if _too_long(line):
                self._report(
                    line.number,
                    f"a line of {len(line.text):,} characters, {MAX_LINE:,} are allowed;"
                    " it is left out",
                )
            elif heading is not None and heading.re is _DAY:
                found = self._date_of(heading.group(1), line.number)
                day = found or named
                self._has_day = self._has_day or found is not None
            elif heading is not None:
                entry = self._heading(heading.group(1), line, day)
            elif entry:
                entry.body.append(line)
            elif line.text.strip() and not _RULE.fullmatch(line.text):
                self._lost[-1].append(line)
        if entry:
            yield entry

    @staticmethod
    def _heading_of(line: Line) -> re.Match[str] | None:
        if _too_long(line):
            return None
        return _DAY.fullmatch(line.text) or _ENTRY.fullmatch(line.text)

    def _report_lost(self) -> None:
        """Tell of text that no paper owns."""
        for run in filter(None, self._lost):
            lines = "a line" if len(run) == 1 else f"{len(run)} lines"
            self._report(run[0].number, f"{lines} outside of any paper", Severity.NOTE)

    def _date_of(self, text: str, line: int | None) -> date | None:
        try:
            return parse_date(text)
        except ValueError:
            self._report(line, f"no such day: “{text.strip()}”")
            return None

    def _heading(self, text: str, line: Line, day: date | None) -> _Entry | None:
        match = _LINK.fullmatch(text) if len(text) <= MAX_TITLE else None
        if not match or not paper_id(match.group(2)):
            self._report(
                line.number,
                f"a paper's heading should be “### [title](url)”, this is “### {text[:80]}”;"
                " the paper is left out",
                entry=_Entry(line.number, "", text[:MAX_TITLE], None),  # it may hold the address
            )
            return None
        entry = _Entry(line.number, " ".join(match.group(1).split()), match.group(2), day)
        if not entry.title:
            entry.title = paper_id(entry.url)
            reason = f"the heading has no title; {entry.title} stands in for it"
            self._report(line.number, reason, entry=entry)
        return entry

    def _sections(self, entry: _Entry) -> list[Section]:
        """Take what is said about the paper, then cut the rest into sections."""
        groups: list[tuple[str, list[tuple[int, int]]]] = []
        for line in entry.body:
            if not groups and (not line.text.strip() or self._about(entry, line)):
                continue
            name, start = self._name_of(line)
            if name:
                groups.append((name, []))
            elif not groups:
                groups.append((SUMMARY, []))
            groups[-1][1].append((start, line.start + len(line.text)))
        sections = []
        for name, spans in groups:
            section = self._section(name, spans)
            if section:
                sections.append(section)
            else:
                reason = f"the section “{name}” of “{entry.title}” is empty"
                self._report(entry.line, reason, Severity.NOTE, entry)
        return sections

    def _name_of(self, line: Line) -> tuple[str | None, int]:
        """The section that a line opens, if any, and where its text begins in the file."""
        if match := _NAMED_HEADING.fullmatch(line.text):
            return tidy_name(match.group(1).strip(" \t#")), line.start + len(line.text)
        if match := _NAMED.match(line.text):
            return tidy_name(match.group(2)), line.start + match.end()
        return None, line.start

    def _about(self, entry: _Entry, line: Line) -> bool:
        """Take a line that says something about the paper and isn't its summary."""
        if match := _VOTE.fullmatch(line.text):
            value = match.group(1).strip()
            if re.fullmatch(r"\d{1,9}", value):
                entry.votes = int(value)
            elif value not in ("", "-"):
                reason = f"votes should be a number or “-”, not “{value[:40]}”"
                self._report(line.number, reason, entry=entry)
            return True
        if match := _AUTHORS.fullmatch(line.text):
            entry.authors, entry.more_authors = parse_authors(match.group(1).strip())
            return True
        if match := _IMAGE.fullmatch(line.text):
            entry.thumbnail = match.group(1) or None
            return True
        return bool(_VIDEO.fullmatch(line.text) or _HTML.fullmatch(line.text))

    def _section(self, name: str, spans: list[tuple[int, int]]) -> Section | None:
        """The text between the first and the last character that says something."""
        while spans and self._says_nothing(*spans[-1]):
            spans.pop()
        while spans and self._says_nothing(*spans[0]):
            spans.pop(0)
        if not spans:
            return None
        first, end = spans[0][0], spans[-1][1]
        bullet = _BULLET.match(self._text, first, end)
        start = bullet.end() if bullet else first
        start += len(self._text[start:end]) - len(self._text[start:end].lstrip())
        end = start + len(self._text[start:end].rstrip())
        if start > first and is_eaten_latex(self._text, start - 1):
            start -= 1  # what looked like white space was half of a command
        if start == end:
            return None
        out = MappedText()
        if not take_literal(out, self._text[start:end], start):
            for block_start, block_end in _blocks(spans, start, end):
                if len(out):
                    out.add("\n")
                out.take_restored(self._text[block_start:block_end], block_start)
        if not out.text.strip():  # such as a list of one empty string
            return None
        return Section(name, out.text, Source(self._file, start, end), out.runs)

    def _says_nothing(self, start: int, end: int) -> bool:
        text = self._text[start:end]
        return not text.strip() or _RULE.fullmatch(text) is not None


def _about(problem: Problem, entry: _Entry | None) -> Problem:
    """A remark with the paper that it is about, if it is about one."""
    if entry is None:
        return problem
    place = problem.file, problem.line, problem.reason, problem.severity
    return AboutPaper(*place, paper_id(entry.url), entry.authors)


def _blocks(spans: list[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of `[start, end)` that hold the lines; a line left out parts them."""
    for (_, stop), (following, _) in pairwise(spans):
        if following - stop > len("\r\n"):
            if start < stop:
                yield start, stop
            start = max(start, following)
    yield start, end


def _too_long(line: Line) -> bool:
    return len(line.text) > MAX_LINE


def _fenced(lines: list[Line]) -> set[int]:
    """The numbers of the lines in fenced code, where a heading is an example of one.

    A fence that is never closed fences nothing.
    """
    inside: set[int] = set()
    opened: tuple[int, str] | None = None
    for line in lines:
        match = None if _too_long(line) else _FENCE.match(line.text)
        if not match:
            continue
        marks, rest = match.groups()
        if opened is None:
            opened = (line.number, marks)
        elif marks.startswith(opened[1]) and not rest.strip():
            inside.update(range(opened[0], line.number + 1))
            opened = None
    return inside


def tidy_name(name: str) -> str:
    """`What’s New ` and `What's New:` are the same section."""
    return " ".join(name.replace("’", "'").strip(" \t:：*").split()) or SUMMARY
