"""The ports of the encoders, and the settings that name one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, Self

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

    def prepare_queries(self, texts: Sequence[str]) -> None:
        """Compute together what will be asked for one by one: queries that wait side by side.

        It may make `encode_query` and `encode_query_tokens` quicker, and must not change what
        they give, to the bit. Where a text's vector depends on the texts beside it (most models
        pad them to one length), nothing is to be done here, which is the default.
        """
        return


class Tokens(NamedTuple):
    """The tokens of some texts, one text after the other.

    Attributes:
        vectors: (tokens, dimension), of any length.
        ids: (tokens,) which token of the vocabulary each is.
        spans: (tokens, 2) the characters of its text that each stands for; empty for marks.
        lengths: (texts,) how many tokens belong to each text.
        texts: (texts, the encoder's dimension) what `encode_document` would give, where it
            comes with the tokens at no cost; else `None`.
    """

    vectors: Vectors
    ids: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int64]
    texts: Vectors | None = None


class Basis(NamedTuple):
    """Where token vectors are laid down to few dimensions: `(x - mean) @ axes`.

    Attributes:
        mean: (dimension,).
        axes: (dimension, fewer).
    """

    mean: Vectors
    axes: Vectors

    def lay_down(self, vectors: Vectors) -> Vectors:
        """(rows, dimension) -> (rows, fewer)."""
        return ((vectors - self.mean) @ self.axes).astype(np.float32, copy=False)


class MultiVectorEncoder(Protocol):
    """Texts -> a vector for each token, to be compared token by token (late interaction)."""

    @property
    def token_dimension(self) -> int:
        """How long a token's vector is."""

    @property
    def vocabulary(self) -> int:
        """How many different tokens there are."""

    @property
    def token_fingerprint(self) -> str:
        """A text that is another whenever the same input would give other tokens or vectors."""

    def encode_document_tokens(
        self,
        texts: Sequence[str],
        basis: Basis | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[Sequence[int], Tokens]]:
        """Embed the tokens of passages, batch by batch, in whatever order suits the encoder.

        Args:
            texts: Any number, none included.
            basis: Where the vectors are laid down to fewer dimensions.
            on_batch: Called with the number of texts done since its last call.

        Yields:
            Which of the texts a batch holds, and their tokens in that order.
        """

    def encode_query_tokens(self, text: str, basis: Basis | None = None) -> Tokens:
        """Embed the tokens of one query, laid down to fewer dimensions if there is a basis."""


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


class LateKind(StrEnum):
    """The multi-vector adapters there are."""

    UNIVERSAL = "universal"
    SENTENCE_TRANSFORMERS = "sentence-transformers"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class LateSettings:
    """Which multi-vector encoder, saved beside its codes and read back through this class.

    Attributes:
        kind: The adapter; `off` leaves late interaction out.
        model: A hub name or a local path of a `MultiVectorEncoder`; the universal one has none.
        batch_size: How many passages are encoded at once, where the adapter asks.
    """

    kind: LateKind = LateKind.UNIVERSAL
    model: str = ""
    batch_size: int = 32

    def as_json(self) -> dict[str, Any]:
        """The settings as they stand in a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read what `as_json` gave."""
        return cls(**{**values, "kind": LateKind(values["kind"])})
