"""Opens an encoder by its settings; an adapter is imported when it is asked for."""

from __future__ import annotations

from index.encoders.base import (
    Encoder,
    EncoderKind,
    EncoderSettings,
    LateKind,
    LateSettings,
    MultiVectorEncoder,
)
from index.errors import EncoderError


def open_encoder(settings: EncoderSettings) -> Encoder:
    """Open the encoder that the settings name.

    Raises:
        EncoderError: There is no such model, or it can't be loaded.
    """
    # One of the adapters costs 400 MB when it is imported.
    if settings.kind is EncoderKind.UNIVERSAL:
        if settings.model:
            raise EncoderError(
                f"the universal encoder has no other models, {settings.model!r} is none of its;"
                " set the encoder's kind to sentence-transformers"
            )
        from index.encoders.universal import UniversalEncoder

        return UniversalEncoder()
    from index.encoders.sentence_transformers import SentenceTransformersEncoder

    return SentenceTransformersEncoder(settings)


def open_multi_vector_encoder(
    settings: LateSettings, encoder: Encoder | None = None
) -> MultiVectorEncoder | None:
    """Open the multi-vector encoder that the settings name; `None` where it is off.

    Args:
        settings: Which one.
        encoder: The encoder of whole texts, if it is open; the universal one is both, and
            what it computed for a query's vector serves for the query's tokens.

    Raises:
        EncoderError: There is no such model, or it can't be loaded.
    """
    if settings.kind is LateKind.OFF:
        return None
    if settings.kind is LateKind.UNIVERSAL:
        if settings.model:
            raise EncoderError(
                f"the universal encoder has no other models, {settings.model!r} is none of its;"
                " set late.kind to sentence-transformers"
            )
        from index.encoders.universal import UniversalEncoder

        return encoder if isinstance(encoder, UniversalEncoder) else UniversalEncoder()
    from index.encoders.multi_vector import SentenceTransformersTokens

    return SentenceTransformersTokens(settings)
