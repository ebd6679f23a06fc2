"""Any model that sentence-transformers can load, by hub name or local path."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from index.encoders.base import EncoderSettings, Vectors
from index.errors import EncoderError
from index.threads import cpu_count


class SentenceTransformersEncoder:
    """`Encoder` over a `SentenceTransformer`, with prompts for queries and passages."""

    def __init__(self, settings: EncoderSettings) -> None:
        if not settings.model:
            raise EncoderError(
                "no model is named; set encoder.model to a hub name or a local path,"
                " such as intfloat/multilingual-e5-small"
            )
        self._settings = settings
        torch.set_num_threads(cpu_count())
        for name in ("huggingface_hub", "sentence_transformers", "transformers"):
            logging.getLogger(name).setLevel(logging.ERROR)  # of each of its retries
        try:
            self._model = SentenceTransformer(settings.model)
        # The library raises what its many parts raise: OSError, ValueError, HTTP errors.
        except Exception as error:
            reason = str(error).strip().split("\n")[0]
            raise EncoderError(
                f"can't load the model {settings.model!r}: {reason}; without a network, download it"
                " elsewhere and set encoder.model to its folder"
            ) from error
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
        digest = hashlib.sha256()
        for name, value in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(
                value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            )
        tokenizer = getattr(self._model.tokenizer, "backend_tokenizer", self._model.tokenizer)
        vocabulary = tokenizer.to_str() if hasattr(tokenizer, "to_str") else repr(tokenizer)
        prompts = (self._prompt("query"), self._prompt("document"))
        digest.update(repr((vocabulary, prompts, self._model.max_seq_length)).encode())
        return f"sentence-transformers-{digest.hexdigest()[:16]}"

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
