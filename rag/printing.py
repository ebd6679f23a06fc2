"""What the commands print: for people, or, with `--json`, what the HTTP service replies."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from index.digests import Problem, Reading
from index.store import Version
from rag.answer import Asked
from rag.legs import Leg, Status
from rag.search import Found, Hit, PassageHit
from rag.service import replies
from rag.similar import Similar

if TYPE_CHECKING:
    from index.build import Built
    from index.plan import Plan
    from rag.evaluation import Scores
    from rag.service.live import Live

_INDENT = 4
_SHOWN = 20  # remarks and ids on the terminal; the report has all


class BuildProgress:
    """A bar for each stage of a build, with counts and the time left, on standard error.

    Where standard error is no terminal, each stage is a line.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        self._bars.stop()

    def stage(self, name: str, total: int) -> None:
        """Begin a bar."""
        self._finish()
        if self._console.is_terminal:
            self._task = self._bars.add_task(name, total=total)
        else:
            self._console.print(f"{name} {total:,}" if total > 1 else name, highlight=False)

    def advance(self, steps: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bars.advance(self._task, steps)

    def _finish(self) -> None:
        if self._task is not None:
            total = next(t.total for t in self._bars.tasks if t.id == self._task)
            self._bars.update(self._task, completed=total)


def built(result: Built, as_json: bool) -> None:
    """What a build did."""
    report = result.report
    if as_json:
        _print_json({"version": result.version, **asdict(report)})
        return
    seconds = sum(report.seconds.values())
    _remarks(result.reading)
    print(
        f"version {result.version}: {_count(report.papers, 'paper')},"
        f" {_count(report.passages, 'passage')}"
        f" ({report.encoded:,} encoded, {report.carried:,} carried over),"
        f" read from {_count(report.files, 'file')}, {seconds:.1f} s"
    )
    if report.plan:
        print(_changes(report.plan))
        kept = len(report.plan.changed) + report.plan.unchanged
        if report.before and len(report.plan.removed) > kept:
            print(f"Most papers are gone; to have them back: nonmun rollback {report.before}")


def plan(result: Plan, reading: Reading, as_json: bool) -> None:
    """What a build would do."""
    if as_json:
        remarks = {"problems": reading.problems, "notes": reading.notes}
        listed = {name: [asdict(one) for one in found] for name, found in remarks.items()}
        _print_json({**asdict(result), **listed})
        return
    _remarks(reading)
    print(_changes(result))
    for sign, ids in (("+", result.added), ("~", result.changed), ("-", result.removed)):
        for name in ids[:_SHOWN]:
            print(f"  {sign} {name}")
        if len(ids) > _SHOWN:
            print(f"  {sign} and {len(ids) - _SHOWN:,} more")


def found(result: Found, version: str, took_ms: float, as_json: bool) -> None:
    """What a search found."""
    if as_json:
        _print_reply(replies.search_reply(result, version, took_ms))
        return
    console = _console()
    _legs(console, result.legs)
    if not result.hits:
        console.print("No paper passes the filters.")
    for number, hit in enumerate(result.hits, 1):
        _hit(console, number, hit)


def asked(result: Asked, version: str, took_ms: float, as_json: bool) -> None:
    """What was answered."""
    if as_json:
        _print_reply(replies.ask_reply(result, version, took_ms))
        return
    console = _console()
    _legs(console, result.found.legs)
    console.print(Text(result.answer.text, "bold"))
    titles = {hit.paper.id: hit.paper.title for hit in result.found.hits}
    for one in result.answer.citations:
        console.print(Text(f"  [{one.number}] {titles[one.paper]} ({one.paper})"))
        place = f"{one.source.file}, characters {one.source.start}-{one.source.end}"
        console.print(Text(f"      {place}", "dim"))
    console.print(Text(f"confidence {result.confidence:.2f}", "dim"))
    console.print()
    console.print("Papers:" if result.answerable else "The nearest papers:")
    for number, hit in enumerate(result.found.hits, 1):
        _numbered(console, number, hit)


def similar(result: Similar, version: str, took_ms: float, as_json: bool) -> None:
    """What papers are similar."""
    if as_json:
        _print_reply(replies.similar_reply(result, version, took_ms))
        return
    console = _console()
    _legs(console, result.legs)
    for number, one in enumerate(result.hits, 1):
        _numbered(console, number, one.hit)
        reasons = [", ".join(one.because.terms)] if one.because.terms else []
        if one.because.authors:
            reasons.append(f"authors: {', '.join(one.because.authors)}")
        if reasons:
            shared = Text(f"shares {'; '.join(reasons)}", "dim")
            _hanging(console, shared)


def scores(result: Scores, as_json: bool) -> None:
    """How questions were answered."""
    if as_json:
        _print_json(asdict(result))
        return
    rows = dict(result.known_item)
    if rows:
        columns = list(rows["all"])
        print(" ".join([f"{'':<10}", *(f"{name:>10}" for name in columns)]))
        for group, values in rows.items():
            cells = (_number(values.get(name)) for name in columns)
            print(" ".join([f"{group:<10}", *(f"{cell:>10}" for cell in cells)]))
    for name, facts in (
        ("topical", result.topical),
        ("refused where nothing answers", result.refused),
        ("refused wrongly", {"all": result.wrongly_refused}),
    ):
        shown = ", ".join(f"{k} {_number(v)}" for k, v in facts.items() if v is not None)
        if shown:
            print(f"{name}: {shown}")
    if result.missing:
        print(f"papers that are not in this index: {len(result.missing)}")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def versions(found: Sequence[Version], as_json: bool) -> None:
    """What is published."""
    if as_json:
        listed = [replies.version(one).model_dump(mode="json") for one in found]
        _print_json(listed)
        return
    if not found:
        print("Nothing is published here.")
    for one in found:
        when = one.built.astimezone().strftime("%Y-%m-%d %H:%M") if one.built else "?"
        mark = "  live" if one.live else ""
        manifest = one.manifest
        print(
            f"{one.version}  {when}  {_count(manifest.papers, 'paper')},"
            f" {_count(manifest.passages, 'passage')}, {one.size / 1e6:.1f} MB{mark}"
        )


def serving(address: str, live: Live) -> None:
    """Where the service is, and a request to try."""
    snapshot = live.searcher.snapshot
    newest = snapshot.paper(len(snapshot) - 1)
    body = json.dumps({"question": newest.title.replace("'", " ")}, ensure_ascii=False)
    papers = _count(len(snapshot), "paper")
    print(f"nonmun serves {papers} (version {snapshot.version}) at {address}")
    print("Try:")
    print(f"  curl -s {address}/v1/ask -H 'content-type: application/json' \\")
    print(f"    -d '{body}'")
    print(f"All requests: {address}/docs   Stop: Ctrl-C", flush=True)


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def _console() -> Console:
    width = shutil.get_terminal_size((100, 24)).columns
    return Console(width=width, highlight=False, soft_wrap=not sys.stdout.isatty())


def _hit(console: Console, number: int, hit: Hit) -> None:
    """A paper with its best passage; the others in a line each."""
    _numbered(console, number, hit)
    _hanging(console, Text(hit.paper.url, "dim"))
    for one in hit.passages[:1]:
        _hanging(console, _passage(one))
    for one in hit.passages[1:]:
        line = _passage(one)
        if console.is_terminal:
            line = Text(" ").join(line.split())
            line.truncate(console.width - _INDENT, overflow="ellipsis")
        _hanging(console, line)
    console.print()


def _passage(hit: PassageHit) -> Text:
    text = Text(hit.passage.text)
    for start, end in hit.highlights:
        text.stylize("bold yellow", start, end)
    return Text(f"[{hit.passage.section}] ", "cyan").append_text(text)


def _numbered(console: Console, number: int, hit: Hit) -> None:
    """The title with its number, then what is known of the paper."""
    _hanging(console, Text(hit.paper.title, "bold"), f"{number}.")
    _hanging(console, Text(_facts(hit), "dim"))


def _hanging(console: Console, text: Text, lead: str = "") -> None:
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
        facts.append(_count(paper.votes, "vote"))
    flags = f"  ! {', '.join(paper.flags)}" if paper.flags else ""
    return f"{', '.join(facts)}{flags}"


def _legs(console: Console, legs: dict[Leg, Status]) -> None:
    failed = [leg for leg, status in legs.items() if status is Status.FAILED]
    if failed:
        console.print(Text(f"These legs failed: {', '.join(failed)}", "red"))


def _remarks(reading: Reading) -> None:
    for remarks, name in ((reading.problems, "problem"), (reading.notes, "note")):
        if remarks:
            _list_remarks(remarks, name)


def _list_remarks(remarks: Sequence[Problem], name: str) -> None:
    print(f"{_count(len(remarks), name)}:")
    for remark in remarks[:_SHOWN]:
        print(f"  {remark}")
    if len(remarks) > _SHOWN:
        print(f"  and {len(remarks) - _SHOWN:,} more, in the report")


def _changes(result: Plan) -> str:
    return (
        f"{len(result.added):,} added, {len(result.changed):,} changed,"
        f" {len(result.removed):,} removed, {result.unchanged:,} unchanged"
    )


def _print_reply(reply: BaseModel) -> None:
    _print_json(reply.model_dump(mode="json"))


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1))
