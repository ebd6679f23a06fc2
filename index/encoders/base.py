"""The port of the encoders, and the settings that name one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Texts -> vectors of length 1, so that their dot product is their cosine."""

    @property
    def dimension(self) -> int:
        """How long a vector is."""

    @property
    def fingerprint(self) -> str:
        """A text that is another whenever the same input would give other vectors."""

    def encode_document(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages, in order: (texts, dimension).

        Args:
            texts: Any number, none included.
            on_batch: Called with the number of texts done since its last call.
        """

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        """Embed queries, in order: (texts, dimension)."""


class EncoderKind(StrEnum):
    """The adapters there are."""

    UNIVERSAL = "universal"
    SENTENCE_TRANSFORMERS = "sentence-transformers"


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """Which encoder, saved beside its vectors and read back through this class.

    Attributes:
        kind: The adapter.
        model: A hub name or a local path; the universal encoder has none.
        query_prompt: Put before every query, such as E5's `query: `; `None` leaves it to
            the model's own configuration.
        document_prompt: The same for passages.
        batch_size: How many passages are encoded at once, where the adapter asks.
    """

    kind: EncoderKind = EncoderKind.UNIVERSAL
    model: str = ""
    query_prompt: str | None = None
    document_prompt: str | None = None
    batch_size: int = 32

    def as_json(self) -> dict[str, Any]:
        """The settings as they stand in a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read what `as_json` gave."""
        return cls(**{**values, "kind": EncoderKind(values["kind"])})
