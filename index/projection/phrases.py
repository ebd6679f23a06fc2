"""What papers speak of: words and short phrases of their titles and texts, counted by paper."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.glossary import Glossary
from index.glossary.spelling import spelling_key, squeeze
from index.lexical import latin_terms
from index.projection.empty_words import says_nothing
from index.projection.runs import LEAST, Ints, Run, Texts, repeated

LONGEST_ENGLISH, LONGEST_KOREAN = 3, 3  # words
_LATIN = re.compile(r"(?=.*[a-z])[a-z0-9]{2,}")
_HANGUL = re.compile(r"[가-힣]{2,}")
_CAPITALISED = re.compile(r"[A-Z][a-z]+")
_PARTS = re.compile(r"([ -])")
_SURE = 8  # places that show a word to be a name, where none has it in small letters
_SHORT = 2  # letters of acronyms that are too short to be understood
_TITLE_WORD = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_TITLE_PART = re.compile(r"[^:;,.!?()\[\]\"“”]+")


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases of one language and the papers that have them.

    Attributes:
        keys: What all spellings of each phrase share.
        spellings: How each is spelt most often.
        words: The keys of each one's words, and its own: what has one of them says the same again.
        papers: (pairs,) a paper that has a phrase, ...
        numbers: (pairs,) ... and the number of the phrase; each pair stands once.
        titled: (pairs,) whether its title has it.
    """

    keys: list[str]
    spellings: list[str]
    words: list[frozenset[str]]
    papers: Ints
    numbers: Ints
    titled: npt.NDArray[np.bool_]


def english_phrases(texts: Texts, glossary: Glossary) -> Phrases:
    """The phrases of up to three words in Latin letters, in titles and in passages.

    An acronym is the same phrase as what it is short for.
    """
    meant: dict[str, str] = {}
    for entry in glossary.entries:
        for name in (entry.english, *entry.acronyms):
            meant.setdefault(spelling_key(name), spelling_key(entry.english))

    def key(phrase: str) -> str:
        own = spelling_key(phrase)
        return meant.get(own, own)

    found = _Found(key)
    for row, paper in enumerate(texts.papers):
        for phrase in _phrases_of_title(paper.title):
            found.add(phrase, [row], in_title=True)
    found.add_runs(repeated(texts, _LATIN, LONGEST_ENGLISH))
    return found.phrases()


def korean_phrases(texts: Texts) -> Phrases:
    """The phrases of up to three Korean words in passages."""
    found = _Found(squeeze)
    found.add_runs(repeated(texts, _HANGUL, LONGEST_KOREAN))
    return found.phrases()


class _Found:
    """Phrases by their keys, as they are found."""

    def __init__(self, key: Callable[[str], str]) -> None:
        self._key = key
        self._spellings: dict[str, Counter[str]] = defaultdict(Counter)
        self._titled: dict[str, Counter[str]] = defaultdict(Counter)
        self._small: set[str] = set()
        self._papers: dict[str, dict[int, bool]] = defaultdict(dict)

    def add_runs(self, runs: Iterable[Run]) -> None:
        """Take up runs of words in passages."""
        for run in runs:
            for phrase in run.spellings:
                self._spellings[self._key(phrase)][phrase] += 1
                self._small.update(word for word in _PARTS.split(phrase) if word.islower())
            self.add(run.spellings[0], run.papers)

    def add(self, phrase: str, rows: Sequence[int], *, in_title: bool = False) -> None:
        """Take up papers that have a phrase."""
        if says_nothing(phrase):
            return
        key = self._key(phrase)
        if in_title:
            self._titled[key][phrase] += 1
            self._small.update(word for word in _PARTS.split(phrase) if word.islower())
        known = self._papers[key]
        for row in rows:
            known[row] = known.get(row, False) or in_title

    def phrases(self) -> Phrases:
        """All that enough papers have."""
        keys = sorted(key for key, rows in self._papers.items() if len(rows) >= LEAST and key)
        pairs = [
            (row, number, titled)
            for number, key in enumerate(keys)
            for row, titled in sorted(self._papers[key].items())
        ]
        papers, numbers, titled = np.array(pairs, np.int64).reshape(-1, 3).T
        spellings = [self._spelt(key) for key in keys]
        words = [
            frozenset([key, *(self._key(word) for word in re.split("[ -]", spelling))])
            for key, spelling in zip(keys, spellings, strict=True)
        ]
        return Phrases(keys, spellings, words, papers, numbers, titled.astype(np.bool_))

    def _spelt(self, key: str) -> str:
        """The most common spelling, in small letters but for names and acronyms."""
        counted: Counter[str] = Counter()
        for spelling, count in (self._spellings[key] + self._titled[key]).items():
            counted["".join(map(self._uncapitalised, _PARTS.split(spelling)))] += count
        understood = [one for one in counted if len(one) > _SHORT]
        return min(understood or counted, key=lambda one: (-counted[one], one))

    def _uncapitalised(self, word: str) -> str:
        if not _CAPITALISED.fullmatch(word):
            return word
        key = self._key(word)
        written = self._spellings[key][word] if key in self._spellings else 0
        return word if written >= _SURE and word.lower() not in self._small else word.lower()


def _phrases_of_title(title: str) -> Iterator[str]:
    """All runs of up to three words that no other sign parts, without function words."""
    for part in _TITLE_PART.finditer(title):
        words = [
            (match.start(), match.end())
            for match in _TITLE_WORD.finditer(title, part.start(), part.end())
        ]
        for first, (start, _) in enumerate(words):
            for last in range(first, min(first + LONGEST_ENGLISH, len(words))):
                begin, end = words[last]
                if last > first and title[words[last - 1][1] : begin] != " ":
                    break
                if not any(latin_terms(title[begin:end])):  # a function word
                    break
                if _LATIN.fullmatch(title[start:end].lower().replace("-", "").replace(" ", "")):
                    yield title[start:end]
