"""What papers speak of: words and short phrases of their titles and texts, counted by paper."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.glossary import Glossary
from index.glossary.spelling import HANGUL, spelling_key, squeeze
from index.lexical import TermLists, latin_terms
from index.papers import Paper
from index.projection.empty_words import says_nothing

Ints = npt.NDArray[np.int64]

LEAST = 2  # papers that have to have a phrase: one alone says nothing about a place
LONGEST_ENGLISH, LONGEST_KOREAN = 3, 3  # words
_SPELLINGS = 9  # places where it is looked up how a phrase is spelt
_LATIN = re.compile(r"(?=.*[a-z])[a-z0-9]{2,}")
_HANGUL = re.compile(r"[가-힣]{2,}")
_PHRASE = re.compile(r"[A-Za-z0-9]+(?:[ -][A-Za-z0-9]+)*|[가-힣]+(?: [가-힣]+)*")
# What may stand after a Korean word that ends there: not more of the word.
_END = re.compile(
    r"(?:은|는|이|가|을|를|의|에|로|와|과|도|만|으로|에서|에게|까지|부터|이나|처럼|보다|들|들의|들이|들은|들을)?"
    r"(?![가-힣])"
)
_CAPITALISED = re.compile(r"[A-Z][a-z]+")
_PARTS = re.compile(r"([ -])")
_SURE = 8  # places that show a word to be a name, where none has it in small letters
_SHORT = 2  # letters of acronyms that are too short to be understood
_TITLE_WORD = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_TITLE_PART = re.compile(r"[^:;,.!?()\[\]\"“”]+")


class Texts(NamedTuple):
    """Papers, and the terms of their passages.

    Attributes:
        papers: In the snapshot's order.
        terms: Of each passage, with their places in it.
        table: Where each passage stands, as `Snapshot.table` has it: (passages, 5).
    """

    papers: Sequence[Paper]
    terms: TermLists
    table: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases of one language and the papers that have them.

    Attributes:
        keys: What all spellings of each phrase share.
        spellings: How each is spelt most often.
        papers: (pairs,) a paper that has a phrase, ...
        numbers: (pairs,) ... and the number of the phrase; each pair stands once.
        titled: (pairs,) whether its title has it.
    """

    keys: list[str]
    spellings: list[str]
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
    for rows, spellings in _repeated(texts, _LATIN, LONGEST_ENGLISH):
        for phrase in spellings:
            found.spell(phrase)
        found.add(spellings[0], rows)
    return found.phrases()


def korean_phrases(texts: Texts) -> Phrases:
    """The phrases of up to two Korean words in passages."""
    found = _Found(squeeze)
    for rows, spellings in _repeated(texts, _HANGUL, LONGEST_KOREAN):
        for phrase in spellings:
            found.spell(phrase)
        found.add(spellings[0], rows)
    return found.phrases()


class _Found:
    """Phrases by their keys, as they are found."""

    def __init__(self, key: Callable[[str], str]) -> None:
        self._key = key
        self._spellings: dict[str, Counter[str]] = defaultdict(Counter)
        self._titled: dict[str, Counter[str]] = defaultdict(Counter)
        self._small: set[str] = set()
        self._papers: dict[str, dict[int, bool]] = defaultdict(dict)

    def spell(self, phrase: str) -> None:
        """Take up how a text writes a phrase."""
        self._spellings[self._key(phrase)][phrase] += 1
        self._small.update(word for word in _PARTS.split(phrase) if word.islower())

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
        return Phrases(keys, spellings, papers, numbers, titled.astype(np.bool_))

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


def _repeated(
    texts: Texts, wanted: re.Pattern[str], longest: int
) -> Iterator[tuple[list[int], list[str]]]:
    """Runs of words of a kind in passages that several papers have.

    Yields:
        The rows of the papers that have a run, and some of its spellings.
    """
    lists, vocabulary = texts.terms.lists, texts.terms.vocabulary
    kind = np.array([bool(wanted.fullmatch(word)) for word in vocabulary], np.bool_)
    passages = np.repeat(np.arange(len(lists)), lists.lengths)
    numbers, starts = lists.values[:, 0].astype(np.int64), lists.values[:, 1]
    ends = starts + lists.values[:, 2]
    fits = kind[numbers] if len(numbers) else np.zeros(0, np.bool_)
    gaps = starts[1:] - ends[:-1]
    joined = np.zeros(len(numbers), np.bool_)
    joined[:-1] = fits[:-1] & fits[1:] & (passages[:-1] == passages[1:]) & (gaps >= 0) & (gaps <= 1)
    first = last = np.flatnonzero(fits)
    keys = numbers[first] + 1
    for length in range(longest):
        if length:
            keep = joined[last]
            first, last = first[keep], last[keep] + 1
            keys = keys[keep] * (len(vocabulary) + 1) + numbers[last] + 1
        papers = texts.table[passages[first], 0]
        order = np.lexsort((first, keys))
        bounds = np.flatnonzero(np.diff(keys[order], prepend=-1, append=-1))
        for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            if end - begin < LEAST:
                continue
            run = order[begin:end]
            rows = np.unique(papers[run]).tolist()
            if len(rows) < LEAST:
                continue
            spread = run[:: max(1, len(run) // _SPELLINGS)][:_SPELLINGS].tolist()
            at = [(passages[first[one]], starts[first[one]], ends[last[one]]) for one in spread]
            spellings = [phrase for one in at if (phrase := _phrase(texts, *map(int, one)))]
            if 2 * len(spellings) > len(spread):
                yield rows, spellings


def _phrase(texts: Texts, passage: int, start: int, end: int) -> str:
    """What stands at a place in a passage; nothing where that is no whole words."""
    paper, section, _, begin, _ = texts.table[passage].tolist()
    text = texts.papers[paper].sections[section].text
    start, end = begin + start, begin + end
    phrase: str = text[start:end]
    if not _PHRASE.fullmatch(phrase):
        return ""
    if HANGUL.match(phrase):
        inside = start > 0 and HANGUL.match(text[start - 1])
        return "" if inside or not _END.match(text, end) else phrase
    return phrase
