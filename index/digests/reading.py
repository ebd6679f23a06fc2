"""Sources -> papers: read every file, merge what appears twice, report what can't be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from index.digests.jsonl import read_jsonl
from index.digests.markdown import read_markdown
from index.digests.problems import AboutPaper, Problem, Severity
from index.digests.sources import JSON_LINES, DigestFile, find_files
from index.forgotten import NOTHING, Forgotten, plain_id
from index.papers import Paper, oldest_first

Read = tuple[list[Paper], list[Problem]]
ReadAll = Callable[[Sequence[DigestFile]], Iterable[tuple[int, Read]]]
_Key = tuple[DigestFile, tuple[int, ...]]  # a file, and its state

MAX_FILE_BYTES = 1 << 30
_ROUNDS = 5  # of reading what was changed while it was read
_PAUSE_S = 0.2  # before each but the first


@dataclass(frozen=True, slots=True)
class Reading:
    """What the sources hold: `entries` as read, `papers` once each, oldest first.

    `left_out` are the ids of papers that stand there and are forgotten, as `plain_id` has them:
    for the build, not for people.
    """

    files: int
    entries: int
    papers: Sequence[Paper]
    remarks: tuple[Problem, ...]
    left_out: frozenset[str] = frozenset()

    @property
    def forgotten(self) -> int:
        """How many papers were left out because they are forgotten."""
        return len(self.left_out)

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
    forgotten: Forgotten = NOTHING,
    read: ReadAll | None = None,
) -> Reading:
    """Read papers from directories, files and globs.

    Args:
        sources: Paths as a user gives them.
        on_file: Called with (files done, files in all), first with 0 done.
        forgotten: Papers to leave out, and whatever would be said of them.
        read: Reads the files; `None` reads them here, one after the other.

    Returns:
        The papers and everything that could not be read; nothing is raised for bad input.
    """
    sources = list(sources)
    files, found, remarks = _read_steadily(sources, on_file, read or read_files)
    entries = [paper for papers, _ in found for paper in papers]
    remarks += [problem for _, problems in found for problem in problems]
    left_out = frozenset(plain_id(paper.id) for paper in entries if forgotten.holds(paper))
    # A digest may leave out an author that another one names: the paper is forgotten in both.
    forgotten = replace(forgotten, papers=forgotten.papers | left_out)
    kept = [paper for paper in entries if not forgotten.holds(paper)]
    merged, notes = _merge(kept)
    said = _without(forgotten, remarks)
    return Reading(files, len(kept), merged, (*said, *notes), left_out)


def _read_steadily(
    sources: Sequence[str | Path], on_file: Callable[[int, int], None] | None, read: ReadAll
) -> tuple[int, list[Read], list[Problem]]:
    """Read all files as they are at one moment, though somebody may be writing them.

    Returns:
        How many files there are, what is in each, and remarks about the sources.
    """
    known: dict[_Key, Read] = {}
    for left in reversed(range(_ROUNDS)):
        files, remarks = find_files(sources)
        if on_file and left == _ROUNDS - 1:
            on_file(0, len(files))
        keys = [(file, file.state) for file in files]
        new = [key for key in keys if key not in known]
        for done, (number, found) in enumerate(read([file for file, _ in new]), 1):
            known[new[number]] = found
            if on_file and left == _ROUNDS - 1:
                on_file(done, len(files))
        again, _ = find_files(sources)
        if [(file, file.state) for file in again] == keys:
            break
        if not left:
            reason = "files were still being written when they were read; build again"
            remarks.append(Problem(str(sources[0]), None, reason))
        else:
            time.sleep(_PAUSE_S)
    return len(files), [known[key] for key in keys], remarks


def read_files(files: Sequence[DigestFile]) -> Iterator[tuple[int, Read]]:
    """Read files one after the other: the number of each, and what is in it."""
    return ((number, read_file(file)) for number, file in enumerate(files))


def read_file(file: DigestFile) -> Read:
    """Read one file, whatever is in it."""
    try:
        text = _decode(file.path)
    except _UnreadableError as error:
        return [], [Problem(file.name, error.line, str(error))]
    read = read_jsonl if file.path.suffix.lower() in JSON_LINES else read_markdown
    return read(text, file.name)


def _without(forgotten: Forgotten, remarks: Iterable[Problem]) -> Iterator[Problem]:
    """The remarks that are not about forgotten papers: they quote titles, ids and texts."""
    for remark in remarks:
        if not isinstance(remark, AboutPaper):
            yield remark
        elif not forgotten.names(remark.paper, remark.authors):
            yield remark.plain()


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
    return oldest_first(merged.values()), notes
