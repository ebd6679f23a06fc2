"""What a build starts from: the digests, and the version that is live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from index.digests import Reading, read_digests
from index.digests.reading import ReadAll
from index.digests.sources import missing_sources
from index.errors import SnapshotError, SourceError
from index.forgotten import Forgotten
from index.papers import Paper, oldest_first
from index.plan import Plan, make_plan
from index.progress import Progress
from index.settings import BuildOptions
from index.snapshot import Snapshot
from index.store import Store


def read_sources(
    sources: Iterable[str | Path],
    forgotten: Forgotten,
    options: BuildOptions,
    progress: Progress,
    on_read: Callable[[Reading], None] | None = None,
    read: ReadAll | None = None,
) -> Reading:
    """Read the digests of a build, but for forgotten papers; `read` as for `read_digests`.

    Raises:
        SourceError: They hold no paper, or one names nothing that is there; or, with `strict`,
            something could not be read.
    """
    sources = list(sources)
    missing = [] if options.keep_missing else missing_sources(sources)
    if missing:
        listed = "".join(f"\n  {problem}" for problem in missing)
        raise SourceError(f"sources are missing; --keep-missing goes on without them:{listed}")
    seen = 0

    def on_file(done: int, total: int) -> None:
        nonlocal seen
        if not done:
            progress.stage("read", total)
        progress.advance(done - seen)
        seen = done

    reading = read_digests(sources, on_file, forgotten, read)
    if on_read:
        on_read(reading)
    listed = "".join(f"\n  {problem}" for problem in reading.problems)
    if options.strict and reading.problems:
        number = len(reading.problems)
        problems = "1 problem" if number == 1 else f"{number:,} problems"
        raise SourceError(f"{problems}, and --strict allows none:{listed}")
    if not reading.papers:
        remarks = "".join(f"\n  {remark}" for remark in reading.remarks)
        raise SourceError(f"no papers in the sources{remarks}")
    return reading


def plan_build(
    sources: Iterable[str | Path], store: Store, options: BuildOptions, progress: Progress
) -> tuple[Plan, Reading]:
    """Say what a build would change; nothing is written.

    Raises:
        SourceError: There is nothing to index, or `strict` forbids it.
    """
    forgotten = store.forgotten.read()
    reading = read_sources(sources, forgotten, options, progress)
    forgotten = replace(forgotten, papers=forgotten.papers | reading.left_out)
    live, _ = usable(store)
    before = live.papers(reading.papers) if live else []
    papers = all_papers(reading, before, options, forgotten)
    return make_plan(papers, before, forgotten.holds), reading


def usable(store: Store) -> tuple[Snapshot | None, str | None]:
    """The snapshot to build on: where the live one is broken, the newest that is not.

    Returns:
        The snapshot, and what is wrong with the live one.
    """
    try:
        return store.open_best()
    except SnapshotError as error:
        return None, str(error) if store.live() else None


def all_papers(
    reading: Reading, before: Iterable[Paper], options: BuildOptions, forgotten: Forgotten
) -> Sequence[Paper]:
    """What a version is to hold: what was read, and what is to be kept of the one before."""
    if not options.keep_missing:
        return reading.papers
    there = {paper.id for paper in reading.papers}
    missing = (paper for paper in before if paper.id not in there and not forgotten.holds(paper))
    return oldest_first([*reading.papers, *missing])
