"""Text -> vectors, of texts and of their tokens: two ports, an adapter a file."""

from index.encoders.base import (
    Basis,
    Encoder,
    EncoderKind,
    EncoderSettings,
    LateKind,
    LateSettings,
    MultiVectorEncoder,
    Tokens,
    Vectors,
)
from index.encoders.registry import open_encoder, open_multi_vector_encoder

__all__ = [
    "Basis",
    "Encoder",
    "EncoderKind",
    "EncoderSettings",
    "LateKind",
    "LateSettings",
    "MultiVectorEncoder",
    "Tokens",
    "Vectors",
    "open_encoder",
    "open_multi_vector_encoder",
]
