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


class Shared(NamedTuple):
    """What papers share: the mean of their passages' means and that of their titles' vectors."""

    passages: Floats
    titles: Floats


def paper_vectors(parts: Parts) -> Floats:
    """One vector a paper: its passages' mean, its title's and its latent one, end to end.

    The first two are taken from the mean of all, which is what all papers share.
    """
    return vectors_of(parts, np.arange(len(parts.titles)))[0]


def vectors_of(
    parts: Parts, papers: npt.NDArray[np.int64], shared: Shared | None = None
) -> tuple[Floats, Shared]:
    """The vectors of some papers.

    Args:
        parts: Of all papers.
        papers: The rows of those.
        shared: What to take the vectors from; `None` takes what these papers share.

    Returns:
        (papers, dimension), and what they were taken from.
    """
    count, dimension = len(papers), parts.titles.shape[1]
    own = 0 if parts.latent is None else parts.latent.shape[1]
    joined = np.zeros((count, 2 * dimension + own), np.float32)
    means, titles, latent = np.split(joined, [dimension, 2 * dimension], axis=1)
    first = np.searchsorted(parts.owners, papers)
    lengths = np.searchsorted(parts.owners, papers, side="right") - first
    for number in range(int(lengths.max(initial=0))):  # `np.add.reduceat` takes four times as long
        rows = np.flatnonzero(lengths > number)
        means[rows] += parts.passages[first[rows] + number]
    titles[:] = parts.titles[papers]
    for part in (means, titles):
        _scale(part, 1.0)
    shared = shared or Shared(means.mean(0), titles.mean(0))
    for part, mean, weight in zip((means, titles), shared, (_PASSAGES, _TITLE), strict=True):
        part -= mean
        _scale(part, weight)
    if parts.latent is not None:
        latent[:] = parts.latent[papers]
        _scale(latent, _LATENT)
    return joined, shared


def _scale(vectors: Floats, length: float) -> None:
    """Give vectors a length, those of no length excepted; in place, for they are large."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    vectors *= (np.float32(length) / np.maximum(lengths, np.float32(1e-9)))[:, None]
