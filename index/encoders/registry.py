"""Opens an encoder by its settings; an adapter is imported when it is asked for."""

from __future__ import annotations

from index.encoders.base import Encoder, EncoderKind, EncoderSettings
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
