"""Any late-interaction (ColBERT) model that sentence-transformers can load."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from sentence_transformers import MultiVectorEncoder
from sentence_transformers.base.modules import Module
from sentence_transformers.multi_vector_encoder.modules import BaseTokenPooling
from sentence_transformers.util import load_file_path
from torch import Tensor

from index.encoders.base import Basis, LateSettings, Tokens
from index.encoders.hub import fingerprint, load_model
from index.errors import EncoderError

CHUNK = 8  # batches that are sorted by length together
TYPES = ("MultiVectorEncoder", "ColBERT")  # as the library and PyLate save such models
ARCHITECTURE = "HF_ColBERT"  # as Stanford's code does


class SentenceTransformersTokens:
    """`MultiVectorEncoder` over the library's class of that name, with the model's own prompts.

    Tokens are those that the model scores: marks and the query's expansion among them, words on
    its skip list not.
    """

    def __init__(self, settings: LateSettings) -> None:
        self._settings = settings
        self._model = load_model(
            _load,
            settings.model,
            setting="late.model",
            example="LiquidAI/LFM2-ColBERT-350M",
        )
        self._prompts = {
            "query": self._prompt("query"),
            "document": self._prompt("document", "passage", "corpus"),
        }
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise EncoderError(
                f"the model {settings.model!r} does not say how long its vectors are"
            )
        self._dimension = dimension
        # Queries and passages are cut at different lengths. The library tells the tokenizer which
        # and then uses it, and another thread could tell it the other in between.
        self._lock = Lock()

    @property
    def token_dimension(self) -> int:
        """As the model has it."""
        return self._dimension

    @cached_property
    def vocabulary(self) -> int:
        """The highest token of the tokenizer, and one."""
        numbers: dict[str, int] = self._model.tokenizer.get_vocab()
        return max(numbers.values()) + 1

    @cached_property
    def token_fingerprint(self) -> str:
        """The parameters, the vocabulary, the prompts and the modules' settings, hashed."""
        modules = [
            (type(module).__name__, module.get_config_dict())
            for module in self._model.children()
            if isinstance(module, Module)
        ]
        known = fingerprint(self._model, self._prompts, modules, self._model.max_seq_length)
        return f"sentence-transformers-tokens-{known}"

    def encode_query_tokens(self, text: str, basis: Basis | None = None) -> Tokens:
        """Embed a query's tokens."""
        return _laid_down(self._encode([text], "query"), basis)

    def encode_document_tokens(
        self,
        texts: Sequence[str],
        basis: Basis | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[Sequence[int], Tokens]]:
        """Embed the tokens of passages, those of similar length together."""
        size = self._settings.batch_size
        for begin in range(0, len(texts), size * CHUNK):
            chunk = range(begin, min(begin + size * CHUNK, len(texts)))
            order = sorted(chunk, key=lambda row: -len(texts[row]))
            for start in range(0, len(order), size):
                rows = order[start : start + size]
                tokens = self._encode([texts[row] for row in rows], "document")
                tokens = _laid_down(tokens, basis)
                if on_batch:
                    on_batch(len(rows))
                yield rows, tokens

    def _encode(self, texts: list[str], role: str) -> Tokens:
        """The tokens of one batch."""
        prompt = self._prompts[role]
        with self._lock:
            found: Any = self._model.encode(
                texts,
                task=role,
                prompt=prompt,
                batch_size=len(texts),
                show_progress_bar=False,
                output_value=None,  # what the modules say of every token, scored or not
                processing_kwargs={"text": {"return_offsets_mapping": True}},
            )
        parts = [self._scored(features, len(prompt)) for features in found]
        return Tokens(
            torch.cat([part.vectors for part in parts]).float().cpu().numpy(),
            torch.cat([part.ids for part in parts]).long().cpu().numpy(),
            torch.cat([part.spans for part in parts]).int().cpu().numpy(),
            np.array([len(part.ids) for part in parts], np.int64),
        )

    def _scored(self, features: dict[str, Any], prompt: int) -> _Scored:
        """The tokens of one text that the model scores.

        Args:
            features: What the modules say of the text.
            prompt: How many characters were put before it.
        """
        offsets = features.get("offset_mapping")
        if offsets is None or features.get("modality", "text") != "text":
            raise EncoderError(
                f"the model {self._settings.model!r} does not say where in a text its tokens are;"
                " set late.model to one that reads plain text"
            )
        mask, ids = features["attention_mask"].bool(), features["input_ids"]
        vectors: Tensor = features["token_embeddings"]
        if not len(mask) == len(ids) == len(vectors) >= len(offsets):
            raise EncoderError(
                f"the model {self._settings.model!r} gives {len(vectors)} vectors and"
                f" {len(offsets)} places for {len(ids)} tokens; they can't be told apart"
            )
        # An expansion can make a query longer than the tokenizer left it.
        missing = len(ids) - len(offsets)
        offsets = torch.nn.functional.pad(offsets, (0, 0, 0, missing))
        return _Scored(vectors[mask], ids[mask], (offsets[mask] - prompt).clamp(min=0))

    def _prompt(self, *names: str) -> str:
        """What the model says of itself, found as the library's own methods find it."""
        prompts = self._model.prompts
        name = next((name for name in names if name in prompts), self._model.default_prompt_name)
        return (prompts.get(name) if name else None) or ""


class _Scored(NamedTuple):
    vectors: Tensor
    ids: Tensor
    spans: Tensor


def _load(name: str) -> MultiVectorEncoder:
    """Load a model that has a vector for every token.

    Raises:
        EncoderError: The model is of another kind.
    """
    model = MultiVectorEncoder(name)
    if not _is_multi_vector(name):
        # The library has given it a projection of random numbers.
        raise EncoderError(
            f"the model {name!r} is not a late-interaction (ColBERT) model; set late.model to one,"
            " or late.kind to universal or off"
        )
    if not getattr(model.tokenizer, "is_fast", False):
        raise EncoderError(
            f"the tokenizer of {name!r} does not say where in a text its tokens are; set late.model"
            " to a model with a fast tokenizer (a file tokenizer.json)"
        )
    if any(isinstance(module, BaseTokenPooling) for module in model.children()):
        raise EncoderError(
            f"the model {name!r} pools the vectors of several tokens, so that none is a token's;"
            " set late.model to one without token pooling"
        )
    return model


def _is_multi_vector(name: str) -> bool:
    """Whether a model was saved as one with a vector for each token."""
    own = _read(name, "config_sentence_transformers.json").get("model_type")
    return own in TYPES or ARCHITECTURE in (_read(name, "config.json").get("architectures") or [])


def _read(name: str, file: str) -> dict[str, Any]:
    """One of a model's JSON files; empty if it has none."""
    path = load_file_path(name, file)
    found: dict[str, Any] = json.loads(Path(path).read_text("utf-8")) if path else {}
    return found


def _laid_down(tokens: Tokens, basis: Basis | None) -> Tokens:
    return tokens if basis is None else tokens._replace(vectors=basis.lay_down(tokens.vectors))
