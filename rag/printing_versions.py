"""What `nonmun versions` prints: the published versions, and the report of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from index.checking import GoldenQuality, Quality
from index.journal import Build, BuildState
from index.plan import Plan
from index.report import Report
from index.store import Version
from rag.service import replies
from rag.terminal import count, print_json, share

_SHOWN = 20  # problems; the JSON has all
_PARTS = 5


def versions(
    found: Sequence[Version], last: Build | None, as_json: bool, live: str | None = None
) -> None:
    """What is published, newest build first, and whether the last build failed.

    Args:
        found: The versions.
        last: The build that was begun last, if any is on record.
        as_json: Print them as the HTTP service replies.
        live: The one that is live, whether it can be read or not.
    """
    if as_json:
        print_json([replies.version(one).model_dump(mode="json") for one in found])
        return
    if not found:
        print("Nothing is published here.")
    else:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("Version", "Built", "Papers", "Changes", "Size", "Quality", ""):
            numbers = name in ("Papers", "Size")
            table.add_column(name, justify="right" if numbers else "left", no_wrap=True)
        for one in found:
            table.add_row(*map(Text, _row(one)))
        # As wide as it has to be: a program that reads it, or a narrow terminal, cuts nothing.
        Console(width=200, highlight=False, soft_wrap=True).print(table)
    if live and not any(one.live for one in found):
        print(f"The live version, {live}, can't be read; build again, or roll back.")
    if last and last.state not in (BuildState.DONE, BuildState.RUNNING):
        when = last.started.astimezone().strftime("%Y-%m-%d %H:%M")
        reason = f": {last.error}" if last.error else ""
        state = {BuildState.CANCELLED: "was cancelled"}.get(last.state, str(last.state))
        print(f"The last build, of {when}, {state}{reason}")


def report(version: Version, as_json: bool) -> None:
    """What the build of a version did."""
    found = version.report
    if as_json:
        print_json({"version": version.version, **(asdict(found) if found else {})})
        return
    print(f"{'version':<11}{version.version}{' (live)' if version.live else ''}")
    if found is None:
        print("Its report can't be read.")
        return
    for name, value in _lines(found):
        print(f"{name:<11}{value}")


def _row(one: Version) -> tuple[str, ...]:
    when = one.built.astimezone().strftime("%Y-%m-%d %H:%M") if one.built else "?"
    marks = [*(["live"] if one.live else []), *(["forced"] if one.manifest.forced else [])]
    return (
        one.version,
        when,
        f"{one.manifest.papers:,}",
        _changes(one.report.plan) if one.report and one.report.plan else "?",
        f"{one.size / 1e6:.1f} MB",
        quality(one.report.quality) if one.report and one.report.quality else "?",
        ", ".join(marks),
    )


def _changes(plan: Plan) -> str:
    return f"+{len(plan.added):,} ~{len(plan.changed):,} -{len(plan.removed) + plan.forgotten:,}"


def quality(found: Quality) -> str:
    """How good a version is, in short, by what the build asked it."""
    parts = [f"own text {found.texts_found}/{found.texts_asked}"]
    if found.titles_asked:
        parts.append(f"titles {share(found.titles_mrr, 2)}")
    if found.golden:
        parts.append(f"golden {share(found.golden.mrr, 2)}")
    return ", ".join(parts)


def lists(facts: Mapping[str, Any]) -> str:
    """An index in lists, in short, by what a report says of it."""
    return (
        f"{facts['kind']}, {facts['probes']:,} of {facts['lists']:,} lists visited,"
        f" {share(facts['recall'], 3)} of the nearest ten found"
    )


def _lines(found: Report) -> Iterator[tuple[str, str]]:
    """A report as lines of a name and a value."""
    yield "built", f"{found.started} to {found.finished}, build {found.number}"
    yield "before", found.before or "nothing"
    yield (
        "read",
        f"{count(found.files, 'file')} with {found.entries:,} entries, {found.duplicates:,} of"
        " them of a paper that another has too",
    )
    changed = f" ({_changes(found.plan)})" if found.plan else ""
    forgotten = f", {found.forgotten:,} forgotten" if found.forgotten else ""
    yield "papers", f"{found.papers:,}{changed}{forgotten}"
    yield (
        "passages",
        f"{found.passages:,} ({found.encoded:,} encoded, {found.carried:,} carried over)",
    )
    for name, one in found.indexes.items():
        if one["lists"]:
            yield "index", f"{name}: {lists(one)}"
    if found.flagged:
        yield "flagged", ", ".join(f"{flag} {number:,}" for flag, number in found.flagged.items())
    if found.quality:
        yield "quality", quality(found.quality)
        if found.quality.golden:
            yield "golden", _golden(found.quality.golden)
    for failure in found.failures:
        yield "failed", failure
    if found.forced:
        yield "forced", "published all the same, by --force"
    stages = ", ".join(f"{name} {value:.1f}" for name, value in found.seconds.items())
    yield "seconds", f"{sum(found.seconds.values()):.1f} ({stages})"
    parts = {name: size for name, size in found.sizes.items() if name != "total"}
    largest = sorted(parts, key=lambda name: -parts[name])[:_PARTS]
    listed = ", ".join(f"{name} {parts[name] / 1e6:.1f}" for name in largest)
    yield "megabytes", f"{found.sizes.get('total', 0) / 1e6:.1f} ({listed})"
    if found.retired:
        yield "deleted", ", ".join(found.retired)
    for name, remarks in (("problem", found.problems), ("note", found.notes)):
        for one in remarks[:_SHOWN]:
            place = one["file"] if one["line"] is None else f"{one['file']}:{one['line']}"
            yield name, f"{place}: {one['reason']}"
        if len(remarks) > _SHOWN:
            yield name, f"and {len(remarks) - _SHOWN:,} more, with --json"


def _golden(found: GoldenQuality) -> str:
    now = f"recall@10 {share(found.recall, 3)}, MRR@10 {share(found.mrr, 3)}"
    before = ""
    if found.before_recall is not None and found.before_mrr is not None:
        before = f" ({share(found.before_recall, 3)} and {share(found.before_mrr, 3)} before)"
    return f"{count(found.questions, 'question')}: {now}{before}"
