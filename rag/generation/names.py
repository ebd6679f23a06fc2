"""The names of a text: what is written in Latin letters and is no common word."""

from __future__ import annotations

import re
import unicodedata

MOST_PARTS = 8  # what has more is no name, and its parts are very many
LATIN = "A-Za-zÀ-ÖØ-öø-ɏ"
# A chain such as GPT-4o, ViT-B/16, Node.js, C++ or don't.
NAME = re.compile(
    rf"(?<![{LATIN}\d])[{LATIN}][{LATIN}\d]*"
    rf"(?:[-/_+&'][{LATIN}\d]+|\.(?:\d+|[a-zà-öø-ÿ][{LATIN}\d]*))*(?:\+\+|#)?"
)
URL = re.compile(
    r"\b[a-z][a-z0-9+.-]*://[^\s<>()\[\]]+|\bwww\.[^\s<>()\[\]]+|[\w.+-]{1,64}@[\w-]+\.[\w.-]+",
    re.IGNORECASE,
)
_EASTERN = re.compile(r"[가-힣ᄀ-ᇿ㄰-㆏぀-ヿㇰ-ㇿ㐀-䶿一-鿿]")
_GLOSS = re.compile(r"\([^()]*\)")
_DASHES = re.compile(r"[‐‑‒–−﹣－]")
_LONG_DASHES = re.compile(r"[—―⸺]")
_APOSTROPHES = re.compile(r"[’ʼ＇]")
_PARTS = re.compile(r"[-/_+&.]")
_EXTRA = re.compile(r"[a-zà-öø-ÿ]+|\d+(?:\.\d+)?[kKMBbT]")
_COMMON = re.compile(r"[a-zà-öø-ÿ'/-]*")
_NO_NAMES = frozenset({"i", "a", "i'm", "i'd", "i've", "i'll", "e.g", "i.e", "a.k.a"})


def normalise(text: str) -> str:
    """One way to write what can be written in several: wide letters, dashes, apostrophes."""
    # The ² of 10² and the ½ of 2½ are no digits of the number before them.
    apart = "".join(f" {c} " if unicodedata.category(c) == "No" else c for c in text)
    one = unicodedata.normalize("NFKC", apart)
    return _APOSTROPHES.sub("'", _DASHES.sub("-", _LONG_DASHES.sub(" - ", one)))


def is_eastern(text: str) -> bool:
    """Whether a sentence is in Korean, Japanese or Chinese; a gloss in brackets doesn't count."""
    return bool(_EASTERN.search(_GLOSS.sub(" ", text)))


def find_names(text: str) -> list[str]:
    """What of a sentence, as `normalise` makes it, has to be in the passage.

    In Korean, Japanese and Chinese sentences that is every word in Latin letters; in others,
    words with a capital or a digit, but for one whose only capital begins the sentence: there a
    name looks like any word.
    """
    eastern, found = is_eastern(text), []
    for match in NAME.finditer(text):
        word = match.group()
        if word.casefold() in _NO_NAMES:
            continue
        first = not re.search(r"\w", text[: match.start()])
        if eastern:
            found.append(word)
        else:
            found += _named(word, first)
    return found


def _named(word: str, first: bool) -> list[str]:
    """The name in a word of a Western sentence: of BERT-based, BERT."""
    if first and _COMMON.fullmatch(word[1:]):
        return []
    parts = word.split("-")
    while parts and _COMMON.fullmatch(parts[-1]):
        parts.pop()
    return ["-".join(parts)] if parts else []


def names_held(text: str) -> set[str]:
    """Every name that a text, as `normalise` makes it, supports: of LLaMA-7B also LLaMA.

    A part counts where only common words and sizes are left out: GPT-4-Turbo is not GPT-4.
    """
    held: set[str] = set()
    for match in NAME.finditer(text):
        word = match.group()
        held.add(_fold(word))
        if len(_PARTS.findall(word)) > MOST_PARTS:
            continue
        cuts = [0, *(cut.end() for cut in _PARTS.finditer(word)), len(word) + 1]
        for i, start in enumerate(cuts[:-1]):
            for end in cuts[i + 1 :]:
                outside = [*_PARTS.split(word[:start]), *_PARTS.split(word[end:])]
                if all(_EXTRA.fullmatch(part) for part in outside if part):
                    held.add(_fold(word[start : end - 1]))
    return held


def has_name(name: str, held: set[str]) -> bool:
    """Whether a text that holds these names supports a name."""
    return _fold(name) in held or ("/" in name and all(_fold(p) in held for p in name.split("/")))


def _fold(name: str) -> str:
    """Casefolded, without `'s` and without the plural of LLMs."""
    name = name.removesuffix("'s")
    if len(name) > 2 and name.endswith("s") and name[:-1].isupper():
        name = name[:-1]
    return name.casefold()
