"""Papers as JSON Lines, for those who don't have Markdown: one object a line.

`{"id", "title", "url", "date", "sections": [{"name", "text"}]}`, and, where known,
`"votes"`, `"authors"`, `"thumbnail"`.
"""

from __future__ import annotations

import json
import json.scanner
from datetime import date
from typing import Any

from index.digests.literals import take_escaped, take_literal
from index.digests.mapped import MappedText, without_surrogates
from index.digests.markdown import MAX_LINE, SUMMARY, Line, split_lines, tidy_name
from index.digests.problems import AboutPaper, Problem, Severity
from index.papers import MAX_TITLE, MAX_VOTES, Paper, Section, Source, paper_id
from index.passages import has_words


class _Located(str):
    """A JSON string that knows where it stands in its line, quotes left out."""

    start: int
    end: int


class _Decoder(json.JSONDecoder):
    def __init__(self) -> None:
        super().__init__()
        self.parse_string = self._located
        # The C scanner never calls parse_string; the one in Python does.
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]

    @staticmethod
    def _located(text: str, start: int, strict: bool) -> tuple[str, int]:
        value, end = json.decoder.scanstring(text, start, strict)  # type: ignore[attr-defined]
        found = _Located(value)
        found.start, found.end = start, end - 1
        return found, end


def read_jsonl(text: str, file: str) -> tuple[list[Paper], list[Problem]]:
    """Read one file of JSON Lines.

    Args:
        text: The file's characters, newlines untranslated.
        file: The name that sources and problems carry.

    Returns:
        The papers in order, and what could not be read.
    """
    papers: list[Paper] = []
    problems: list[Problem] = []
    for line in split_lines(text):
        if not line.text.strip():
            continue
        row: dict[str, Any] = {}
        try:
            row = _row(line)
            paper = _paper(row, line, file)
            papers.append(paper)
            reason = f"no date for “{paper.title}”" if paper.date is None else None
        except _RowError as error:
            reason = f"{error}; the paper is left out"
        if reason:
            told = file, line.number, reason, Severity.PROBLEM
            problems.append(AboutPaper(*told, *_about(row)))
    if not papers and not problems:
        problems.append(Problem(file, None, "no papers in it"))
    return papers, problems


class _RowError(Exception):
    pass


def _row(line: Line) -> dict[str, Any]:
    if len(line.text) > MAX_LINE:
        raise _RowError(f"a line of {len(line.text):,} characters, {MAX_LINE:,} are allowed")
    try:
        row = _Decoder().decode(line.text)
    except ValueError as error:
        raise _RowError(f"not JSON: {error}") from None
    except RecursionError:
        raise _RowError("not a paper: nested too deeply") from None
    if not isinstance(row, dict):
        raise _RowError(f"should be a JSON object, not {_kind(row)}")
    return row


def _about(row: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The id and the authors that a row has, whatever is wrong with it."""
    said = [value for value in (row.get("id"), row.get("url")) if isinstance(value, str)]
    name = next((" ".join(_clean(value).split()) for value in said if value.strip()), "")
    authors = row.get("authors")
    authors = authors if isinstance(authors, list) else [authors]
    return name, tuple(_clean(author) for author in authors if isinstance(author, str))


def _paper(row: dict[str, Any], line: Line, file: str) -> Paper:
    url = _string(row, "url", "")
    name = _string(row, "id", "") or (paper_id(url) if url else "")
    if not name:
        raise _RowError("neither an “id” nor a “url”")
    day = _date(row)
    votes = row.get("votes")
    if votes is not None and (type(votes) is not int or not 0 <= votes <= MAX_VOTES):
        raise _RowError(f"“votes” should be a number or null, not {_kind(votes)}")
    authors = row.get("authors") or []
    if not isinstance(authors, list) or not all(isinstance(author, str) for author in authors):
        raise _RowError("“authors” should be a list of names")
    title = _string(row, "title", "") or name
    if len(title) > MAX_TITLE:
        raise _RowError(f"“title” has {len(title):,} characters, up to {MAX_TITLE:,} are read")
    return Paper(
        id=name,
        title=title,
        url=url,
        date=day,
        dates=(day,) if day else (),
        votes=votes,
        authors=tuple(dict.fromkeys(_clean(a) for a in authors if a.strip())),
        more_authors=False,
        thumbnail=_string(row, "thumbnail", "") or None,
        sections=_sections(row, line, file),
    )


def _date(row: dict[str, Any]) -> date | None:
    text = _string(row, "date", "")
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise _RowError(f"“date” should be like 2024-07-16, not {text[:40]!r}") from None


def _sections(row: dict[str, Any], line: Line, file: str) -> tuple[Section, ...]:
    rows = row.get("sections")
    if not isinstance(rows, list):
        raise _RowError(f"“sections” should be a list, not {_kind(rows)}")
    sections = []
    for item in rows:
        if not isinstance(item, dict) or not isinstance(item.get("text"), _Located):
            raise _RowError("each of “sections” should be an object with a “text”")
        text = item["text"]
        section = _section(_string(item, "name", SUMMARY), text, line, file)
        if section:
            sections.append(section)
    if not sections:
        raise _RowError("a paper without sections")
    return tuple(sections)


def _section(name: str, text: _Located, line: Line, file: str) -> Section | None:
    start, end = line.start + text.start, line.start + text.end
    raw = line.text[text.start : text.end]
    out = MappedText()
    if "\\" in raw or not take_literal(out, raw, start):
        take_escaped(out, raw, start)
    if not has_words(out.text):
        return None
    return Section(tidy_name(name), out.text, Source(file, start, end), out.runs)


def _string(row: dict[str, Any], key: str, default: str) -> str:
    value = row.get(key, default)
    if value is None:
        return default
    if not isinstance(value, str):
        raise _RowError(f"“{key}” should be text, not {_kind(value)}")
    return " ".join(_clean(value).split())


def _clean(text: str) -> str:
    return without_surrogates(text).strip()


def _kind(value: object) -> str:
    return "nothing" if value is None else _clean(json.dumps(value, ensure_ascii=False))[:40]
