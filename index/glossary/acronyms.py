"""Long forms of English terms and their acronyms."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from index.glossary.spelling import JOINING, WORDS, singular, spelling_key, squeeze

LEAST_PAPERS = 2  # papers that must support a pair


class Acronyms:
    """Which long forms stand with which short ones, and how English is spelled."""

    def __init__(self) -> None:
        self._papers: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._spellings: dict[str, Counter[str]] = defaultdict(Counter)
        self.short_to_long: dict[str, list[str]] = {}
        self.long_to_short: dict[str, list[str]] = {}

    def seen(self, english: str) -> str:
        """Note a spelling; give the key."""
        key = spelling_key(english)
        self._spellings[key][english] += 1
        return key

    def pair(self, paper: int, long: str, short: str) -> None:
        """Note that a paper gives both."""
        self._papers[self.seen(long), self.seen(short)].add(paper)

    def settle(self) -> None:
        """Keep the pairs that enough papers give."""
        kept = [
            (-len(papers), long, short)
            for (long, short), papers in self._papers.items()
            if len(papers) >= LEAST_PAPERS
        ]
        shorts: dict[str, list[str]] = defaultdict(list)
        longs: dict[str, list[str]] = defaultdict(list)
        for _, long, short in sorted(kept):
            shorts[short].append(long)
            longs[long].append(short)
        self.short_to_long, self.long_to_short = dict(shorts), dict(longs)

    def papers(self, long: str, short: str) -> set[int]:
        """The papers that give both."""
        return self._papers[long, short]

    def spelling(self, key: str) -> str:
        """The most common spelling, in the singular if there is one."""
        spellings = self._spellings[key]
        singulars: list[str] = []
        if len(spellings) > 1 and not any(
            " of " in one.lower().replace("-", " ") for one in spellings
        ):  # Mixture of Experts is no plural
            singulars = [one for one in spellings if squeeze(one) == key]
        best = min(singulars or spellings, key=lambda one: (-spellings[one], one))
        return best[:-1] if best.endswith("s") and best[:-1].isupper() else best  # LLMs

    def words(self, *keys: str) -> frozenset[str]:
        """The words that the terms are spelled with, without the likes of "of"."""
        spelled = (WORDS.findall(self.spelling(key).lower()) for key in keys)
        return frozenset(singular(w) for words in spelled for w in words if w not in JOINING)


def abbreviates(short: str, long: str) -> bool:
    """Whether the letters of an acronym begin the words of a long form, in order.

    Small letters of the acronym may stand inside of a word: LoRA, NeRF. Words such as "of"
    may be left out, and one other that is neither the first nor the last.
    """
    if (
        " " in short
        or len(short) >= len(long)
        or not 2 <= len(short) <= 10
        or sum(map(str.isupper, short)) < 2
    ):
        return False
    letters = re.sub(r"[^A-Za-z0-9]|(?<=[A-Z0-9])s$", "", short)
    letters = re.sub(r"(?<=[A-Z])2(?=[A-Z])", "t", letters)  # T2I
    words = re.findall(r"\d+|[A-Za-z]\w*", long)
    if not 2 <= len(words) <= 10:
        return False
    # Which (letters used, words left out) are possible after each word.
    states = {(0, 0)}
    for number, word in enumerate(words):
        after: set[tuple[int, int]] = set()
        is_inner = 0 < number < len(words) - 1
        for used, skipped in states:
            if is_inner and (word.lower() in JOINING or skipped == 0):
                after.add((used, skipped + (word.lower() not in JOINING)))
            after.update((end, skipped) for end in _used(letters, used, word))
        states = after
    return any(used == len(letters) for used, _ in states)


def _used(letters: str, at: int, word: str) -> Iterator[int]:
    """How far a word can use up an acronym's letters: its first, then small ones inside."""
    if at >= len(letters) or letters[at].lower() != word[0].lower():
        return
    at += 1
    yield at
    place = 1
    while at < len(letters) and (letters[at].islower() or letters[at].isdigit()):
        place = word.lower().find(letters[at], place) + 1
        if not place:
            return
        at += 1
        yield at
