"""A bilingual glossary: what terms of a text are called in the other language."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from index.glossary.entries import Entry, mine_entries
from index.glossary.spelling import HANGUL, WORDS, singular, spelling_key, squeeze

_QUERY_WORDS = 10  # that one term may take in a query
_MOST_ENTRIES = 3  # of one term of a query, where it is ambiguous
_AMBIGUOUS = 0.1  # a meaning this much rarer than the first isn't meant
_GAPS = frozenset({"", " ", "-"})
_FUNCTION_WORDS = re.compile(
    r"a|an|am|are|as|at|be|can|do|for|go|has|he|her|him|his|i|if|in|is|it|its|me|my|no|not|"
    r"of|on|or|so|the|to|up|us|was|we|who|you|all|any|and|but|by|may|one|out|own|see|use|"
    r"via|what|when|where|which|why|how|than|that|this|with|from"
)


class Glossary:
    """What terms are called in the other language."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Take entries; they are kept with the best supported first."""
        self.entries = sorted(entries, key=lambda e: (-e.count, e.english, e.korean, e.acronyms))
        self._english: dict[str, list[Entry]] = defaultdict(list)
        self._korean: dict[str, list[tuple[int, Entry]]] = defaultdict(list)
        for entry in self.entries:
            for name in dict.fromkeys(map(spelling_key, (entry.english, *entry.acronyms))):
                self._english[name].append(entry)
            for rank, term in enumerate(entry.korean):
                self._korean[squeeze(term)].append((rank, entry))
        self._korean_begins = {term[:2] for term in self._korean}
        self._longest_english = max(map(len, self._english), default=0)
        self._longest_korean = max(map(len, self._korean), default=0)

    @classmethod
    def mine(cls, papers: Iterable[Iterable[str]]) -> Glossary:
        """Collect the terms that stand with a translation in at least two papers.

        Args:
            papers: The texts of each paper. A pair counts once a paper.
        """
        return cls(mine_entries(papers))

    def search(self, text: str) -> list[Entry]:
        """The entries of the terms in a text, in the order they stand there.

        The longest term wins. Where it means several things, the most common come first.
        """
        return list(dict.fromkeys(entry for entry, _ in self._found(text)))

    def translations(self, text: str) -> list[str]:
        """What the terms in a text are called in the other language, and in short or in full.

        Args:
            text: A query in any language.

        Returns:
            Texts to add to the query, without those that it has.
        """
        squeezed, found = squeeze(text), dict.fromkeys(self._found(text))
        had = {name for _, name in found}
        added: dict[str, str] = {}
        for entry, matched in found:
            for name in (entry.english, *entry.acronyms):
                if spelling_key(name) not in had:
                    added.setdefault(spelling_key(name), name)
            for term in () if HANGUL.search(matched) else entry.korean:
                if squeeze(term) not in squeezed:
                    added.setdefault(squeeze(term), term)
        return list(added.values())

    def write(self, path: Path) -> None:
        """Write one JSON file; the same entries give the same bytes."""
        saved = msgspec.json.Encoder(order="sorted").encode(self.entries)
        path.write_bytes(msgspec.json.format(saved, indent=1) + b"\n")

    @classmethod
    def open(cls, path: Path) -> Glossary:
        """Read what `write` wrote."""
        return cls(msgspec.json.decode(path.read_bytes(), type=list[Entry]))

    def _found(self, text: str) -> Iterator[tuple[Entry, str]]:
        """The entries of the terms in a text, each with the key of the term."""
        words = list(WORDS.finditer(text))
        at = 0
        while at < len(words):
            # A Korean term may hold Latin letters: 3D 가우시안. It's tried first, as the longer.
            taken, name, entries = self._korean_term(text, words, at)
            if not taken and not HANGUL.match(words[at].group()):
                taken, name, entries = self._english_term(text, words, at)
            for entry in entries:
                yield entry, name
            at += taken or 1

    def _english_term(
        self, text: str, words: Sequence[re.Match[str]], at: int
    ) -> tuple[int, str, list[Entry]]:
        """How many words from `at` the longest English term takes, its key, its entries."""
        best: tuple[int, str, list[Entry]] = (0, "", [])
        joined = ""
        for number in range(at, min(at + _QUERY_WORDS, len(words))):
            word = words[number].group()
            if number > at and text[words[number - 1].end() : words[number].start()] not in _GAPS:
                break
            name = joined + singular(word)
            joined += word.lower()
            if len(name) > self._longest_english:
                break
            if number == at and _FUNCTION_WORDS.fullmatch(name) and not word.isupper():
                continue
            if entries := self._english.get(name):
                best = number - at + 1, name, _likely(entries)
        return best

    def _korean_term(
        self, text: str, words: Sequence[re.Match[str]], at: int
    ) -> tuple[int, str, list[Entry]]:
        """The same for a Korean term; it may take a part of the last word."""
        first = words[at].group()[: self._longest_korean].lower()
        if len(first) > 1 and first[:2] not in self._korean_begins:  # most words are no term
            return 0, "", []
        joined, ends = "", []
        for number in range(at, min(at + _QUERY_WORDS, len(words))):
            if number > at and text[words[number - 1].end() : words[number].start()] not in _GAPS:
                break
            joined += words[number].group()[: self._longest_korean].lower()
            ends.append(len(joined))
            if len(joined) >= self._longest_korean:
                break
        for length in range(min(len(joined), self._longest_korean), 1, -1):
            if found := self._korean.get(joined[:length]):
                ranked = sorted(found, key=lambda one: -one[1].count / (one[0] + 1))
                taken = sum(end < length for end in ends) + 1
                return taken, joined[:length], _likely([entry for _, entry in ranked])
        return 0, "", []


def _likely(entries: Sequence[Entry]) -> list[Entry]:
    least = _AMBIGUOUS * entries[0].count
    return [entry for entry in entries if entry.count >= least][:_MOST_ENTRIES]
