"""Any model that sentence-transformers can load, by hub name or local path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from sentence_transformers import SentenceTransformer

from index.encoders.base import Encoder, EncoderSettings, Vectors
from index.encoders.hub import fingerprint, load_model
from index.errors import EncoderError


class SentenceTransformersEncoder(Encoder):
    """`Encoder` over a `SentenceTransformer`, with prompts for queries and passages."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._settings = settings
        self._model = load_model(
            SentenceTransformer,
            settings.model,
            setting="encoder.model",
            example="intfloat/multilingual-e5-small",
        )
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise EncoderError(
                f"the model {settings.model!r} does not say how long its vectors are"
            )
        self._dimension = dimension

    @property
    def dimension(self) -> int:
        """As the model has it."""
        return self._dimension

    @cached_property
    def fingerprint(self) -> str:
        """The parameters, the vocabulary, the prompts and the cut-off, hashed."""
        prompts = (self._prompt("query"), self._prompt("document"))
        known = fingerprint(self._model, prompts, self._model.max_seq_length)
        return f"sentence-transformers-{known}"

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        """Embed queries: (texts, dimension)."""
        return self._encode(texts, "query")

    def encode_document(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages: (texts, dimension)."""
        out = np.empty((len(texts), self.dimension), np.float32)
        step = self._settings.batch_size * 8  # the library sorts by length within a call
        for begin in range(0, len(texts), step):
            batch = texts[begin : begin + step]
            out[begin : begin + len(batch)] = self._encode(batch, "document")
            if on_batch:
                on_batch(len(batch))
        return out

    def _encode(self, texts: Sequence[str], role: str) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        vectors = self._model.encode(
            list(texts),
            prompt=self._prompt(role),
            batch_size=self._settings.batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, np.float32)

    def _prompt(self, role: str) -> str:
        """What the settings say; else what the model says of itself, by the library's names."""
        settings = self._settings
        given = settings.query_prompt if role == "query" else settings.document_prompt
        if given is not None:
            return given
        names = ("query",) if role == "query" else ("document", "passage", "corpus")
        found = (self._model.prompts.get(name) for name in names)
        return next((prompt for prompt in found if prompt), "")
