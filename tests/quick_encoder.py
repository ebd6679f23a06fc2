"""An encoder that costs nothing: each word has a vector of its own, a text their sum.

For tests that build again and again; what a build does with vectors is the same for all encoders.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from index.build import build
from index.encoders import Basis, Encoder, Tokens, Vectors
from index.settings import BuildSettings
from index.store import Store

Publish = Callable[..., str]

_WORD = re.compile(r"\w+")


class QuickEncoder(Encoder):
    """`Encoder` and `MultiVectorEncoder`."""

    dimension = token_dimension = 32
    fingerprint = token_fingerprint = "quick"
    vocabulary = 997

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self._table = random.normal(size=(self.vocabulary, self.dimension)).astype(np.float32)

    def encode_document(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        sums = [self._table[self._ids(text)].sum(0) for text in texts]
        vectors = np.array(sums, np.float32).reshape(len(texts), self.dimension)
        if on_batch:
            on_batch(len(texts))
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        return self.encode_document(texts)

    def encode_document_tokens(
        self,
        texts: Sequence[str],
        basis: Basis | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[Sequence[int], Tokens]]:
        for row, text in enumerate(texts):
            tokens = self.encode_query_tokens(text, basis)
            if on_batch:
                on_batch(1)
            yield [row], tokens._replace(texts=self.encode_document([text]))

    def encode_query_tokens(self, text: str, basis: Basis | None = None) -> Tokens:
        ids = self._ids(text)
        vectors = self._table[ids]
        places = [match.span() for match in _WORD.finditer(text)] or [(0, max(1, len(text)))]
        return Tokens(
            vectors if basis is None else basis.lay_down(vectors),
            np.array(ids, np.int64),
            np.array(places, np.int32),
            np.array([len(ids)], np.int64),
        )

    def _ids(self, text: str) -> list[int]:
        words = _WORD.findall(text) or [""]
        return [zlib.crc32(word.lower().encode()) % self.vocabulary for word in words]


def use_quick_encoder(patch: pytest.MonkeyPatch) -> QuickEncoder:
    """Let builds and snapshots use this encoder for everything."""
    encoder = QuickEncoder()
    for module in ("index.build", "index.snapshot"):
        patch.setattr(f"{module}.open_encoder", lambda _: encoder)
        patch.setattr(f"{module}.open_multi_vector_encoder", lambda *_: encoder)
    return encoder


@pytest.fixture(scope="module")
def quick() -> Iterator[QuickEncoder]:
    """All builds and snapshots of a module use this encoder."""
    with pytest.MonkeyPatch.context() as patch:
        yield use_quick_encoder(patch)


@pytest.fixture
def publish(store: Store, tmp_path: Path) -> Publish:
    """Publishes a version of the module's own store, in which the paper says this."""

    def publish(text: str, keep: int = 5) -> str:
        folder = tmp_path / "digests"
        folder.mkdir(exist_ok=True)
        (folder / "2024-05-01.md").write_text(
            "### [Paper](https://arxiv.org/abs/2405.00001)\n\n"
            f"- **What's New**: {text}라고 말한다.\n",
            encoding="utf-8",
        )
        return build([folder], store, BuildSettings(keep=keep)).version

    return publish
