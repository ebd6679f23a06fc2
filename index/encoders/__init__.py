"""Text -> vectors: one port, an adapter a file."""

from index.encoders.base import Encoder, EncoderKind, EncoderSettings, Vectors
from index.encoders.registry import open_encoder

__all__ = ["Encoder", "EncoderKind", "EncoderSettings", "Vectors", "open_encoder"]
