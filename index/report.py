"""The report of a build: what it read, did and found, for people and programs."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from index.checking import Quality
from index.digests import Reading
from index.durable import sync
from index.learned import Learned
from index.manifest import LAYOUT, SETTINGS, Manifest
from index.plan import Plan
from index.progress import Progress
from index.quality import Finding
from index.regular import read_regular

_MAX_BYTES = 1 << 28  # it has every problem of the digests


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(slots=True)
class Report:
    """What a build did; kept in the snapshot beside the manifest.

    Attributes:
        number: Of the build; greater than that of every version before, whatever the clock says.
        started: When, in UTC.
        finished: When.
        before: The version that was live.
        trouble: Why another one was built on, if the live one could not be opened.
        files: Read.
        entries: Read from them, but for forgotten papers.
        papers: In the version.
        duplicates: Entries of papers that stand in the digests more than once.
        forgotten: Papers left out because they were forgotten.
        flagged: Papers with a flag, by flag.
        passages: In the version.
        encoded: Passages that were encoded.
        carried: Passages that were carried over.
        plan: What changed.
        learned: What was learned of the corpus.
        relearning_pays: Whether the corpus has outgrown it.
        indexes: Which index each kind of vectors got and what it finds, as in the manifest.
        quality: What the checks found; `None` where they were not run.
        failures: Checks that the version failed.
        forced: Whether it was published all the same.
        retired: Old versions that were deleted.
        sizes: Bytes by part, and in all.
        problems: What could not be read.
        notes: What was read but is worth knowing.
        seconds: By stage.
    """

    number: int = 0
    started: str = field(default_factory=_now)
    finished: str = ""
    before: str | None = None
    trouble: str | None = None
    files: int = 0
    entries: int = 0
    papers: int = 0
    duplicates: int = 0
    forgotten: int = 0
    flagged: dict[str, int] = field(default_factory=dict)
    passages: int = 0
    encoded: int = 0
    carried: int = 0
    plan: Plan | None = None
    learned: dict[str, Any] = field(default_factory=dict)
    relearning_pays: bool = False
    indexes: dict[str, dict[str, Any]] = field(default_factory=dict)
    quality: Quality | None = None
    failures: list[str] = field(default_factory=list)
    forced: bool = False
    retired: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def tell_reading(self, reading: Reading) -> None:
        """Take up what was read."""
        self.files, self.entries, self.forgotten = reading.files, reading.entries, reading.forgotten
        self.duplicates = reading.entries - len(reading.papers)
        self.problems = [asdict(problem) for problem in reading.problems]
        self.notes = [asdict(note) for note in reading.notes]

    def tell_learned(self, learned: Learned, papers: int) -> None:
        """Take up what is known of a corpus of so many papers."""
        self.learned = {
            "weights": learned.weights.as_json(),
            **asdict(learned.facts),
            "map": learned.map is not None,
        }
        self.relearning_pays = learned.outgrown(papers)

    def tell_version(self, manifest: Manifest, findings: Iterable[Finding]) -> None:
        """Take up what a version holds, and what is doubted in it."""
        flags = {(finding.paper, finding.flag.value) for finding in findings}
        self.flagged = dict(sorted(Counter(flag for _, flag in flags).items()))
        self.papers, self.passages = manifest.papers, manifest.passages
        self.indexes = {
            Path(name).stem: facts for name, facts in manifest.vectors.items() if name != SETTINGS
        }
        sizes: Counter[str] = Counter()
        for name, file in manifest.files.items():
            sizes[name.partition("/")[0].partition(".")[0]] += file["bytes"]
        self.sizes = {**dict(sorted(sizes.items())), "total": sizes.total()}

    def finish(self, seconds: dict[str, float]) -> None:
        """Take up when it ended, and how long each stage took."""
        self.finished, self.seconds = _now(), seconds

    def write(self, folder: Path, seconds: dict[str, float]) -> None:
        """Finish, and write it into a snapshot's folder."""
        self.finish(seconds)
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        path = folder / LAYOUT.report
        path.write_text(text + "\n", encoding="utf-8")
        sync(path)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read what `write` wrote; `None` where there is none that can be read."""
        try:
            return msgspec.json.decode(read_regular(folder / LAYOUT.report, _MAX_BYTES), type=cls)
        except (OSError, ValueError, RecursionError):
            return None

    @property
    def ended(self) -> datetime | None:
        """When it ended."""
        try:
            return datetime.fromisoformat(self.finished)
        except ValueError:
            return None


class Timed:
    """Passes progress on and keeps the time of every stage."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self._seconds: dict[str, float] = {}
        self._name, self._begin = "", time.perf_counter()

    def stage(self, name: str, total: int) -> None:
        """End the stage before, and begin one."""
        self.end()
        self._name = name
        self._inner.stage(name, total)

    def advance(self, steps: int) -> None:
        """Pass it on."""
        self._inner.advance(steps)

    def end(self) -> None:
        """End the stage."""
        now = time.perf_counter()
        if self._name:
            self._seconds[self._name] = self._seconds.get(self._name, 0.0) + now - self._begin
        self._name, self._begin = "", now

    def seconds(self) -> dict[str, float]:
        """Seconds by stage, those of a stage that goes on among them."""
        found = dict(self._seconds)
        if self._name:
            found[self._name] = found.get(self._name, 0.0) + time.perf_counter() - self._begin
        return {name: round(value, 3) for name, value in found.items()}
