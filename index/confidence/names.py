"""The names that a question asks for: systems, models, data sets, places."""

from __future__ import annotations

import re

from index.language import Language, language_of

_WORD = re.compile(r"[A-Za-z\d]+(?:[.+][A-Za-z\d]+)*\+*")
# Scripts between which a word in Latin letters is a name, or as telling as one.
_OTHER_SCRIPT = re.compile(r"[가-힣ぁ-ヿ一-鿿]")
_PLACES = frozenset({"arxiv"})  # where papers are, not what they are about
_SENTENCE_ENDS = frozenset(".?!:;¿¡。！？“\"'(")


def names_in(text: str) -> list[str]:
    """The names in a question, in order, each once.

    A word in Latin letters is a name if it has a capital or a digit inside (`vLLM`, `72B`); or
    begins with a capital within a sentence, but for German, where every noun does; or stands
    in Korean, Japanese or Chinese text. The parts of `OSWorld-Korea` are names each.
    """
    between_scripts = bool(_OTHER_SCRIPT.search(text))
    nouns_too: bool | None = None
    found: dict[str, None] = {}
    for match in _WORD.finditer(text):
        word = match.group()
        if len(word) < 2 or not any(c.isalpha() for c in word) or word.casefold() in _PLACES:
            continue
        named = between_scripts or any(c.isupper() or c.isdigit() for c in word[1:])
        if not named and word[0].isupper() and not _begins_sentence(text, match.start()):
            if nouns_too is None:
                nouns_too = language_of(text) is Language.GERMAN
            named = not nouns_too
        if named:
            found.setdefault(word)
    return list(found)


def _begins_sentence(text: str, place: int) -> bool:
    before = text[:place].rstrip()
    return not before or before[-1] in _SENTENCE_ENDS
