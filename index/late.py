"""Late interaction: every token of a question finds its best token in a paper.

ColBERT's MaxSim (Khattab and Zaharia 2020, arXiv:2004.12832) over token vectors that are kept
as the number of their nearest centroid alone, as in the first stages of PLAID (Santhanam et al.
2022, arXiv:2205.09707): a question's tokens are compared with the centroids once, and a paper's
score is then looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from index.arrays import ArrayFile, Chosen, Ragged, load_arrays, load_mapped, save_arrays
from index.blocks import Blocks, group_max
from index.encoders import Basis, MultiVectorEncoder, Tokens
from index.vectors import centroids, nearest

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Span = tuple[int, int]

DIMENSIONS = 128
CENTROIDS = 4096  # 8,192 find no more (docs/decisions.md)
SAMPLE = 800  # passages to learn the basis and the centroids from
MOST_TOKENS = 96  # of a query; of more, the rarest
_STEPS = 127.5  # a cosine from -1 to 1 in a byte
_ALIKE = ceil((0.6 + 1) * _STEPS)  # the least cosine, in a byte, of tokens shown as a match
_CODES, _SPANS, _OFFSETS = "codes.npy", "spans.npy", "offsets.npy"


class Coded(NamedTuple):
    """A text's tokens as they are kept.

    Attributes:
        codes: (tokens,) the centroid nearest to each.
        spans: (tokens, 2) the characters each stands for.
    """

    codes: npt.NDArray[np.uint16]
    spans: npt.NDArray[np.uint16]


class LateQuery(NamedTuple):
    """A query's tokens, ready to be compared.

    Attributes:
        weights: (tokens,) their rarities, with a sum of 1.
        table: (centroids, tokens) cosines, brought from -1..1 to 0..255.
    """

    weights: Floats
    table: npt.NDArray[np.uint8]


class LateScores(NamedTuple):
    """MaxSim of groups of passages, from -1 to 1; -1 for a group without any.

    Attributes:
        whole: (groups,) each group as if it were one text.
        best: (groups,) its best passage alone.
    """

    whole: Floats
    best: Floats


@dataclass(frozen=True, slots=True)
class TokenSpace:
    """What is learned of a corpus's tokens.

    Attributes:
        basis: Lays token vectors down to DIMENSIONS or fewer.
        centroids: (centroids, dimensions), of length 1.
        rarity: (vocabulary,) inverse document frequency of each token among papers.
    """

    basis: Basis
    centroids: Floats
    rarity: Floats

    @classmethod
    def learn(cls, encoder: MultiVectorEncoder, texts: Sequence[str]) -> Self:
        """Learn the basis and the centroids from some of the passages.

        All rarities are the same until `with_rarity`.
        """
        step = max(1, len(texts) // SAMPLE)
        batches = encoder.encode_document_tokens(texts[::step])
        sample = np.vstack([tokens.vectors for _, tokens in batches])
        mean = sample.mean(0)
        sample -= mean
        variances, axes = np.linalg.eigh(sample.T @ sample / len(sample))
        mean = mean.astype(np.float32)
        axes = axes[:, np.argsort(-variances, kind="stable")[:DIMENSIONS]]
        # The sign of an eigenvector is nobody's choice: let the largest part be positive.
        axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
        axes = np.ascontiguousarray(axes, np.float32)
        points = _unit((sample @ axes).astype(np.float32))
        count = int(min(CENTROIDS, max(1, len(points) // 8)))
        return cls(
            Basis(mean, axes),
            _unit(centroids(points, count)),
            np.ones(encoder.vocabulary, np.float32),
        )

    def with_rarity(self, frequencies: Ints, papers: int) -> Self:
        """The same with rarities from how many of the papers have each token, as in BM25."""
        rarity = np.log1p((papers - frequencies + 0.5) / (frequencies + 0.5))
        return type(self)(self.basis, self.centroids, rarity.astype(np.float32))

    def code(self, vectors: Floats) -> npt.NDArray[np.uint16]:
        """The nearest centroid of token vectors that are laid down already: (tokens,)."""
        return nearest(_unit(vectors), self.centroids).astype(np.uint16)

    def query(self, tokens: Tokens) -> LateQuery | None:
        """Compare a query's tokens with all centroids.

        Args:
            tokens: Laid down by the basis.

        Returns:
            `None` where there is no token.
        """
        weights = self.rarity[tokens.ids]
        if not len(weights) or not weights.sum() > 0:
            return None
        kept = np.sort(np.argsort(-weights, kind="stable")[:MOST_TOKENS])
        cosines = self.centroids @ _unit(tokens.vectors[kept]).T
        cosines *= _STEPS  # in place: these are megabytes
        cosines += _STEPS + 0.5
        weights = weights[kept]
        return LateQuery((weights / weights.sum()).astype(np.float32), cosines.astype(np.uint8))

    def write(self, folder: Path) -> None:
        """Write what `open` reads."""
        save_arrays(
            folder,
            mean=self.basis.mean,
            axes=self.basis.axes,
            centroids=self.centroids,
            rarity=self.rarity,
        )

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `write` wrote."""
        found = load_arrays(folder, "mean", "axes", "centroids", "rarity")
        return cls(Basis(found["mean"], found["axes"]), found["centroids"], found["rarity"])


class LateIndex:
    """The tokens of all passages of a snapshot, and after them those of all titles."""

    def __init__(
        self,
        codes: npt.NDArray[np.uint16],
        spans: npt.NDArray[np.uint16],
        offsets: Ints,
    ) -> None:
        self._codes = Ragged(codes, offsets)
        self._spans = spans

    def __len__(self) -> int:
        return len(self._codes)

    @staticmethod
    def write(texts: Ragged | Chosen, folder: Path) -> None:
        """Write what `open` reads, block by block.

        Args:
            texts: (tokens, 3) of each text: the centroid of each token, its first character
                and the one after its last.
            folder: An empty folder.
        """
        like, count = np.zeros((0, 2), np.uint16), int(texts.offsets[-1])
        np.save(folder / _OFFSETS, texts.offsets, allow_pickle=False)
        with (
            ArrayFile(folder / _CODES, like[:, 0], count) as codes,
            ArrayFile(folder / _SPANS, like, count) as spans,
        ):
            for block in texts.blocks():
                codes.write(block.values[:, 0])
                spans.write(block.values[:, 1:])

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `write` wrote."""
        return cls(*(load_mapped(folder / name) for name in (_CODES, _SPANS, _OFFSETS)))

    @property
    def texts(self) -> Ragged:
        """All texts as they were given to `write`; read into memory."""
        codes, offsets = self._codes.values, self._codes.offsets
        return Ragged(np.column_stack([codes, self._spans]), offsets)

    @property
    def lengths(self) -> Ints:
        """How many tokens each text has: (texts,)."""
        return self._codes.lengths

    def take(self, rows: Ints) -> Ragged:
        """Some texts as they were given to `write`."""
        codes = self._codes.take(rows)
        spans = Ragged(self._spans, self._codes.offsets).take(rows)
        return Ragged(np.column_stack([codes.values, spans.values]), codes.offsets)

    def coded(self, row: int) -> Coded:
        """A text's tokens."""
        start, end = self._codes.offsets[row : row + 2]
        return Coded(self._codes.values[start:end], self._spans[start:end])

    @cached_property
    def _blocks(self) -> Blocks:
        # Made when a first query needs it: 10 ms and 2 bytes a token.
        return Blocks.of(self._codes)

    def scores(self, query: LateQuery, groups: Ragged, titles: Ints | None = None) -> LateScores:
        """MaxSim of groups of passages, such as papers.

        The sum over the query's tokens of weight times the best cosine with any token.

        Args:
            query: As `TokenSpace.query` gave it.
            groups: Rows of passages, each group ascending.
            titles: (groups,) for each group the row of a title, which counts as part of the
                whole.
        """
        sizes, firsts = groups.lengths, groups.offsets[:-1]
        rows = groups.values if titles is None else np.concatenate([groups.values, titles])
        nearest = self._blocks.greatest(query.table, rows)
        passages = nearest[: len(groups.values)]
        whole = group_max(passages, firsts, sizes)
        best = group_max((_float(passages) @ query.weights)[:, None], firsts, sizes)[:, 0]
        if titles is not None:
            whole = np.maximum(whole, nearest[len(groups.values) :])
        missing = np.float32(-1)
        return LateScores(
            np.where(sizes > 0, _float(whole) @ query.weights / _STEPS - 1, missing).astype(
                np.float32
            ),
            np.where(sizes > 0, best / _STEPS - 1, missing).astype(np.float32),
        )

    def span_scores(self, query: LateQuery, passage: int, spans: Sequence[Span]) -> Floats:
        """MaxSim of parts of a passage, such as its sentences: (spans,), from -1 to 1.

        A token belongs to the part that it begins in; a part without tokens has -1.
        """
        codes, places = self.coded(passage)
        found = query.table[codes]
        scores = np.full(len(spans), -1, np.float32)
        for at, (start, end) in enumerate(spans):
            inside = found[(places[:, 0] >= start) & (places[:, 0] < end)]
            if len(inside):
                scores[at] = inside.max(0) @ query.weights / _STEPS - 1
        return scores

    def best(self, query: LateQuery, passage: int) -> Floats:
        """How near each of the query's tokens comes to any of a passage: (tokens,) cosines."""
        nearest = self._blocks.greatest(query.table, np.array([passage]))[0]
        cosines: Floats = (_float(nearest) / _STEPS - 1).astype(np.float32)
        return cosines

    def matches(self, query: LateQuery, passages: Ints) -> Ragged:
        """Where in passages' texts the query's tokens found their best tokens.

        Only those that count in the query and are much alike: each token of the query marks
        at most one token of a passage, the first of its best.

        Args:
            query: As `TokenSpace.query` gave it.
            passages: Their rows.

        Returns:
            (spans, 2) of each passage: the first character and the one after the last.
        """
        texts = self._codes.take(passages)
        owners = np.repeat(np.arange(len(texts)), texts.lengths)
        telling = query.table[:, query.weights >= query.weights.mean()]
        found = np.take(telling, texts.values, axis=0)
        tokens, asked = np.nonzero(found >= _ALIKE)
        cosines, pairs = found[tokens, asked], owners[tokens] * found.shape[1] + asked
        order = np.lexsort((tokens, -cosines.astype(np.int64), pairs))
        _, firsts = np.unique(pairs[order], return_index=True)
        marked = np.unique(tokens[order[firsts]])
        counts = np.bincount(owners[marked], minlength=len(texts))
        places = marked + (self._codes.offsets[passages] - texts.offsets[:-1])[owners[marked]]
        return Ragged(self._spans[places], np.concatenate([[0], np.cumsum(counts)]))


def _float(steps: npt.NDArray[np.uint8]) -> Floats:
    return steps.astype(np.float32)


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return unit
