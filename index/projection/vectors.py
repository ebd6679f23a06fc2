"""What papers are laid out by: their passages' vectors, their titles' and their latent ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# What each part counts, by measurement (docs/decisions.md).
_PASSAGES, _TITLE, _LATENT = 0.5, 0.4, 0.77


class Parts(NamedTuple):
    """Vectors of papers.

    Attributes:
        passages: (passages, dimension).
        owners: (passages,) the row of each one's paper, ascending.
        titles: (papers, dimension).
        latent: (papers, other dimension); `None` where there are none.
    """

    passages: Floats
    owners: npt.NDArray[np.integer]
    titles: Floats
    latent: Floats | None


def paper_vectors(parts: Parts) -> Floats:
    """One vector a paper: its passages' mean, its title's and its latent one, end to end.

    The first two are taken from the mean of all, which is what all papers share.
    """
    first = np.searchsorted(parts.owners, np.arange(len(parts.titles) + 1))
    papers, dimension = parts.titles.shape
    own = 0 if parts.latent is None else parts.latent.shape[1]
    joined = np.zeros((papers, 2 * dimension + own), np.float32)
    means, titles, latent = np.split(joined, [dimension, 2 * dimension], axis=1)
    lengths = np.diff(first)
    for number in range(int(lengths.max(initial=0))):  # `np.add.reduceat` takes four times as long
        rows = np.flatnonzero(lengths > number)
        means[rows] += parts.passages[first[rows] + number]
    titles[:] = parts.titles
    for part, weight in ((means, _PASSAGES), (titles, _TITLE)):
        _scale(part, 1.0)
        part -= part.mean(0)
        _scale(part, weight)
    if parts.latent is not None:
        latent[:] = parts.latent
        _scale(latent, _LATENT)
    return joined


def _scale(vectors: Floats, length: float) -> None:
    """Give vectors a length, those of no length excepted; in place, for they are large."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    vectors *= (np.float32(length) / np.maximum(lengths, np.float32(1e-9)))[:, None]
