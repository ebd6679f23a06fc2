"""What is known of a whole corpus, in a few arrays: it brings the scores of some to scale."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from index.arrays import load_mapped
from index.moments import Distribution
from index.snapshot import Snapshot

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

FOLDER = "cluster"
_PAPERS, _PASSAGES = "papers", "passages"
_VECTORS = ("titles", "latent", "centres")
_LABELS = "labels.json"


@dataclass(frozen=True, slots=True)
class TermFacts:
    """What is known of terms among documents.

    Attributes:
        count: How many documents there are.
        frequencies: (vocabulary,) how many have each term.
        sums: (vocabulary,) what each counts in BM25 in all of them together.
    """

    count: int
    frequencies: Ints
    sums: Doubles


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """What is known of a whole corpus.

    Attributes:
        papers: Of terms among papers.
        passages: Of terms among passages.
        titles: How the vectors of titles are distributed.
        latent: The same in the latent space; `None` where there is none.
        centres: The same of what papers are about as a whole.
        sections: The names of sections, those of the most passages first.
        days: The days of papers, as ISO 8601 writes them, ascending.
    """

    papers: TermFacts
    passages: TermFacts
    titles: Distribution | None
    latent: Distribution | None
    centres: Distribution | None
    sections: list[str]
    days: list[str]

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `facts_files` gave, in a snapshot's folder.

        Raises:
            OSError: It can't be read.
            ValueError: It is something else.
        """
        own = folder / FOLDER
        labels = json.loads((own / _LABELS).read_text(encoding="utf-8"))
        papers, passages = (
            TermFacts(
                int(labels[name]),
                load_mapped(own / f"{name}.frequencies.npy"),
                load_mapped(own / f"{name}.sums.npy"),
            )
            for name in (_PAPERS, _PASSAGES)
        )
        titles, latent, centres = (
            Distribution.from_array(load_mapped(own / f"{name}.npy"))
            if (own / f"{name}.npy").exists()
            else None
            for name in _VECTORS
        )
        return cls(papers, passages, titles, latent, centres, labels["sections"], labels["days"])


def facts_files(snapshot: Snapshot) -> dict[str, bytes]:
    """What `CorpusFacts.open` reads, by name in a snapshot's folder."""
    lexicon = snapshot.lexicon
    files: dict[str, bytes] = {}
    for name, (frequencies, sums) in (
        (_PAPERS, lexicon.among_papers),
        (_PASSAGES, lexicon.among_passages),
    ):
        files[f"{name}.frequencies.npy"] = _saved(frequencies)
        files[f"{name}.sums.npy"] = _saved(sums)
    vectors = (
        snapshot.titles,
        None if snapshot.latent is None else snapshot.latent.papers,
        snapshot.centre_index.vectors,
    )
    for name, array in zip(_VECTORS, vectors, strict=True):
        if array is not None:
            files[f"{name}.npy"] = _saved(Distribution.of(array).as_array())
    labels = {
        _PAPERS: len(snapshot),
        _PASSAGES: len(snapshot.owners),
        "sections": snapshot.sections.by_count(),
        "days": sorted(day for day in snapshot.dates.names if day),
    }
    files[_LABELS] = json.dumps(labels, ensure_ascii=False).encode()
    return {f"{FOLDER}/{name}": content for name, content in files.items()}


def _saved(array: npt.NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()
