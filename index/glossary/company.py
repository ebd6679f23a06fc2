"""Which words of the two languages belong together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from index.glossary.acronyms import LEAST_PAPERS
from index.glossary.mentions import Mention
from index.glossary.spelling import KEPT

# A word goes with an English word when it stands before it in at least LEAST_PAPERS papers, this
# many times as often as by chance, and in a fair share of what either of the two is in.
_LIFT = 2.5
_SHARE = 0.2
_BINDING = re.compile(r"(?<=..)(?:으로부터의|로부터의|에서의|의|들)$")


class Company:
    """Which Korean words stand before which English ones more often than by chance."""

    def __init__(self, mentions: Iterable[tuple[Mention, frozenset[str]]]) -> None:
        self._both: Counter[tuple[str, str]] = Counter()
        self._english: Counter[str] = Counter()
        self._korean: Counter[str] = Counter()
        self._all = 0
        both = self._both
        for mention, english in mentions:
            korean = {_bare(word) for word in mention.words}
            self._all += 1
            self._english.update(english)
            self._korean.update(korean)
            for word in english:
                for other in korean:
                    both[word, other] += 1

    def score(self, english: Iterable[str], korean: str) -> float:
        """How surely a Korean word belongs to one of some English words; 0 if not."""
        korean = _bare(korean)
        return max((self._score(word, korean) for word in english), default=0.0)

    def _score(self, english: str, korean: str) -> float:
        both = self._both[english, korean]
        if both < LEAST_PAPERS:
            return 0.0
        lift = both * self._all / (self._english[english] * self._korean[korean])
        share = max(both / self._english[english], both / self._korean[korean])
        return lift if lift >= _LIFT and share >= _SHARE else 0.0


@lru_cache(KEPT)
def _bare(word: str) -> str:
    """A word as it is counted: without what binds it to the next, and without hyphens."""
    return _BINDING.sub("", word).replace("-", "").lower()
