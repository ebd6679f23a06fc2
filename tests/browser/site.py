"""What is served to the browser: the sample digests, and one that means harm."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from index.build import build
from index.digests import Reading
from index.journal import FOLDER, Journal
from index.report import Report
from index.store import Store
from tests.services import Service

HOSTILE = Path(__file__).with_name("hostile.md")
HOSTILE_DAY = "2025-03-10"
PAPERS = 49
NEAREST = 10  # of so few, as many are lit and counted for a question


@dataclass(frozen=True)
class Site:
    """A running service, and what it serves."""

    service: Service
    store: Store

    @property
    def url(self) -> str:
        return self.service.url


def publish(samples: Path, published: Store, folder: Path) -> Store:
    """A store of its own with two versions, and a record of the second's build."""
    shutil.copytree(published.folder, folder / "data")
    sources = folder / "digests"
    shutil.copytree(samples, sources)
    shutil.copy(HOSTILE, sources / f"{HOSTILE_DAY}.md")
    store = Store(folder / "data")
    with Journal(store.folder / FOLDER).begin() as recorder:

        def on_read(reading: Reading) -> None:
            recorder.problems([asdict(one) for one in reading.problems])

        def on_published(version: str, report: Report) -> None:
            recorder.done(version, asdict(report))

        build([sources], store, progress=recorder, on_read=on_read, on_published=on_published)
    return store
