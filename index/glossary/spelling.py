"""What all spellings of a term share, in either language."""

from __future__ import annotations

import re
from functools import lru_cache

HANGUL = re.compile(r"[가-힣]")
WORDS = re.compile(r"[A-Za-z0-9]+|[가-힣]+")
KEPT = 65_536  # results of a function that is given the same words again and again
JOINING = frozenset({"of", "from", "with", "for", "and", "to", "the", "in", "on", "by", "via", "a"})


def spelling_key(english: str) -> str:
    """What all spellings of an English term share: `LLMs`, `fine-tuning` and `finetuning`."""
    *words, last = WORDS.findall(english) or [""]
    return "".join([*words, ""]).lower() + singular(last)


@lru_cache(KEPT)
def singular(word: str) -> str:
    """An English word in small letters and the singular."""
    low = word.lower()
    if len(word) < 3 or not low.endswith("s") or word.isupper():
        return low
    if word[:-1].isupper():  # LLMs
        return low[:-1]
    if len(low) < 4 or low.endswith(("ss", "us", "is", "as", "os", "ics")):
        return low
    if low.endswith("ies"):
        return low[:-3] + "y"
    return low[:-2] if low.endswith(("xes", "ches", "shes", "sses")) else low[:-1]


@lru_cache(KEPT)
def squeeze(korean: str) -> str:
    """A text without spaces and signs: what all spacings of a Korean term share."""
    return "".join(WORDS.findall(korean)).lower()
