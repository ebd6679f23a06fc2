"""The universal encoder's arithmetic in numpy, for a few texts at once: it needs no torch.

The same network as in `universal_network.py`, written for one query: every matrix is read once
and nothing is shared between tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.encoders.universal_weights import ORDERS, WIDTH, load_weights

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

FEATURES = 512 + len(ORDERS) * WIDTH
_LEFT = max(left for _, left in ORDERS)
_RIGHT = max(order - 1 - left for order, left in ORDERS)


class Convolution(NamedTuple):
    """One branch: windows of `order` tokens, `left` of them to the left."""

    order: int
    left: int
    w1: Floats
    b1: Floats
    w2: Floats
    b2: Floats


class UniversalArithmetic:
    """Tokens -> features of each token -> vectors of texts."""

    def __init__(self) -> None:
        weights = load_weights()
        self._table, self._scale, self._low = weights.table, weights.scale, weights.low
        self._eps = weights.eps
        self._arrays = arrays = weights.arrays
        self._convolutions = [
            Convolution(
                order, left, *(arrays[f"{name}_{order}"] for name in ("w1", "b1", "w2", "b2"))
            )
            for order, left in ORDERS
        ]

    def features(self, ids: Ints, lengths: Ints) -> Floats:
        """What the network knows of each token in its place: (tokens, 1280).

        Args:
            ids: (tokens,) the tokens of all texts, one text after the other.
            lengths: (texts,) how many of them belong to each text.
        """
        embedded = self._embed(ids)
        size = embedded.shape[1]
        features = np.empty((len(ids), FEATURES), np.float32)
        features[:, :size] = embedded
        arrays = self._arrays
        states = embedded @ arrays["proj_w"] + arrays["proj_b"]
        _layer_norm(states, arrays["ln_g_all"], arrays["ln_b_all"], self._eps)
        windows = _windows(lengths)
        rows = np.zeros((len(ids) + 1, WIDTH), np.float32)  # the last row is padding
        for i, (order, left, w1, b1, w2, b2) in enumerate(self._convolutions):
            window = windows[:, _LEFT - left : _LEFT - left + order]
            own = states[:, i * WIDTH : (i + 1) * WIDTH]
            rows[:-1] = own
            hidden = np.maximum(rows[window].reshape(len(ids), -1) @ w1 + b1, 0) + own
            rows[:-1] = hidden
            out = np.maximum(rows[window].reshape(len(ids), -1) @ w2 + b2, 0) + hidden
            features[:, size + i * WIDTH : size + (i + 1) * WIDTH] = out
        _layer_norm(features, arrays["ln_g"], arrays["ln_b"], self._eps)
        return features

    def states(self, features: Floats) -> Floats:
        """The tokens in the space in which the network adds them up: (tokens, 512)."""
        states: Floats = features @ self._arrays["cnn_w"]
        return states

    def vectors(self, features: Floats, lengths: Ints) -> Floats:
        """The vectors of the texts, of length 1: (texts, 512)."""
        arrays = self._arrays
        starts = np.cumsum(lengths) - lengths
        count = lengths.astype(np.float32)[:, None]
        sums = np.add.reduceat(features, starts, axis=0)
        mean = (sums @ arrays["cnn_w"] + count * arrays["cnn_b"]) / np.sqrt(count)
        y0 = np.maximum(mean @ arrays["d0"], 0)
        y1 = np.maximum(mean @ arrays["p1"] + y0 @ arrays["d1"], 0)
        y2 = np.maximum(y1 @ arrays["d2"], 0)
        out = np.tanh(y1 @ arrays["p3"] + y2 @ arrays["d3"])
        vectors: Floats = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
        return vectors

    def _embed(self, ids: Ints) -> Floats:
        chunk = ids % len(self._scale)
        embedded: Floats = self._table[ids].astype(np.float32)
        embedded *= self._scale[chunk, None]
        embedded += self._low[chunk, None]
        return embedded


def _layer_norm(rows: Floats, gain: Floats, shift: Floats, eps: float) -> None:
    """Normalise every row, in place."""
    rows -= rows.mean(1, keepdims=True)
    variance = np.einsum("ij,ij->i", rows, rows) / rows.shape[1]
    rows *= (1 / np.sqrt(variance + eps))[:, None]
    rows *= gain
    rows += shift


def _windows(lengths: Ints) -> Ints:
    """For each token, the rows of the widest window around it; past a text's ends, padding."""
    count = int(lengths.sum())
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)[:, None]
    ends = starts + np.repeat(lengths, lengths)[:, None]
    places = np.arange(count)[:, None] + np.arange(-_LEFT, _RIGHT + 1)
    return np.where((places >= starts) & (places < ends), places, count)
