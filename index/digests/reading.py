"""Sources -> papers: read every file, merge what appears twice, report what can't be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from index.digests.jsonl import read_jsonl
from index.digests.markdown import read_markdown
from index.digests.problems import Problem, Severity
from index.digests.sources import JSON_LINES, DigestFile, find_files
from index.papers import Paper

MAX_FILE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Reading:
    """What the sources hold: `entries` as read, `papers` once each, oldest first."""

    files: int
    entries: int
    papers: tuple[Paper, ...]
    remarks: tuple[Problem, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read."""
        return tuple(r for r in self.remarks if r.severity is Severity.PROBLEM)

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What was read but is worth knowing."""
        return tuple(r for r in self.remarks if r.severity is Severity.NOTE)


def read_digests(
    sources: Iterable[str | Path],
    on_file: Callable[[int, int], None] | None = None,
) -> Reading:
    """Read papers from directories, files and globs.

    Args:
        sources: Paths as a user gives them.
        on_file: Called with (files done, files in all), first with 0 done.

    Returns:
        The papers and everything that could not be read; nothing is raised for bad input.
    """
    files, remarks = find_files(sources)
    entries: list[Paper] = []
    if on_file:
        on_file(0, len(files))
    for done, file in enumerate(files, 1):
        papers, problems = read_file(file)
        entries += papers
        remarks += problems
        if on_file:
            on_file(done, len(files))
    merged, notes = _merge(entries)
    return Reading(len(files), len(entries), merged, (*remarks, *notes))


def read_file(file: DigestFile) -> tuple[list[Paper], list[Problem]]:
    """Read one file, whatever is in it."""
    try:
        text = _decode(file.path)
    except _UnreadableError as error:
        return [], [Problem(file.name, error.line, str(error))]
    read = read_jsonl if file.path.suffix.lower() in JSON_LINES else read_markdown
    return read(text, file.name)


class _UnreadableError(Exception):
    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


def _decode(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise _UnreadableError(f"{size:,} bytes; up to {MAX_FILE_BYTES:,} are read")
        data = path.read_bytes()
    except OSError as error:
        raise _UnreadableError((error.strerror or "can't be read").lower()) from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _UnreadableError("UTF-16, save it as UTF-8")
    if b"\0" in data:
        raise _UnreadableError(
            "a binary file, not text", data[: data.index(b"\0")].count(b"\n") + 1
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        byte = data[error.start]
        raise _UnreadableError(
            f"not UTF-8 (byte 0x{byte:02x}){_other_encoding(data)}", line
        ) from None
    if not text.strip("\ufeff \t\r\n"):
        raise _UnreadableError("an empty file")
    return text


def _other_encoding(data: bytes) -> str:
    try:
        text = data.decode("cp949")
    except UnicodeDecodeError:
        return ""
    hangul = sum("가" <= c <= "힣" for c in text)
    return "; it looks like CP949 (EUC-KR), save it as UTF-8" if hangul * 20 > len(text) else ""


def _merge(papers: Iterable[Paper]) -> tuple[tuple[Paper, ...], list[Problem]]:
    """One paper an id: the newest text, every date; a later entry wins within a day."""
    merged: dict[str, Paper] = {}
    notes: list[Problem] = []
    for paper in papers:
        held = merged.get(paper.id)
        if held is None:
            merged[paper.id] = paper
            continue
        older, newer = sorted((held, paper), key=lambda p: p.date or date.min)
        days = sorted({*older.dates, *newer.dates})
        reason = (
            f"{paper.id} stands in {len(days)} digests, the text of {newer.date} is taken"
            if len(days) > 1
            else f"{paper.id} stands twice in the digests of {newer.date or 'no date'},"
            " the later text is taken"
        )
        notes.append(Problem(paper.sections[0].source.file, None, reason, Severity.NOTE))
        merged[paper.id] = replace(
            newer,
            dates=tuple(days),
            votes=older.votes if newer.votes is None else newer.votes,
            authors=newer.authors or older.authors,
            more_authors=newer.more_authors if newer.authors else older.more_authors,
            thumbnail=newer.thumbnail or older.thumbnail,
        )
    ordered = sorted(
        merged.values(),
        key=lambda p: (p.date or date.min, p.sections[0].source.file, p.sections[0].source.start),
    )
    return tuple(ordered), notes
