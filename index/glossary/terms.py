"""The Korean terms of an English one: where they begin, and which are translations."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache

from index.glossary.acronyms import LEAST_PAPERS, Acronyms
from index.glossary.company import Company
from index.glossary.mentions import Mention
from index.glossary.spelling import HANGUL, JOINING, KEPT, WORDS, squeeze

_MOST_KOREAN = 4  # translations kept of one English term
_SURE_LIFT = 5.0  # for a word that looks as if it were outside of the term
# Of the times a Korean term was chosen, those that must be for this English one.
_OWN_SHARE = 0.15
_ONLY_SHARE = 0.6  # and those where it's a name of nothing else
_RARE_SHARE = 0.04  # a translation this much rarer than all of the term's is chance

# Words that end so are outside of the term that follows, if nothing speaks against it.
_PARTICLE = re.compile(
    r"[을를]$|..[은는이가와과도의에로만]$|(?:에서|에게|위한|위해|통한|통해|대한|대해|하는|하고|하여|"
    r"하며|되는|된|있는|없는|라는|했던|으로|부터|까지|처럼|보다|같은|따른|관한|이나)$"
)
# Words that never begin a term, and words that begin one only if the English says as much.
_NEVER_INSIDE = re.compile(
    r"이|그|본|이번|이는|이를|그는|및|또는|등|즉|각|최근|기존|기존의|이러한|여러|우리는|"
    r"우리의|특히|또한|주로|해당|현재|최초의|제안된|제안하는|예를|예로|바로|과|와|을|를|은|"
    r"는|가|에|도|로|의"
    r"|..[은는]|.*(?:에서|으로)는"
)
_PLURAL = re.compile(r"(?<=[가-힣]{2})들$")
_OUTSIDE = re.compile(
    r"새|새로운|최신|더|다양한|다른|모든|주요|일반적인|전통적인|효율적인|효과적인|강력한"
)


class Terms:
    """The Korean terms of one English one."""

    def __init__(
        self, key: str, mentions: Sequence[Mention], shorts: Acronyms, company: Company
    ) -> None:
        self._english = shorts.words(key, *shorts.long_to_short.get(key, ()))
        self._parts = _parts_of(shorts.spelling(key))
        self._company = company
        self._spellings: dict[str, Counter[str]] = defaultdict(Counter)
        self._bounded: Counter[str] = Counter()  # where the term surely begins there
        self.papers: dict[str, set[int]] = defaultdict(set)
        suffixes: dict[str, set[int]] = defaultdict(set)
        for mention in mentions:
            for term in _terms(mention.words):
                suffixes[term].add(mention.paper)
        for mention in mentions:
            start = 0 if mention.exact else self._start(mention.words, suffixes)
            term = _terms(mention.words)[start]
            if len(term) > 1:
                self.papers[term].add(mention.paper)
                self._spellings[term][_unplural(" ".join(mention.words[start:]))] += 1
                self._bounded[term] += not start or _ends_phrase(mention.words[start - 1])

    def _start(self, words: tuple[str, ...], suffixes: dict[str, set[int]]) -> int:
        """Where the term begins among the words before a parenthesis."""
        start, terms = len(words) - 1, _terms(words)
        while start:
            word, whole = words[start - 1], suffixes[terms[start]]
            wider = suffixes[terms[start - 1]]
            if _NEVER_INSIDE.fullmatch(word):
                break
            if not HANGUL.search(word) and word.lower() not in self._english:
                break
            score = self._company.score(self._english, word)
            if _ends_phrase(word) and score < _SURE_LIFT:
                break
            if score or (len(wider) >= LEAST_PAPERS and 2 * len(wider) >= len(whole)):
                start -= 1
            elif (
                start > 1
                and not _ends_phrase(words[start - 2])
                and self._company.score(self._english, words[start - 2])
            ):
                start -= 2
            else:
                break
        return start

    def best(self, chosen: Counter[str]) -> list[str]:
        """The terms with enough support, best first; `chosen` counts all choices of a term."""
        least = max(LEAST_PAPERS, _RARE_SHARE * len(set().union(*self.papers.values())))
        kept: list[str] = []
        for term in sorted(self.papers, key=lambda term: (-len(self.papers[term]), term)):
            # Where one ends with the other, one of them has a word too many or too few.
            if len(self.papers[term]) >= least and not any(
                term.endswith(other) or other.endswith(term) for other in kept
            ):
                kept += [term] if self._is_whole(term, chosen[term]) else []
        return kept[:_MOST_KOREAN]

    def _is_whole(self, term: str, chosen: int) -> bool:
        """Whether a term stands for all of the English, and for it more than by chance."""
        spelled, papers = self.spelling(term), len(self.papers[term])
        if papers < _OWN_SHARE * chosen:
            return False
        if not any(self._company.score(self._english, word) for word in spelled.split()):
            return False
        if self._parts == 1:
            return True
        if len(WORDS.findall(spelled)) < self._parts and 4 * self._bounded[term] < papers:
            return False  # the words before it vary, but are part of it
        return len(term) > self._parts or papers >= _ONLY_SHARE * chosen

    def spelling(self, term: str) -> str:
        """The most common spelling of a term."""
        spellings = self._spellings[term]
        return min(spellings, key=lambda one: (-spellings[one], one))


def _unplural(korean: str) -> str:
    return _PLURAL.sub("", korean)


@lru_cache(KEPT)
def _terms(words: tuple[str, ...]) -> tuple[str, ...]:
    """The terms that begin at each of some words and end with the last of them."""
    *before, last = words
    terms = [squeeze(_unplural(last))]
    for word in reversed(before):
        terms.append(squeeze(word) + terms[-1])
    return tuple(reversed(terms))


def _parts_of(english: str) -> int:
    """How many things a term names: words, or letters of an acronym."""
    if english.isupper() and english.isalpha() and len(english) <= 4:
        return len(english)
    return sum(word.lower() not in JOINING for word in WORDS.findall(english))


@lru_cache(KEPT)
def _ends_phrase(word: str) -> bool:
    patterns = _NEVER_INSIDE.fullmatch(word), _OUTSIDE.fullmatch(word), _PARTICLE.search(word)
    return any(patterns)
