"""A version whose files are as they were written, and do not fit together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.arrays import Ragged
from index.build import build
from index.errors import SnapshotError
from index.late import LateIndex
from index.manifest import LAYOUT, read_manifest, seal
from index.snapshot import Snapshot
from index.store import Store
from tests.quick_encoder import use_quick_encoder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("counts")
    (root / "digests").mkdir()
    for day in range(1, 7):
        (root / "digests" / f"2024-05-0{day}.md").write_text(
            f"### [Model {day}](https://arxiv.org/abs/2405.0000{day})\n\n"
            f"- **What's New**: {day}번 모형을 다룬다.\n- **Summary**: {day}번을 줄인다.\n",
            encoding="utf-8",
        )
    with pytest.MonkeyPatch.context() as patch:
        use_quick_encoder(patch)
        yield build([root / "digests"], Store(root / "data")).folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A copy, to be sealed again."""
    return Path(shutil.copytree(built, tmp_path / "copy"))


def _shorter(name: str) -> Callable[[Path], None]:
    """Takes the last row away."""

    def shorten(folder: Path) -> None:
        array = np.load(folder / name)
        np.save(folder / name, array[:-1])

    return shorten


def _without_the_last_tokens(folder: Path) -> None:
    texts = LateIndex.open(folder / LAYOUT.late).texts
    fewer = Ragged(texts.values[: texts.offsets[-2]].copy(), texts.offsets[:-1].copy())
    LateIndex.write(fewer, folder / LAYOUT.late)


def _without_the_last_id(folder: Path) -> None:
    ids = json.loads((folder / LAYOUT.ids).read_text(encoding="utf-8"))
    (folder / LAYOUT.ids).write_text(json.dumps(ids[:-1]), encoding="utf-8")


def test_a_copy_that_is_sealed_again_can_be_opened(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert seal(folder, manifest) == manifest
    assert len(Snapshot.open(folder)) == manifest.papers == 6
    assert Snapshot.open(folder).latent is not None


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        (LAYOUT.ids, _without_the_last_id),
        (LAYOUT.papers, _shorter(LAYOUT.paper_offsets)),
        (LAYOUT.votes, _shorter(LAYOUT.votes)),
        (LAYOUT.titles, _shorter(LAYOUT.titles)),
        (LAYOUT.passages, _shorter(LAYOUT.passages)),
        (LAYOUT.sentence_offsets, _shorter(LAYOUT.sentence_offsets)),
        (LAYOUT.vectors, _shorter(LAYOUT.vectors)),
        (LAYOUT.latent, _shorter(LAYOUT.latent)),
        (LAYOUT.late, _without_the_last_tokens),
    ],
)
def test_a_part_with_too_few_rows_is_named(
    folder: Path, name: str, harm: Callable[[Path], None]
) -> None:
    harm(folder)
    seal(folder, read_manifest(folder))
    # Offsets are compared with what they part before any rows are counted.
    complaint = (
        r"offsets should go from 0 to \d+"
        if "offsets" in name or name == LAYOUT.papers
        else (rf"{name} has \d+ rows, the manifest says \d+")
    )
    with pytest.raises(SnapshotError, match=complaint):
        Snapshot.open(folder)


@pytest.mark.parametrize("count", ["papers", "passages"])
def test_a_manifest_that_counts_otherwise_is_refused(folder: Path, count: str) -> None:
    manifest = read_manifest(folder)
    seal(folder, replace(manifest, **{count: getattr(manifest, count) + 1}))
    with pytest.raises(SnapshotError, match="rows, the manifest says"):
        Snapshot.open(folder)
