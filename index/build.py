"""The batch: read -> plan -> analyse -> encode -> learn -> write -> verify -> publish."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from index.adapt import hold_out
from index.computing import Computing
from index.content import ANALYSIS, Content
from index.digests import Reading, read_digests
from index.encoders import (
    Encoder,
    MultiVectorEncoder,
    open_encoder,
    open_multi_vector_encoder,
)
from index.errors import SnapshotError, SourceError
from index.learned import Learned
from index.manifest import LAYOUT, Manifest, seal, sync
from index.plan import Plan, make_plan
from index.progress import Progress, Silent
from index.settings import BuildSettings
from index.snapshot import Snapshot
from index.store import Store
from index.weighing import MOST, learn_weights
from index.writing import Made, write_files


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
    learned: dict[str, Any] = field(default_factory=dict)
    relearning_pays: bool = False  # the corpus has outgrown what was learned of it
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
    settings: BuildSettings | None = None,
    *,
    full: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
) -> Built:
    """Build a snapshot of the sources and make it the live one.

    What the live snapshot knows of a text that has not changed is carried over, and what it
    learned of the corpus.

    Args:
        sources: Directories, files and globs; together they are the whole corpus.
        store: Where to publish.
        settings: What to compute with; `None` takes the defaults.
        full: Compute and learn everything anew.
        strict: Publish nothing if anything could not be read.
        progress: Told about every stage.

    Raises:
        SourceError: There is nothing to index, or `strict` forbids it.
        EncoderError: The encoder can't be loaded.
        SnapshotError: Another build is running, or nothing can be written.
    """
    job = _Build(store, settings or BuildSettings(), progress or Silent())
    try:
        return job.run(sources, full, strict)
    except OSError as error:  # a full disk, most often
        reason = (error.strerror or str(error)).lower()
        raise SnapshotError(
            f"the build could not be written to {store.folder}: {reason}"
        ) from error


class _Build:
    def __init__(self, store: Store, settings: BuildSettings, progress: Progress) -> None:
        self.store = store
        self.settings = settings
        self.progress = _Timed(progress)
        self.report = Report(datetime.now(UTC).isoformat(timespec="seconds"))

    def run(self, sources: Iterable[str | Path], full: bool, strict: bool) -> Built:
        reading = read_sources(sources, strict, self.progress)
        papers = reading.papers
        with self.store.staging() as folder:
            self.progress.stage("load", 1)
            encoder = open_encoder(self.settings.encoder)
            late_encoder = open_multi_vector_encoder(self.settings.late, encoder)
            self.report.before = self.store.live()
            live = self.store.usable_live()
            self.progress.stage("plan", 1)
            self.report.plan = make_plan(papers, live)
            content, learned = Content(), None
            if live and not full and self._fits(live, encoder, late_encoder):
                content, learned = Content.of(live), live.learned
            live = None  # its memory is needed
            content.analyze(
                (section.text for paper in papers for section in paper.sections),
                (paper.title for paper in papers),
                self.progress,
            )
            if not any(content.sections[s.text] for p in papers for s in p.sections):
                raise SourceError("no passages in the sources: their sections say nothing")
            work = Computing(content, papers, encoder, late_encoder, self.progress)
            self.report.encoded, self.report.carried = work.counts()
            fresh = learned is None
            learned = work.learn(self.settings.learn) if learned is None else work.apply(learned)
            made = Made(
                encoder,
                self.settings.encoder,
                late_encoder,
                self.settings.late,
                learned,
                self.settings.learn,
            )
            self.progress.stage("write", 1)
            manifest = write_files(folder, content, papers, made)
            if fresh and self.settings.learn.budget_s:
                learned = self._weigh(folder, manifest, made)
            self._tell(learned, len(papers))
            manifest = seal(folder, manifest)
            self.report.papers, self.report.passages = manifest.papers, manifest.passages
            self.progress.stage("verify", 1)
            Snapshot.open(folder)
            self._write_report(folder, reading)
            self.progress.stage("publish", 1)
            path = self.store.publish(folder, manifest)
            self.progress.end()
        return Built(manifest.version, path, self.report, reading)

    def _fits(
        self, live: Snapshot, encoder: Encoder, late_encoder: MultiVectorEncoder | None
    ) -> bool:
        manifest = live.manifest
        return (
            manifest.fingerprint == encoder.fingerprint
            and manifest.late_fingerprint
            == ("" if late_encoder is None else late_encoder.token_fingerprint)
            and manifest.learning == self.settings.learn.as_json()
            and manifest.analysis == ANALYSIS
        )

    def _weigh(self, folder: Path, manifest: Manifest, made: Made) -> Learned:
        """Learn the weights of the legs, from the snapshot as it will be asked."""
        snapshot = Snapshot(folder, manifest, made.encoder, made.late_encoder)
        held = np.flatnonzero(hold_out(snapshot.ids, made.learn_settings.held_out))
        self.progress.stage("weigh", 2 * min(len(held), MOST))
        weights, questions = learn_weights(snapshot, held.tolist(), self.progress.advance)
        learned = made.learned.weighted(weights, questions)
        learned.write_facts(folder / LAYOUT.learned)
        return learned

    def _tell(self, learned: Learned, papers: int) -> None:
        self.report.learned = {
            "weights": learned.weights.as_json(),
            **asdict(learned.facts),
            "map": learned.map is not None,
        }
        self.report.relearning_pays = learned.outgrown(papers)

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
