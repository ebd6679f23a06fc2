"""The batch: read -> plan -> analyse -> encode -> learn -> write -> project -> check -> publish."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from index.adapt import hold_out
from index.batch import Pool, open_pool
from index.batch.doubting import SpreadTemplates
from index.batch.encoding import Encoders, SpreadEncoding
from index.batch.reading import SpreadReading
from index.beside import Beside, Read
from index.checking import check, find_golden
from index.computing import Computing
from index.confidence.learning import calibrate, questions_of
from index.content import ANALYSIS, Content
from index.digests import Reading
from index.encoders import (
    Encoder,
    MultiVectorEncoder,
    open_encoder,
    open_multi_vector_encoder,
)
from index.encoding import Encoding, LocalEncoding
from index.errors import ChecksFailedError, SnapshotError, SourceError
from index.forgotten import Forgotten
from index.indexing import indexed_by
from index.learned import Learned
from index.manifest import LAYOUT, Manifest, read_manifest, seal
from index.papers import Paper
from index.plan import make_plan
from index.progress import Progress, Silent
from index.projection import Known as KnownPlaces
from index.projection import project
from index.quality import find_duplicates
from index.quality.doubts import Known, doubt
from index.quality.findings import read_findings, write_findings
from index.questions import Question, read_questions
from index.records import same_papers, store_papers
from index.report import Report, Timed
from index.settings import BuildOptions, BuildSettings
from index.snapshot import Snapshot
from index.sources import all_papers, read_sources, usable
from index.store import Store
from index.weighing import MOST, learn_weights
from index.writing import Made, read_corpus, write_files


@dataclass(frozen=True, slots=True)
class Built:
    """A published snapshot: its version, where it is, and the report.

    `new` is false where the live version holds exactly the sources already.
    """

    version: str
    folder: Path
    report: Report
    reading: Reading
    new: bool


def build(
    sources: Iterable[str | Path],
    store: Store,
    settings: BuildSettings | None = None,
    options: BuildOptions | None = None,
    *,
    progress: Progress | None = None,
    on_read: Callable[[Reading], None] | None = None,
    on_published: Callable[[str, Report], None] | None = None,
    beside: Beside | None = None,
) -> Built:
    """Build a snapshot of the sources, check it, and make it the live one.

    What the live snapshot knows of a text that has not changed is carried over, and what it
    learned of the corpus. Where it holds exactly the sources already, it stays.

    Args:
        sources: Directories, files and globs; together they are the whole corpus.
        store: Where to publish.
        settings: What to compute with; `None` takes the defaults.
        options: How; `None` takes the defaults.
        progress: Told about every stage.
        on_read: Given what was read, as soon as it is known.
        on_published: Given the live version and the report as soon as it is live; what follows
            is only clearing up.
        beside: Another process that does a part of the work.

    Raises:
        SourceError: There is nothing to index, or `strict` forbids it.
        EncoderError: The encoder can't be loaded.
        QuestionsError: The golden questions can't be read.
        ChecksFailedError: The new version is worse than it may be; it is kept aside.
        SnapshotError: Another build is running, or nothing can be written.
        BatchError: The workers that the settings name can't do the work.
    """
    settings = settings or BuildSettings()
    try:
        with open_pool(settings.batch) as pool:
            job = _Build(
                store,
                settings,
                options or BuildOptions(),
                progress or Silent(),
                on_published,
                beside,
                pool,
            )
            return job.run(list(sources), on_read)
    except OSError as error:  # a full disk, most often
        # numpy says only how much it could not write.
        reason = (error.strerror or f"{error}; is there no space left?").lower()
        raise SnapshotError(
            f"the build could not be written to {store.folder}: {reason}"
        ) from error


class _Outcome(NamedTuple):
    """The version that holds the sources, and its folder if it was published before."""

    version: str
    folder: Path | None = None


class _Build:
    def __init__(
        self,
        store: Store,
        settings: BuildSettings,
        options: BuildOptions,
        progress: Progress,
        on_published: Callable[[str, Report], None] | None,
        beside: Beside | None,
        pool: Pool | None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.options = options
        self.progress = Timed(progress)
        self.on_published = on_published
        self.beside = beside
        self.pool = pool
        self.report = Report()

    def run(
        self, sources: Sequence[str | Path], on_read: Callable[[Reading], None] | None
    ) -> Built:
        # From before the first file is read: else a build that read later may publish earlier.
        with self.store.staging() as folder:
            forgotten = self.store.forgotten.read()
            read = SpreadReading(self.pool) if self.pool and self.pool.sees_files else None
            reading = read_sources(sources, forgotten, self.options, self.progress, on_read, read)
            reading = replace(reading, papers=store_papers(reading.papers, folder))
            # A digest may leave out an author for whom the paper is forgotten in all of them.
            forgotten = replace(forgotten, papers=forgotten.papers | reading.left_out)
            self.report.tell_reading(reading)
            golden = self._golden(sources)
            made = self._make(folder, reading, forgotten, golden)
            if self.store.live() != self.report.before:
                raise SnapshotError(
                    f"version {self.store.live()} was made live while this one was built, and"
                    " stays; build again to replace it"
                )
            if made.folder is None:
                path = self._publish(folder, made)
            else:
                path = made.folder
                if made.version != self.report.before:  # the live one is broken
                    self.store.make_live(made.version)
            if self.on_published:
                self.on_published(made.version, self.report)
            # Only now: the versions that were read to make this one are closed.
            self.report.retired = self.store.retire(self.settings.keep)
            self.report.finish(self.progress.seconds())
        return Built(made.version, path, self.report, reading, new=made.folder is None)

    def _make(
        self,
        folder: Path,
        reading: Reading,
        forgotten: Forgotten,
        golden: Sequence[Question],
    ) -> _Outcome:
        """Write a sealed snapshot and check it, unless a version holds the same already."""
        self.progress.stage("plan", 1)
        self.report.before, self.report.number = self.store.live(), self.store.next_number()
        live, self.report.trouble = usable(self.store)
        before = live.papers(reading.papers) if live else []
        papers = all_papers(reading, before, self.options, forgotten)
        self.report.plan = make_plan(papers, before, forgotten.holds)
        self.progress.stage("load", 1)
        encoder = open_encoder(self.settings.encoder)
        late_encoder = open_multi_vector_encoder(self.settings.late, encoder)
        known = live if live and not self.options.full else None
        known = known if known and self._fits(known, encoder, late_encoder) else None
        unchanged = known is not None and same_papers(before, papers)
        if known and unchanged and indexed_by(known.manifest.vectors, self.settings.vectors):
            self.report.tell_version(known.manifest, known.findings)
            self.report.carried = known.manifest.passages
            self.report.tell_learned(known.learned, len(papers))
            return _Outcome(known.version, known.folder)
        content = Content(known, before, folder)
        made = self._write(content, before, papers, encoder, late_encoder, folder)
        failures = self._check(folder, made, live, golden, forgotten)
        manifest = read_manifest(folder)
        self.report.forced = bool(failures) and self.options.force
        if self.report.forced:
            manifest = seal(folder, replace(manifest, forced=list(failures)))
        self.report.tell_version(manifest, read_findings(folder / LAYOUT.findings))
        return _Outcome(manifest.version)

    def _golden(self, sources: Sequence[str | Path]) -> list[Question]:
        named = self.settings.checks.golden
        files = find_golden(sources, Path(named) if named else None)
        return read_questions(files) if files else []

    def _fits(
        self, live: Snapshot, encoder: Encoder, late_encoder: MultiVectorEncoder | None
    ) -> bool:
        """Whether what a snapshot knows was computed as this build would."""
        manifest = live.manifest
        return (
            manifest.fingerprint == encoder.fingerprint
            and manifest.late_fingerprint
            == ("" if late_encoder is None else late_encoder.token_fingerprint)
            and manifest.learning == self.settings.learn.as_json()
            and manifest.analysis == ANALYSIS
        )

    def _write(
        self,
        content: Content,
        before: Sequence[Paper],
        papers: Sequence[Paper],
        encoder: Encoder,
        late_encoder: MultiVectorEncoder | None,
        folder: Path,
    ) -> Made:
        """Compute what is not known, and write a sealed snapshot."""
        # The encoder's weights are read while the process beside analyses.
        content.analyze(papers, self.progress, self.beside, lambda: encoder.encode_query(["준비"]))
        read = self.beside.read(papers) if self.beside else None
        if not any(content.section_rows(s.text) for p in papers for s in p.sections):
            raise SourceError("no passages in the sources: their sections say nothing")
        encoding = self._encoding(encoder, late_encoder)
        work = Computing(content, papers, encoding, self.progress)
        self.report.encoded, self.report.carried = work.counts()
        if content.live is None:
            learned = work.learn(self.settings.learn)
        else:
            learned = work.apply(content.live.learned)
        made = Made(
            encoder,
            self.settings.encoder,
            late_encoder,
            self.settings.late,
            learned,
            self.settings.learn,
            self.settings.vectors,
        )
        self.progress.stage("write", 1)
        manifest = write_files(
            folder, content, papers, made, read.glossary.result if read else None
        )
        self.progress.stage("project", 1)
        known = KnownPlaces(before, content.live.projection) if content.live else None
        project(read_corpus(folder, papers), known).write(folder / LAYOUT.projection)
        if content.live is None:
            learned = self._ask_itself(folder, manifest, made)
        self.report.tell_learned(learned, len(papers))
        self.progress.stage("doubt", 1)
        self._doubt(folder, manifest, made, papers, content.live, read)
        seal(folder, manifest)
        return made

    def _encoding(self, encoder: Encoder, late_encoder: MultiVectorEncoder | None) -> Encoding:
        """Where texts are encoded."""
        if self.pool is None:
            return LocalEncoding(encoder, late_encoder)
        encoders = Encoders(self.settings.encoder, self.settings.late)
        return SpreadEncoding(self.pool, encoders, encoder, late_encoder)

    def _ask_itself(self, folder: Path, manifest: Manifest, made: Made) -> Learned:
        """Learn the legs' weights and what evidence is worth, from the snapshot as it is asked."""
        snapshot = Snapshot.open_unsealed(folder, manifest, made.encoder, made.late_encoder)
        learned = made.learned
        held = np.flatnonzero(hold_out(snapshot.ids, made.learn_settings.held_out)).tolist()
        if self.settings.learn.budget_s:
            self.progress.stage("weigh", 2 * min(len(held), MOST))
            learned = learned.weighted(*learn_weights(snapshot, held, self.progress.advance))
        unseen = held if learned.map is not None else list(range(len(snapshot)))
        self.progress.stage("calibrate", questions_of(unseen))
        calibration = calibrate(snapshot, unseen, learned.weights, self.progress.advance)
        learned = replace(learned, calibration=calibration)
        learned.write_facts(folder / LAYOUT.learned)
        return learned

    def _doubt(
        self,
        folder: Path,
        manifest: Manifest,
        made: Made,
        papers: Sequence[Paper],
        live: Snapshot | None,
        read: Read | None,
    ) -> None:
        """Write down what is doubtful about the summaries."""
        known = None
        if live is not None and self.report.plan is not None:
            new = {*self.report.plan.added, *self.report.plan.changed}
            known = Known(live.findings, frozenset(p.id for p in papers) - new)
        doubts = doubt(
            Snapshot.open_unsealed(folder, manifest, made.encoder, made.late_encoder),
            papers,
            read.duplicates.result if read else lambda: find_duplicates(papers),
            known,
            SpreadTemplates(self.pool) if self.pool else None,
        )
        write_findings(folder / LAYOUT.findings, doubts.findings)
        if known is None:
            replace(made.learned, style=doubts.style).write_style(folder / LAYOUT.learned)

    def _check(
        self,
        folder: Path,
        made: Made,
        live: Snapshot | None,
        golden: Sequence[Question],
        forgotten: Forgotten,
    ) -> Sequence[str]:
        """Open what was written like any reader, and see whether it is fit to be published.

        Returns:
            What is wrong with it.
        """
        self.progress.stage("check", 1)
        fresh = Snapshot.open(folder, made.encoder, made.late_encoder).compare()
        hidden = forgotten.rows(live) if live else None
        rows = [] if hidden is None else np.flatnonzero(hidden).tolist()
        gone = [live.ids[row] for row in rows] if live else []
        checked = check(fresh, live, self.settings.checks, golden, {*gone, *forgotten.papers})
        self.report.quality, self.report.failures = checked.quality, list(checked.failures)
        return checked.failures

    def _publish(self, folder: Path, made: _Outcome) -> Path:
        """Make a sealed snapshot the live one, or keep it aside.

        Returns:
            Where it is.

        Raises:
            ChecksFailedError: It failed, and nobody wished to publish it all the same.
        """
        self.progress.stage("publish", 1)
        self.report.write(folder, self.progress.seconds())
        failures = self.report.failures
        if failures and not self.report.forced:
            aside = self.store.keep_aside(folder, f"{self.report.number}-{made.version}")
            raise ChecksFailedError(aside, failures)
        return self.store.publish(folder, read_manifest(folder))
