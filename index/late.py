"""Late interaction: every token of a question finds its best token in a paper.

ColBERT's MaxSim (Khattab and Zaharia 2020, arXiv:2004.12832) over token vectors that are kept
as the number of their nearest centroid alone, as in the first stages of PLAID (Santhanam et al.
2022, arXiv:2205.09707): a question's tokens are compared with the centroids once, and a paper's
score is then looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged, load_arrays, load_mapped, save_arrays
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
_ALIKE = 0.6  # the least cosine of two tokens that are shown as a match
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
        table = (cosines * _STEPS + (_STEPS + 0.5)).astype(np.uint8)
        weights = weights[kept]
        return LateQuery((weights / weights.sum()).astype(np.float32), table)

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
        self._codes = codes
        self._spans = spans
        self._offsets = offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @staticmethod
    def write(texts: Ragged, folder: Path) -> None:
        """Write what `open` reads.

        Args:
            texts: (tokens, 3) of each text: the centroid of each token, its first character
                and the one after its last.
            folder: An empty folder.
        """
        arrays: dict[str, npt.NDArray[Any]] = {
            _CODES: np.ascontiguousarray(texts.values[:, 0], np.uint16),
            _SPANS: np.ascontiguousarray(texts.values[:, 1:], np.uint16),
            _OFFSETS: texts.offsets,
        }
        for name, array in arrays.items():
            np.save(folder / name, array, allow_pickle=False)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `write` wrote."""
        return cls(*(load_mapped(folder / name) for name in (_CODES, _SPANS, _OFFSETS)))

    @property
    def texts(self) -> Ragged:
        """All texts as they were given to `write`; read into memory."""
        return Ragged(np.column_stack([self._codes, self._spans]), self._offsets)

    def coded(self, row: int) -> Coded:
        """A text's tokens."""
        rows = slice(self._offsets[row], self._offsets[row + 1])
        return Coded(self._codes[rows], self._spans[rows])

    def scores(
        self, query: LateQuery, groups: Sequence[Sequence[int]], titles: Sequence[int] | None = None
    ) -> LateScores:
        """MaxSim of groups of passages, such as papers.

        The sum over the query's tokens of weight times the best cosine with any token.

        Args:
            query: As `TokenSpace.query` gave it.
            groups: Rows of passages, each group ascending.
            titles: For each group the row of a title, which counts as part of the whole.
        """
        rows = [row for group in groups for row in group]
        sizes = np.array([len(group) for group in groups], np.int64)
        firsts = np.cumsum(sizes) - sizes
        passages = self._best(query, rows)
        whole = _group_max(passages, firsts, sizes)
        best = _group_max((passages @ query.weights)[:, None], firsts, sizes)[:, 0]
        if titles is not None:
            whole = np.maximum(whole, self._best(query, titles))
        missing = np.float32(-1)
        return LateScores(
            np.where(sizes > 0, whole @ query.weights / _STEPS - 1, missing).astype(np.float32),
            np.where(sizes > 0, best / _STEPS - 1, missing).astype(np.float32),
        )

    def _best(self, query: LateQuery, rows: Sequence[int]) -> Floats:
        """How near each of the query's tokens comes to any token of some texts: (rows, tokens)."""
        parts = [self._codes[self._offsets[a] : self._offsets[b + 1]] for a, b in _runs(rows)]
        at = np.asarray(rows, np.int64)
        sizes = self._offsets[at + 1] - self._offsets[at]
        codes = np.concatenate([np.zeros(0, np.uint16), *parts])
        found = np.take(query.table, codes, axis=0)
        return _group_max(found, np.cumsum(sizes) - sizes, sizes).astype(np.float32)

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
        cosines: Floats = (self._best(query, [passage])[0] / _STEPS - 1).astype(np.float32)
        return cosines

    def matches(self, query: LateQuery, passage: int) -> list[Span]:
        """Where in a passage's text the query's tokens found their best tokens.

        Only those that count in the query and are much alike: each token of the query marks
        at most one token.
        """
        codes, spans = self.coded(passage)
        if not len(codes):
            return []
        found = query.table[codes]
        best = found.argmax(0)
        alike = found[best, np.arange(len(best))] >= (_ALIKE + 1) * _STEPS
        telling = query.weights >= query.weights.mean()
        places = sorted(set(best[alike & telling].tolist()))
        return [(int(spans[place, 0]), int(spans[place, 1])) for place in places]


def _group_max(rows: npt.NDArray[Any], firsts: Ints, sizes: Ints) -> npt.NDArray[Any]:
    """The greatest of each group of rows, column by column; zeros for an empty group."""
    out = np.zeros((len(sizes), rows.shape[1]), rows.dtype)
    filled = np.flatnonzero(sizes)
    if len(filled):
        out[filled] = np.maximum.reduceat(rows, firsts[filled], axis=0)
    return out


def _runs(group: Sequence[int]) -> list[Span]:
    """First and last of each run of rows that follow one another."""
    runs: list[Span] = []
    for row in group:
        if runs and row == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    return runs


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return unit
