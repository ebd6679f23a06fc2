"""The batch: read -> plan -> analyse -> encode -> write -> verify -> publish."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from index.content import ANALYSIS, Content
from index.digests import Reading, read_digests
from index.encoders import Encoder, EncoderSettings, open_encoder
from index.errors import SnapshotError, SourceError
from index.manifest import LAYOUT, sync
from index.papers import Paper
from index.passages import plain
from index.plan import Plan, make_plan
from index.progress import Progress, Silent
from index.snapshot import Snapshot
from index.store import Store
from index.writing import write_snapshot


@dataclass(slots=True)
class Report:
    """What a build did; kept in the snapshot beside the manifest."""

    started: str
    finished: str = ""
    before: str | None = None  # the version that was live
    files: int = 0
    entries: int = 0
    papers: int = 0
    passages: int = 0
    encoded: int = 0
    carried: int = 0
    plan: Plan | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Built:
    """A published snapshot: its version, where it is, and the report."""

    version: str
    folder: Path
    report: Report
    reading: Reading


def read_sources(
    sources: Iterable[str | Path], strict: bool = False, progress: Progress | None = None
) -> Reading:
    """Read the digests of a build.

    Raises:
        SourceError: They hold no paper; or, with `strict`, something could not be read.
    """
    progress = progress or Silent()
    seen = 0

    def on_file(done: int, total: int) -> None:
        nonlocal seen
        if not done:
            progress.stage("read", total)
        progress.advance(done - seen)
        seen = done

    reading = read_digests(sources, on_file)
    listed = "".join(f"\n  {problem}" for problem in reading.problems)
    if strict and reading.problems:
        raise SourceError(f"{len(reading.problems)} problems, and --strict allows none:{listed}")
    if not reading.papers:
        remarks = "".join(f"\n  {remark}" for remark in reading.remarks)
        raise SourceError(f"no papers in the sources{remarks}")
    return reading


def build(
    sources: Iterable[str | Path],
    store: Store,
    encoder_settings: EncoderSettings,
    *,
    full: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
) -> Built:
    """Build a snapshot of the sources and make it the live one.

    What the live snapshot knows of a text that has not changed is carried over.

    Args:
        sources: Directories, files and globs; together they are the whole corpus.
        store: Where to publish.
        encoder_settings: The encoder.
        full: Compute everything anew.
        strict: Publish nothing if anything could not be read.
        progress: Told about every stage.

    Raises:
        SourceError: There is nothing to index, or `strict` forbids it.
        EncoderError: The encoder can't be loaded.
        SnapshotError: Another build is running, or nothing can be written.
    """
    job = _Build(store, encoder_settings, progress or Silent())
    try:
        return job.run(sources, full, strict)
    except OSError as error:  # a full disk, most often
        reason = (error.strerror or str(error)).lower()
        raise SnapshotError(
            f"the build could not be written to {store.folder}: {reason}"
        ) from error


class _Build:
    def __init__(self, store: Store, settings: EncoderSettings, progress: Progress) -> None:
        self.store = store
        self.settings = settings
        self.progress = _Timed(progress)
        self.report = Report(datetime.now(UTC).isoformat(timespec="seconds"))

    def run(self, sources: Iterable[str | Path], full: bool, strict: bool) -> Built:
        reading = read_sources(sources, strict, self.progress)
        with self.store.staging() as folder:
            self.progress.stage("load", 1)
            encoder = open_encoder(self.settings)
            self.report.before = self.store.live()
            live = self.store.usable_live()
            self.progress.stage("plan", 1)
            self.report.plan = make_plan(reading.papers, live)
            content = (
                Content.of(live) if live and not full and self._fits(live, encoder) else Content()
            )
            live = None  # its memory is needed
            content.analyze(
                (section.text for paper in reading.papers for section in paper.sections),
                (paper.title for paper in reading.papers),
                self.progress,
            )
            if not any(content.sections[s.text] for p in reading.papers for s in p.sections):
                raise SourceError("no passages in the sources: their sections say nothing")
            self._encode(content, reading.papers, encoder)
            self.progress.stage("write", 1)
            manifest = write_snapshot(folder, content, reading.papers, encoder, self.settings)
            self.report.papers, self.report.passages = manifest.papers, manifest.passages
            self.progress.stage("verify", 1)
            Snapshot.open(folder)
            self._write_report(folder, reading)
            self.progress.stage("publish", 1)
            path = self.store.publish(folder, manifest)
            self.progress.end()
        return Built(manifest.version, path, self.report, reading)

    @staticmethod
    def _fits(live: Snapshot, encoder: Encoder) -> bool:
        manifest = live.manifest
        return manifest.fingerprint == encoder.fingerprint and manifest.analysis == ANALYSIS

    def _encode(self, content: Content, papers: Sequence[Paper], encoder: Encoder) -> None:
        """Embed the passages and titles that have no vector yet."""
        wanted: dict[str, None] = dict.fromkeys(s.text for p in papers for s in p.sections)
        cuts = [
            (plain(text[cut.span[0] : cut.span[1]]), cut)
            for text in wanted
            for cut in content.sections[text]
        ]
        new = [(text, cut) for text, cut in cuts if cut.vector is None]
        names = dict.fromkeys(paper.title for paper in papers)
        titles = [name for name in names if content.titles[name].vector is None]
        known = [
            cut.vector is not None
            for p in papers
            for s in p.sections
            for cut in content.sections[s.text]
        ]
        self.report.carried = sum(known)
        self.report.encoded = len(known) - self.report.carried
        self.progress.stage("encode", len(new) + len(titles))
        vectors = encoder.encode_document(
            [*(text for text, _ in new), *titles], self.progress.advance
        )
        for (_, cut), vector in zip(new, vectors[: len(new)], strict=True):
            cut.vector = vector
        for title, vector in zip(titles, vectors[len(new) :], strict=True):
            content.titles[title].vector = vector

    def _write_report(self, folder: Path, reading: Reading) -> None:
        report = self.report
        report.files, report.entries = reading.files, reading.entries
        report.problems = [asdict(problem) for problem in reading.problems]
        report.notes = [asdict(note) for note in reading.notes]
        report.finished = datetime.now(UTC).isoformat(timespec="seconds")
        report.seconds = self.progress.seconds()
        text = json.dumps(asdict(report), ensure_ascii=False, indent=1)
        path = folder / LAYOUT.report
        path.write_text(text + "\n", encoding="utf-8")
        sync(path)


class _Timed:
    """Passes progress on and keeps the time of every stage."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self._seconds: dict[str, float] = {}
        self._name, self._begin = "", time.perf_counter()

    def stage(self, name: str, total: int) -> None:
        self.end()
        self._name = name
        self._inner.stage(name, total)

    def advance(self, steps: int) -> None:
        self._inner.advance(steps)

    def end(self) -> None:
        now = time.perf_counter()
        if self._name:
            self._seconds[self._name] = self._seconds.get(self._name, 0.0) + now - self._begin
        self._name, self._begin = "", now

    def seconds(self) -> dict[str, float]:
        return {name: round(value, 3) for name, value in self._seconds.items()}
