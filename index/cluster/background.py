"""Papers that stand for a corpus: by their scores those of others are brought to its scale.

Of scores that are put together from several legs, no mean and deviation can be known before. They
are taken of some papers at even distances; of up to MOST, of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from index.arrays import evenly
from index.cluster.parcels import Parcel

FILE = "cluster/background.msgpack"
MOST = 5_000

Ints = npt.NDArray[np.int64]


class Light(msgspec.Struct, frozen=True, array_like=True):
    """What all papers are scored by for likeness, as `Parcel` has it."""

    title: bytes
    latent: bytes
    centre: bytes
    weighed: bytes
    weights: bytes


class Sampler:
    """Takes papers at even distances, as they come."""

    def __init__(self, papers: int) -> None:
        self._wanted = set(evenly(papers, MOST).tolist())
        self._taken: list[Light] = []

    def take(self, parcels: Sequence[Parcel], rows: Ints) -> None:
        """Take those of some papers that are wanted."""
        for parcel, row in zip(parcels, rows.tolist(), strict=True):
            if row in self._wanted:
                vectors = parcel.title, parcel.latent, parcel.centre
                self._taken.append(Light(*vectors, parcel.weighed, parcel.weights))

    def files(self) -> dict[str, bytes]:
        """What `read_background` reads, by name in a snapshot's folder."""
        return {FILE: msgspec.msgpack.encode(self._taken)}


def read_background(folder: Path) -> list[Parcel]:
    """The papers, with nothing but what they are scored by.

    Raises:
        OSError: They can't be read.
        ValueError: They are something else.
    """
    light = msgspec.msgpack.decode((folder / FILE).read_bytes(), type=list[Light])
    return [_bare(number, one) for number, one in enumerate(light)]


def _bare(number: int, light: Light) -> Parcel:
    return Parcel(
        id=f"\0{number}",  # no paper is called so
        record=b"",
        votes=-1,
        authors=[],
        dates=[],
        findings=[],
        sections=[],
        table=b"",
        sentences=b"",
        sentence_counts=[],
        vectors=b"",
        title=light.title,
        latent=light.latent,
        centre=light.centre,
        terms=b"",
        term_counts=[],
        title_terms=b"",
        name_terms=b"",
        weighed=light.weighed,
        weights=light.weights,
        passage_weighed=b"",
        passage_weights=b"",
        passage_counts=[],
        tokens=b"",
        token_counts=[0],
    )
