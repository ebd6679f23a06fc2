"""The language of a question, among those that nonmun speaks."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from typing import Any

_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff]")
_SURE = 0.35  # of a guess among a hundred languages; a name or two tell none
_READ = 1_000  # characters; of thousands the guess is less and less sure


class Language(StrEnum):
    """Languages that questions are expected in."""

    KOREAN = "ko"
    ENGLISH = "en"
    JAPANESE = "ja"
    CHINESE = "zh"
    GERMAN = "de"
    SPANISH = "es"
    FRENCH = "fr"


_CODES = frozenset(language.value for language in Language)


def language_of(text: str) -> Language:
    """The language of a question; English where it is none of these, or can't be told."""
    if _HANGUL.search(text):  # a Korean question is often half English names
        return Language.KOREAN
    guess, sureness = _identifier().classify(text[:_READ])
    known = sureness >= _SURE and guess in _CODES
    return Language(guess) if known else Language.ENGLISH


@cache
def _identifier() -> Any:
    # Lazily: it takes half a second to load, and only `ask` wants it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
