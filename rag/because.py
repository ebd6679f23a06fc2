"""Why a paper is like what was asked about: the closest pair of passages, and what both share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np

from index.glossary import Entry
from index.glossary.spelling import WORDS, singular, spelling_key
from index.papers import Paper, Passage
from index.scoring import Allowed, Floats
from index.snapshot import Snapshot
from rag.representations import Named, Notes, Terms, Thing
from rag.search import Hit

_TERMS_SHOWN = 8
_LEAST = 0.3  # of the heaviest shared term's weight; what weighs less is no reason
_KEYS_KEPT = 4096  # the names of the glossary's terms are the same ones again and again
_LONG = 5  # letters; a shorter name has to be a word of its own, as RAG is not in storage


@dataclass(frozen=True, slots=True)
class Name:
    """A term that both sides have, in either language, and what it is called in each."""

    korean: str | None
    english: str


@dataclass(frozen=True, slots=True)
class Because:
    """Why a paper is like what was asked about.

    Attributes:
        passage: The id of the paper's passage that is closest to anything asked about.
        like: The id of the passage that it is closest to; `None` is a title or a given text.
        terms: Shared words that tell papers apart, as the paper has them.
        authors: Shared authors.
        passage_text: The text of `passage`.
        like_paper: The paper of the other side; `None` is the given text.
        like_text: What is closest on the other side: a passage, a title, or a part of the text.
        like_span: Where `like_text` stands in the given text, in characters.
        names: Shared terms in both languages, also where each side has them in another one.
    """

    passage: str | None
    like: str | None
    terms: tuple[str, ...]
    authors: tuple[str, ...]
    passage_text: str | None = None
    like_paper: str | None = None
    like_text: str | None = None
    like_span: tuple[int, int] | None = None
    names: tuple[Name, ...] = ()


class _Side(NamedTuple):
    """One vector of what was asked about: a passage by its row, a title, or a piece of a text."""

    thing: Thing
    passage: int | None = None
    span: tuple[int, int] | None = None


class Reasons:
    """The reasons of one search's hits."""

    def __init__(
        self,
        snapshot: Snapshot,
        things: Sequence[Thing],
        terms: Terms | None,
        allowed: Allowed | None = None,
        *,
        has_vectors: bool = True,
    ) -> None:
        """Compute nothing yet.

        Args:
            snapshot: Of the papers.
            things: What was asked about.
            terms: Their terms, weighted; `None` where the lexical leg is off or failed.
            allowed: Passages that may be shown; `None` is all.
            has_vectors: Whether texts can be encoded.
        """
        self._allowed = allowed
        self._snapshot, self._things, self._has_vectors = snapshot, things, has_vectors
        self._papers: dict[int, Paper] = {}
        self._passages: dict[int, Passage] = {}
        self._texts: dict[int | None, tuple[_Text, list[Entry]]] = {}
        self._weights = np.zeros(len(snapshot.lexicon.telling), np.float32)
        if terms is not None:
            telling = snapshot.lexicon.telling[terms.numbers]
            self._weights[terms.numbers] = terms.weights * telling

    def of(self, hit: Hit) -> Because:
        """The reasons for one hit."""
        place, side = self._closest(hit)
        shown = {one.row: one.passage for one in hit.passages}
        text = None
        if place is not None:
            text = shown.get(place) or self._snapshot.passage(place, hit.paper)
        like, like_text = self._told(side)
        terms = self._terms(hit)
        row = side.thing.row if side and isinstance(side.thing, Named) else None
        return Because(
            passage=None if text is None else text.id,
            like=like,
            terms=terms,
            authors=tuple(name for name in hit.paper.authors if name in self._authors),
            passage_text=None if text is None else text.text,
            like_paper=None if row is None else self._snapshot.ids[row],
            like_text=like_text,
            like_span=side.span if side else None,
            names=tuple(islice(self._names(hit, side, terms), _TERMS_SHOWN)),
        )

    def _closest(self, hit: Hit) -> tuple[int | None, _Side | None]:
        """The hit's passage and the side of the query with the greatest cosine."""
        own = list(self._snapshot.passages_of(hit.row))
        if self._allowed is not None:
            own = [row for row in own if self._allowed.passages[row]]
        sides, vectors = self._sides
        if not own or not sides:
            return hit.passages[0].row if hit.passages else next(iter(own), None), None
        cosines = self._snapshot.vectors.vectors[own] @ vectors.T
        i, j = np.unravel_index(int(np.argmax(cosines)), cosines.shape)
        return own[int(i)], sides[int(j)]

    @cached_property
    def _sides(self) -> tuple[list[_Side], Floats]:
        """All that hits' passages are compared with: as many vectors."""
        sides: list[_Side] = []
        vectors: list[Floats] = []
        for thing in self._things:
            if isinstance(thing, Notes):
                if self._has_vectors:
                    sides += [_Side(thing, span=span) for span in thing.spans]
                    vectors.append(thing.vectors)
            elif thing.trusted:
                rows = self._snapshot.passages_of(thing.row)
                sides += [_Side(thing, row) for row in rows]
                vectors.append(self._snapshot.vectors.vectors[rows.start : rows.stop])
            elif self._snapshot.titles is not None:
                sides.append(_Side(thing))
                vectors.append(self._snapshot.titles[thing.row][None])
        return sides, np.concatenate(vectors) if vectors else np.zeros((0, 0), np.float32)

    def _told(self, side: _Side | None) -> tuple[str | None, str | None]:
        """The id of the passage on the other side, if it is one, and its text."""
        if side is None:
            return None, None
        if isinstance(side.thing, Notes):
            return None, side.thing.text[slice(*side.span)] if side.span else None
        paper = self._paper(side.thing.row)
        if side.passage is None:
            return None, paper.title
        if side.passage not in self._passages:
            self._passages[side.passage] = self._snapshot.passage(side.passage, paper)
        passage = self._passages[side.passage]
        return passage.id, passage.text

    def _paper(self, row: int) -> Paper:
        if row not in self._papers:
            self._papers[row] = self._snapshot.paper(row)
        return self._papers[row]

    @cached_property
    def _authors(self) -> set[str]:
        named = (thing.row for thing in self._things if isinstance(thing, Named))
        return {author for row in named for author in self._paper(row).authors}

    def _terms(self, hit: Hit) -> tuple[str, ...]:
        """The heaviest terms that a hit shares with what was asked about, as its text has them."""
        own = self._snapshot.passages_of(hit.row)
        lists = self._snapshot.lexicon.passage_lists.lists
        first, last = lists.offsets[own.start], lists.offsets[own.stop]
        numbers, starts, lengths = lists.values[first:last].T
        found, places = np.unique(numbers, return_index=True)
        weights = self._weights[found]
        heaviest = np.argsort(-weights, kind="stable")[:_TERMS_SHOWN]
        least = max(_LEAST * float(weights.max(initial=0)), 1e-9)
        words = []
        for place in places[heaviest[weights[heaviest] >= least]]:
            row = int(np.searchsorted(lists.offsets, first + place, side="right")) - 1
            passage = self._snapshot.passage_row(row)
            start = passage.start + int(starts[place])
            text = hit.paper.sections[passage.section].text
            words.append(text[start : start + int(lengths[place])])
        return tuple(dict.fromkeys(words))

    def _names(self, hit: Hit, side: _Side | None, terms: Sequence[str]) -> Iterator[Name]:
        """Terms of the glossary that are in what a hit is closest to and, by any name, in it.

        Those that both have by the same name are shown where a shared word is part of them: that
        both have a data set says nothing.
        """
        theirs, entries = (None, []) if side is None else self._named(side.thing)
        if theirs is None or not entries:
            return
        own, telling = _Text(_whole(hit.paper)), {_key(term) for term in terms}
        for entry in entries:
            names = [one for one in (*entry.korean, entry.english, *entry.acronyms) if own.has(one)]
            same = any(map(theirs.has, names))
            if names and (not same or any(term in _key(one) for one in names for term in telling)):
                korean = next((one for one in names if one in entry.korean), None)
                yield Name(korean or (entry.korean[0] if entry.korean else None), entry.english)

    def _named(self, thing: Thing) -> tuple[_Text, list[Entry]]:
        """A thing's text, and what the glossary has of it but for what too many papers have."""
        key = None if isinstance(thing, Notes) else thing.row
        if key not in self._texts:
            if isinstance(thing, Notes):
                text = thing.text
            else:
                paper = self._paper(thing.row)
                text = _whole(paper) if thing.trusted else paper.title
            found = self._snapshot.glossary.search(text)
            self._texts[key] = _Text(text), [one for one in found if self._tells(one)]
        return self._texts[key]

    def _tells(self, entry: Entry) -> bool:
        """Whether a term tells papers apart: none of its names is a word that does not."""
        lexicon = self._snapshot.lexicon
        names = (entry.english.lower(), *entry.korean[:1])
        return all(lexicon.telling[number] > 0 for number in lexicon.numbers(names))


class _Text:
    """A text in which names are looked for."""

    def __init__(self, text: str) -> None:
        self._words = WORDS.findall(text)
        self._joined = "".join(self._words).lower()  # without spaces and signs

    @cached_property
    def _singular(self) -> frozenset[str]:
        return frozenset(map(singular, self._words))

    def has(self, name: str) -> bool:
        """Whether a term is there, however it is spaced."""
        key = _key(name)
        if key not in self._joined:
            return False
        return len(key) >= _LONG or not key.isascii() or key in self._singular


@lru_cache(_KEYS_KEPT)
def _key(name: str) -> str:
    return spelling_key(name)


def _whole(paper: Paper) -> str:
    return "\n".join([paper.title, *(section.text for section in paper.sections)])
