"""Large corpora that are like a real one: vectors mixed from its own, texts from its sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_SEED = 7
_BLOCK = 16_384
_NEAR = 20
_NOISE = 0.45  # the length of what is added at random, beside a length of 1


def mixed_vectors(real: Floats, count: int, seed: int = _SEED) -> Iterator[Floats]:
    """Vectors of length 1, each between two real ones and somewhat beside them.

    Args:
        real: (rows, dimension), of length 1.
        count: How many.
        seed: Another gives others.

    Yields:
        (some, dimension), until there are `count`.
    """
    random = np.random.default_rng(seed)
    rows, dimension = real.shape
    near = _nearest(real)
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        first = random.integers(0, rows, size)
        second = near[first, random.integers(0, near.shape[1], size)]
        share = random.beta(2, 2, size).astype(np.float32)[:, None]
        noise = random.standard_normal((size, dimension), np.float32)
        noise *= np.float32(_NOISE / dimension**0.5)
        mixed = share * real[first] + (1 - share) * real[second] + noise
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        yield mixed.astype(np.float32, copy=False)


def _nearest(real: Floats) -> npt.NDArray[np.int64]:
    """The rows nearest to each, itself among them: (rows, any)."""
    count = min(_NEAR, len(real))
    return np.vstack(
        [
            np.argpartition(-(part @ real.T), count - 1, axis=1)[:, :count]
            for part in np.array_split(real, max(1, len(real) // 1_000))
        ]
    )
