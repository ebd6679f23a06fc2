"""Corpora of a few papers that say what a test needs, and corpora of which papers are doubted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI

from index.build import build
from index.encoders import LateKind, LateSettings
from index.manifest import LAYOUT
from index.quality import Finding, Flag
from index.quality.findings import write_findings
from index.settings import BuildSettings
from index.snapshot import Snapshot
from index.store import Store
from rag.search import Searcher
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings
from tests.quick_encoder import use_quick_encoder

DAY = "2024-01-01.md"


def number(place: int) -> str:
    """The arXiv number of a corpus's paper, by its place."""
    return f"2401.{place:05}"


def write_digest(folder: Path, papers: Sequence[tuple[str, str]], day: str = DAY) -> Path:
    """Write a digest of titles and summaries: lines of text, or sections as they stand."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for place, (title, summary) in enumerate(papers):
        body = summary if summary.startswith("- ") else f"- **What's New**: {summary}"
        entries.append(f"### [{title}](https://arxiv.org/abs/{number(place)})\n\n{body}\n\n")
    path = folder / day
    path.write_text("".join(entries), encoding="utf-8")
    return path


def build_tiny(
    folder: Path, papers: Sequence[tuple[str, str]], settings: BuildSettings | None = None
) -> Snapshot:
    """A snapshot of such a digest, by the encoder that costs nothing."""
    write_digest(folder / "digests", papers)
    with pytest.MonkeyPatch.context() as patch:
        use_quick_encoder(patch)
        if settings and settings.late.kind is LateKind.OFF:
            for module in ("index.build", "index.snapshot"):
                patch.setattr(f"{module}.open_multi_vector_encoder", lambda *_: None)
        store = Store(folder / "data")
        build([folder / "digests"], store, settings or BuildSettings())
        # Whatever a build thinks of papers of a line or two; a test says what is doubted.
        return doubt(store.open_live(), folder / "sound")


WITHOUT_TOKENS = replace(BuildSettings(), late=LateSettings(LateKind.OFF))


def doubt(snapshot: Snapshot, folder: Path, *papers: str, flag: Flag | None = None) -> Snapshot:
    """The same corpus, but that some papers are flagged."""
    shutil.copytree(snapshot.folder, folder)
    flag = flag or Flag.SUMMARY_MISMATCH
    write_findings(folder / LAYOUT.findings, [Finding(one, flag, "for the test") for one in papers])
    late = snapshot.late
    encoders = snapshot.plain_encoder, late and late.encoder
    return Snapshot.open_unsealed(folder, snapshot.manifest, *encoders)


class Fixed(Live):
    """Serves one searcher, wherever it is from."""

    def __init__(self, folder: Path, settings: Settings, searcher: Searcher) -> None:
        super().__init__(Store(folder), settings)
        self._fixed = searcher

    @property
    def searcher(self) -> Searcher:
        return self._fixed

    def watch(self) -> None:
        pass


def app_of(searcher: Searcher, folder: Path, settings: Settings | None = None) -> FastAPI:
    """The service over a searcher."""
    settings = settings or Settings(data=folder)
    return create_app(Fixed(folder, settings, searcher), settings)
