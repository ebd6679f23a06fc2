"""Indexes of a build's vectors: which one each array of them gets, beside the array in its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from index.arrays import ArrayFile, load_mapped
from index.manifest import LAYOUT, SETTINGS
from index.paper_index import PaperIndex
from index.settings import VectorSettings
from index.snapshot import Snapshot, centres
from index.vectors import FaissIndex, IndexFacts, Known
from index.vectors.recall import sample_of

Rows = npt.NDArray[np.int64]

_BLOCK = 16_384  # papers


class Carried(NamedTuple):
    """What a build carries over: the snapshot, and for each array of vectors the rows there.

    Attributes:
        live: The snapshot.
        rows: By the array's file: (rows,) for each row of the build, -1 where it is new.
    """

    live: Snapshot
    rows: Mapping[str, Rows]


def write_indexes(
    folder: Path, settings: VectorSettings, carried: Carried | None = None
) -> dict[str, dict[str, Any]]:
    """Write the indexes of all vectors in a snapshot's folder, and measure what they find.

    The passages are searched by titles to measure with, and the titles by passages: those who ask
    are not among what they look for, as with a question.

    Args:
        folder: Of a snapshot under construction; it has the vectors and the table of passages.
        settings: Which indexes.
        carried: What is carried over, whose clusters are used again as long as they fit.

    Returns:
        What a manifest says of them.
    """
    asking = {LAYOUT.vectors: LAYOUT.titles, LAYOUT.titles: LAYOUT.vectors}
    facts: dict[str, IndexFacts] = {}

    def write(name: str) -> None:
        queries = sample_of(load_mapped(folder / asking[name])) if name in asking else None
        lists = LAYOUT.lists_of(folder, name)
        known = _known(name, carried)
        facts[name] = FaissIndex.write(folder / name, lists, settings, queries, known)
        if lists.exists() and name != LAYOUT.vectors:
            PaperIndex.write_distribution(load_mapped(folder / name), lists)

    write(LAYOUT.vectors)
    write(LAYOUT.titles)
    if (folder / LAYOUT.latent).exists():
        write(LAYOUT.latent)
    if facts[LAYOUT.vectors].lists:  # else they are soon computed when they are asked for
        _write_centres(folder)
        write(LAYOUT.centres)
    return {SETTINGS: settings.as_json(), **{name: one.as_json() for name, one in facts.items()}}


def indexed_by(vectors: Mapping[str, Any], settings: VectorSettings) -> bool:
    """Whether what a manifest says of its indexes is what these settings would make."""
    return bool(vectors.get(SETTINGS) == settings.as_json())


def _known(name: str, carried: Carried | None) -> Known | None:
    if carried is None or name not in carried.live.manifest.vectors or name not in carried.rows:
        return None
    facts = IndexFacts.from_json(carried.live.manifest.vectors[name])
    if not facts.lists:
        return None
    lists = LAYOUT.lists_of(carried.live.folder, name)
    return Known(FaissIndex.open(carried.live.folder / name, facts, lists), carried.rows[name])


def _write_centres(folder: Path) -> None:
    """Write what each paper is about as a whole, some papers at a time."""
    passages, titles = (load_mapped(folder / name) for name in (LAYOUT.vectors, LAYOUT.titles))
    owners = load_mapped(folder / LAYOUT.passages)[:, 0]
    first = np.searchsorted(owners, np.arange(len(titles) + 1))
    with ArrayFile(folder / LAYOUT.centres, titles[:0], len(titles)) as out:
        for start in range(0, len(titles), _BLOCK):
            own = titles[start : start + _BLOCK]
            some = first[start : start + len(own) + 1]
            out.write(centres(passages[some[0] : some[-1]], some - some[0], own))
