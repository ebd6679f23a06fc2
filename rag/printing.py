"""What the commands print: for people, or, with `--json`, what the HTTP service replies."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from index.glossary import Entry
from index.manifest import Manifest
from index.papers import Paper
from index.scoring import Leg
from rag.answer import Asked
from rag.citing import Answer, AnswerKind
from rag.legs import Status
from rag.search import Found, Hit, PassageHit
from rag.service import replies
from rag.terminal import count, print_json

_INDENT = 4
_TERM_RULE = "two papers or more have to give one with a translation or an acronym"


def found(result: Found, version: str, took_ms: float, as_json: bool) -> None:
    """What a search found."""
    if as_json:
        print_reply(replies.search_reply(result, version, took_ms))
        return
    console = open_console()
    print_legs(console, result.legs)
    if not result.hits:
        console.print("No paper passes the filters.")
    for number, hit in enumerate(result.hits, 1):
        _hit(console, number, hit)


def asked(result: Asked, version: str, took_ms: float, as_json: bool) -> None:
    """What was answered."""
    if as_json:
        print_reply(replies.ask_reply(result, version, took_ms))
        return
    console = open_console()
    print_legs(console, result.found.legs)
    console.print(Text(result.answer.text, "bold"))
    titles = {hit.paper.id: hit.paper.title for hit in result.found.hits}
    for one in result.answer.citations:
        # Fewer papers may be wanted than answer.
        title = f"{titles[one.paper]} " if one.paper in titles else ""
        console.print(Text(f"  [{one.number}] {title}({one.paper})"))
        place = f"{one.source.file}, characters {one.source.start}-{one.source.end}"
        console.print(Text(f"      {place}", "dim"))
    for line in _about(result.answer):
        console.print(Text(line, "dim"))
    console.print(Text(f"confidence {result.confidence:.2f}", "dim"))
    console.print()
    console.print("Papers:" if result.answerable else "The nearest papers:")
    for number, hit in enumerate(result.found.hits, 1):
        print_numbered(console, number, hit)


def _about(answer: Answer) -> Iterator[str]:
    """What became of an answer that was to be generated."""
    if answer.fallback and answer.kind is AnswerKind.GENERATED:
        yield f"the answer breaks off: {answer.fallback}"
    elif answer.fallback:
        yield f"no answer was generated ({answer.fallback}): these are the papers' own sentences"
    if answer.unsupported:
        left_out = count(answer.unsupported, "generated sentence")
        yield f"{left_out} left out: the passages they cite don't say that"


def terms(found: Sequence[Entry], top_k: int, known: int, version: str, as_json: bool) -> None:
    """The first of the terms that were found, of so many that are known."""
    shown = found[:top_k]
    if as_json:
        rows = [
            {
                "english": one.english,
                "korean": list(one.korean),
                "acronyms": list(one.acronyms),
                "papers": one.count,
            }
            for one in shown
        ]
        print_json({"terms": rows, "total": len(found), "index_version": version})
    elif not known:
        print(f"This version has no terms: {_TERM_RULE}.")
    elif not found:
        print(f"The text has none of the {count(known, 'term')} of this version.")
    else:
        open_console().print(_terms_table(shown))
        if len(shown) < len(found):
            print(f"{len(shown):,} of {count(len(found), 'term')}; --top-k shows more.")
        else:
            rule = f": {_TERM_RULE}" if len(found) == known else ""
            print(f"{count(len(found), 'term')}{rule}.")


def _terms_table(entries: Sequence[Entry]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("English", "Acronyms", "Korean"):
        # Any other overflow takes the space at which a line of Hangul is broken for a letter.
        table.add_column(name, overflow="fold")
    table.add_column("Papers", justify="right", no_wrap=True)
    for one in entries:
        names = one.english, ", ".join(one.acronyms), ", ".join(one.korean), f"{one.count:,}"
        table.add_row(*map(Text, names))
    return table


def serving(address: str, manifest: Manifest, newest: Paper | None) -> None:
    """Where the service is, and a request to try.

    Args:
        address: Of the service.
        manifest: Of what it serves.
        newest: Its newest paper, if that is at hand.
    """
    papers = count(manifest.papers, "paper")
    print(f"nonmun serves {papers} (version {manifest.version}) at {address}")
    if newest:
        body = json.dumps({"question": newest.title.replace("'", " ")}, ensure_ascii=False)
        print("Open it in a browser, or try:")
        print(f"  curl -s {address}/v1/ask -H 'content-type: application/json' \\")
        print(f"    -d '{body}'")
    print(f"All requests: {address}/docs   Stop: Ctrl-C", flush=True)


def open_console() -> Console:
    """Where to print for people: as wide as the terminal; lines are not cut elsewhere."""
    width = shutil.get_terminal_size((100, 24)).columns
    return Console(width=width, highlight=False, soft_wrap=not sys.stdout.isatty())


def _hit(console: Console, number: int, hit: Hit) -> None:
    """A paper with its best passage; the others in a line each."""
    print_numbered(console, number, hit)
    print_hanging(console, Text(hit.paper.url, "dim"))
    for one in hit.passages[:1]:
        print_hanging(console, _passage(one))
    for one in hit.passages[1:]:
        line = _passage(one)
        if console.is_terminal:
            line = Text(" ").join(line.split())
            line.truncate(console.width - _INDENT, overflow="fold")
        print_hanging(console, line)
    console.print()


def _passage(hit: PassageHit) -> Text:
    text = Text(hit.passage.text)
    for start, end in hit.highlights:
        text.stylize("bold yellow", start, end)
    return Text(f"[{hit.passage.section}] ", "cyan").append_text(text)


def print_numbered(console: Console, number: int, hit: Hit) -> None:
    """The title with its number, then what is known of the paper."""
    print_hanging(console, Text(hit.paper.title, "bold"), f"{number}.")
    print_hanging(console, Text(_facts(hit), "dim"))


def print_hanging(console: Console, text: Text, lead: str = "") -> None:
    """Print a text with an indent: wrapped on a terminal, in lines as they are elsewhere."""
    width = console.width - _INDENT
    lines = text.wrap(console, width) if console.is_terminal else [text]
    for line in lines:
        line.rstrip()
        console.print(Text(f"{lead:<{_INDENT}}").append_text(line), soft_wrap=True)
        lead = ""


def _facts(hit: Hit) -> str:
    paper = hit.paper
    facts = [paper.id]
    if paper.date:
        facts.append(paper.date.isoformat())
    if paper.votes is not None:
        facts.append(count(paper.votes, "vote"))
    flags = f"  ! {', '.join(paper.flags)}" if paper.flags else ""
    return f"{', '.join(facts)}{flags}"


def print_legs(console: Console, legs: dict[Leg, Status]) -> None:
    """Say which legs did not give scores, if any."""
    for status, what in (
        (Status.FAILED, "These legs failed"),
        (Status.SLOW, "These legs were too slow and were left out"),
    ):
        concerned = [leg for leg, own in legs.items() if own is status]
        if concerned:
            console.print(Text(f"{what}: {', '.join(concerned)}", "red"))


def print_reply(reply: BaseModel) -> None:
    """Print what the HTTP service replies."""
    print_json(reply.model_dump(mode="json"))
