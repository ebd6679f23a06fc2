"""The universal encoder as a module of a `SentenceTransformer`, to train it with that library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from sentence_transformers.base.modules import InputModule
from torch import Tensor

from index.encoders.universal_network import UniversalNetwork
from index.encoders.universal_weights import Tokenizer, flatten


class UniversalModule(InputModule):
    """Texts -> 512-dimensional vectors of length 1: `SentenceTransformer(modules=[module])`."""

    config_keys: list[str] = []  # noqa: RUF012 - as the base class declares it

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.network = UniversalNetwork()
        self._tokenizer = Tokenizer()

    def preprocess(
        self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Tokenize; `input_ids` holds all texts end to end, `lengths` how long each is."""
        ids, lengths = flatten(self._tokenizer.encode([(prompt or "") + text for text in inputs]))
        return {"input_ids": torch.from_numpy(ids), "lengths": torch.from_numpy(lengths)}

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Add `sentence_embedding`, of shape (texts, 512)."""
        vectors = self.network(features["input_ids"], features["lengths"])
        return {**features, "sentence_embedding": vectors}

    def get_embedding_dimension(self) -> int:
        """512."""
        return self.network.d3.shape[1]

    def save(
        self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any
    ) -> None:
        """Save the tunable parameters; the token table comes with its package."""
        self.save_config(output_path)
        self.save_torch_weights(output_path, safe_serialization=safe_serialization)

    @classmethod
    def load(  # type: ignore[override]
        cls, model_name_or_path: str, **kwargs: Any
    ) -> UniversalModule:
        """Load parameters that `save` wrote."""
        module = cls()
        places = ("subfolder", "token", "cache_folder", "revision", "local_files_only")
        where = {name: kwargs[name] for name in places if name in kwargs}
        cls.load_torch_weights(model_name_or_path, model=module, **where)
        return module
