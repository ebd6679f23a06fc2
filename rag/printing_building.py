"""What `nonmun build` prints, while it builds and after."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from index.build import Built
from index.digests import Problem, Reading
from index.plan import Plan
from index.report import Report
from rag.printing_versions import lists, quality
from rag.terminal import count, print_json, share

if TYPE_CHECKING:
    from index.cluster.publishing import Published

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
        print_json({"version": result.version, **asdict(report)})
        return
    seconds = sum(report.seconds.values())
    _remarks(result.reading)
    papers, passages = count(report.papers, "paper"), count(report.passages, "passage")
    read = f"read from {count(report.files, 'file')}, {seconds:.1f} s"
    if not result.new:
        print(f"nothing new: version {result.version} stays, {papers}, {passages}, {read}")
    else:
        share_of = f"{report.encoded:,} encoded, {report.carried:,} carried over"
        print(f"version {result.version}: {papers}, {passages} ({share_of}), {read}")
    if report.plan and result.new:
        print(_changes(report.plan))
        kept = len(report.plan.changed) + report.plan.unchanged
        if report.before and len(report.plan.removed) > kept:
            print(f"Most papers are gone; to have them back: nonmun rollback {report.before}")
    if report.trouble:
        print(f"{report.trouble}: it is replaced")
    if report.forgotten:
        print(f"{count(report.forgotten, 'paper')} left out: forgotten")
    if report.quality:
        print(f"checked: {quality(report.quality)}")
    for failure in report.failures:
        print(f"published all the same: {failure}")
    passages_index = report.indexes.get("vectors", {})
    if passages_index.get("lists"):
        print(f"vectors: {lists(passages_index)}")
    if not report.carried:
        _learned(report)
    _outgrown(report)


def _learned(report: Report) -> None:
    """What was learned of the corpus."""
    facts = report.learned
    found = []
    if facts.get("map"):
        after, before = share(facts["map_after"], 2), share(facts["map_before"], 2)
        found.append(f"titles find their paper at mean reciprocal rank {after} ({before} before)")
    if facts.get("weights_from"):
        found.append(f"the legs' weights come from {count(facts['weights_from'], 'question')}")
    papers = facts.get("papers", 0)
    if found:
        print(f"learned from {count(papers, 'paper')}: {'; '.join(found)}")


def _outgrown(report: Report) -> None:
    papers = report.learned.get("papers", 0)
    if report.relearning_pays:
        print(
            f"The corpus has grown from {count(papers, 'paper')} to {report.papers:,} since it was"
            " learned; to learn it again would pay: nonmun build --full"
        )


def plan(result: Plan, reading: Reading, as_json: bool) -> None:
    """What a build would do."""
    if as_json:
        remarks = {"problems": reading.problems, "notes": reading.notes}
        listed = {name: [asdict(one) for one in found] for name, found in remarks.items()}
        print_json({**asdict(result), **listed})
        return
    _remarks(reading)
    print(_changes(result))
    for sign, ids in (("+", result.added), ("~", result.changed), ("-", result.removed)):
        for name in ids[:_SHOWN]:
            print(f"  {sign} {name}")
        if len(ids) > _SHOWN:
            print(f"  {sign} and {len(ids) - _SHOWN:,} more")


def _remarks(reading: Reading) -> None:
    for remarks, name in ((reading.problems, "problem"), (reading.notes, "note")):
        if remarks:
            _list_remarks(remarks, name)


def _list_remarks(remarks: Sequence[Problem], name: str) -> None:
    print(f"{count(len(remarks), name)}:")
    for remark in remarks[:_SHOWN]:
        print(f"  {remark}")
    if len(remarks) > _SHOWN:
        print(f"  and {len(remarks) - _SHOWN:,} more, in the report")


def _changes(result: Plan) -> str:
    return (
        f"{len(result.added):,} added, {len(result.changed):,} changed,"
        f" {len(result.removed):,} removed, {result.unchanged:,} unchanged"
        + (f", {result.forgotten:,} forgotten" if result.forgotten else "")
    )


def published(found: Published, uri: str) -> None:
    """What came of publishing in a cluster, on standard error: the build's reply may be JSON."""
    said = "is live already" if found.before == found.version else "is live"
    retired = f"; deleted there: {', '.join(found.retired)}" if found.retired else ""
    print(f"Version {found.version} {said} in {uri}{retired}.", file=sys.stderr)
