"""What `nonmun similar` prints: for people, for mail, or what the HTTP service replies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from rag import printing
from rag.because import Because
from rag.legs import Status
from rag.reading_list import ReadingList
from rag.search import Searcher
from rag.service import replies
from rag.similar import Similar
from rag.terminal import count

_UNKNOWN_SHOWN = 20
_NAMES_SHOWN = 4
_INDENT = "    "


def similar(result: Similar, version: str, took_ms: float, as_json: bool) -> None:
    """What papers are similar."""
    if as_json:
        printing.print_reply(replies.similar_reply(result, version, took_ms))
        return
    console = printing.open_console()
    printing.print_legs(console, result.legs)
    if not result.hits:
        console.print("No paper passes the filters.")
    for number, one in enumerate(result.hits, 1):
        printing.print_numbered(console, number, one.hit)
        if reasons := "; ".join(_reasons(one.because)):
            printing.print_hanging(console, Text(f"shares {reasons}", "dim"))


def recommended(result: Similar, searcher: Searcher) -> None:
    """What is new for a reading list, as plain text for mail; nothing where there is nothing."""
    failed = [leg for leg, status in result.legs.items() if status is Status.FAILED]
    if failed:
        print(f"nonmun: these legs failed: {', '.join(failed)}", file=sys.stderr)
    for number, one in enumerate(result.hits, 1):
        paper, because = one.hit.paper, one.because
        facts = [paper.date.isoformat()] if paper.date else []
        facts += [count(paper.votes, "vote")] if paper.votes is not None else []
        if number > 1:
            print()
        print(f"{f'{number}.':<{len(_INDENT)}}{paper.title}")
        print(f"{_INDENT}{paper.url}")
        if facts or paper.flags:
            doubts = f"  ! {', '.join(paper.flags)}" if paper.flags else ""
            print(f"{_INDENT}{', '.join(facts)}{doubts}")
        if because.like_paper and (row := searcher.row_of(because.like_paper)) is not None:
            print(f"{_INDENT}like {searcher.snapshot.paper(row).title} ({because.like_paper})")
        if reasons := "; ".join(_reasons(because)):
            print(f"{_INDENT}shares {reasons}")


def _reasons(because: Because) -> Iterator[str]:
    names = [
        f"{one.korean} ({one.english})" if one.korean else one.english
        for one in because.names[:_NAMES_SHOWN]
    ]
    said = " ".join(names).casefold()
    words = [term for term in because.terms if term.casefold() not in said]
    if names or words:
        yield ", ".join([*names, *words])
    if because.authors:
        yield f"authors: {', '.join(because.authors)}"


def unknown(found: ReadingList, path: Path) -> None:
    """Say on standard error which lines of a reading list name no paper that is here."""
    for line in found.unknown[:_UNKNOWN_SHOWN]:
        print(f"nonmun: {path}:{line.number}: no paper {line.name[:100]!r} here", file=sys.stderr)
    if (more := len(found.unknown) - _UNKNOWN_SHOWN) > 0:
        print(f"nonmun: {path}: {more:,} more lines name no paper here", file=sys.stderr)
