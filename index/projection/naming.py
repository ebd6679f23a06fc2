"""What topics are called: by the phrases that tell each from all others, in two languages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.glossary import Glossary
from index.glossary.spelling import spelling_key
from index.projection.phrases import Phrases, english_phrases, korean_phrases
from index.projection.runs import Ints, Texts

Floats = npt.NDArray[np.float64]

MOST = 2  # terms of a name
_TITLE = 2.0  # how much more a phrase counts that the title has
_WORDS = (1.0, 1.0, 1.6, 1.7)  # what a phrase of so many words counts: longer ones say more
_LEAST_SHARE = 0.04  # of a topic's papers, that have to have a phrase that it is called by
_SECOND = 0.45  # of the first term's score, that a second one needs
_TOGETHER = 0.5  # how like each other the papers of a phrase and of its translation have to be
_PAPERS = 5  # that both have to be in, so that it is no chance


class Name(NamedTuple):
    """A term in both languages; the same twice where only one is known."""

    english: str
    korean: str


def name_topics(
    texts: Texts, glossary: Glossary, topics: Sequence[Ints]
) -> list[list[tuple[Name, ...]]]:
    """Call the topics of each level by terms, none of which two topics of a level share.

    Args:
        texts: Of the papers.
        glossary: What terms are called in the other language.
        topics: For each level, the topic of each paper: (papers,).

    Returns:
        For each level, the terms of each topic, best first; none where nothing tells it apart.
    """
    korean = korean_phrases(texts)
    english = english_phrases(texts, glossary)
    names = _Names(english, korean, glossary, len(texts.papers))
    found = []
    for level in topics:
        own = [tuple(map(names.name, numbers)) for numbers in _choose(english, level)]
        if not all(own):  # such as where titles are Korean too
            spare = [[korean.spellings[one] for one in some] for some in _choose(korean, level)]
            own = [
                terms or tuple(Name(one, one) for one in other)
                for terms, other in zip(own, spare, strict=True)
            ]
        found.append(own)
    return found


def class_weights(phrases: Phrases, topics: Ints) -> tuple[Floats, Floats]:
    """How much each phrase tells a topic from others, and the share of its papers that have it.

    Grootendorst 2022, "BERTopic: Neural topic modeling with a class-based TF-IDF procedure":
    W(t, c) = tf(t, c) / |c| · log(1 + A / tf(t)), where |c| is all that a topic's papers say
    and A its mean over topics; here a paper says a phrase once, and more where its title does.

    Args:
        phrases: Of the papers.
        topics: (papers,) of each.

    Returns:
        Two of (topics, phrases).
    """
    count = int(topics.max()) + 1
    shape = (count, len(phrases.keys))
    own = topics[phrases.papers]
    said, having = np.zeros(shape), np.zeros(shape)
    np.add.at(said, (own, phrases.numbers), 1 + _TITLE * phrases.titled)
    np.add.at(having, (own, phrases.numbers), 1)
    length = said.sum(1, keepdims=True)
    rarity = np.log1p(length.mean() / np.maximum(said.sum(0), 1e-9))
    papers = np.bincount(topics, minlength=count)[:, None]
    return said / np.maximum(length, 1e-9) * rarity, having / papers


def _choose(phrases: Phrases, topics: Ints) -> list[list[int]]:
    """The phrases that each topic is called by, by their numbers."""
    if not phrases.keys:
        return [[] for _ in range(int(topics.max()) + 1)]
    weights, shares = class_weights(phrases, topics)
    lengths = [min(len(re.split("[ -]", phrase)), 3) for phrase in phrases.spellings]
    weights *= np.array(_WORDS)[lengths]
    weights[shares < _LEAST_SHARE] = 0
    chosen: list[list[int]] = [[] for _ in weights]
    taken: set[int] = set()
    for _ in range(MOST):  # first terms first: no topic's second is another one's first
        wanted = [_best(weights[topic], phrases, own, taken) for topic, own in enumerate(chosen)]
        # Where two topics want the same, the one it tells more of has it.
        open_topics = {topic for topic, one in enumerate(wanted) if one is not None}
        while open_topics:
            topic = max(open_topics, key=lambda one: (weights[one, wanted[one]], -one))
            number = wanted[topic]
            if number is None or number in taken:
                wanted[topic] = _best(weights[topic], phrases, chosen[topic], taken)
                if wanted[topic] is None:
                    open_topics.discard(topic)
                continue
            chosen[topic].append(number)
            taken.add(number)
            open_topics.discard(topic)
    return chosen


def _best(weights: Floats, phrases: Phrases, own: Sequence[int], taken: set[int]) -> int | None:
    """The best phrase that is still to be had and has no word of those that a topic has."""
    least = weights[own[0]] * _SECOND if own else 0.0
    words = {word for one in own for word in phrases.words[one]}
    numbers: list[int] = np.argsort(-weights, kind="stable")[:200].tolist()
    for number in numbers:
        if weights[number] <= least:
            return None
        if number not in taken and not words & phrases.words[number]:
            return number
    return None


class _Names:
    """Phrases in both languages."""

    def __init__(self, english: Phrases, korean: Phrases, glossary: Glossary, papers: int) -> None:
        self._english = english
        self._korean = korean
        self._papers = papers
        self._known: dict[str, str] = {}
        for entry in glossary.entries:
            if entry.korean:
                self._known.setdefault(spelling_key(entry.english), entry.korean[0])

    def name(self, number: int) -> Name:
        """What a phrase is called."""
        spelling = self._english.spellings[number]
        known = self._known.get(self._english.keys[number])
        return Name(spelling, known or self._translation(number) or spelling)

    def _translation(self, number: int) -> str | None:
        """The Korean phrase that stands in the same papers, if this one stands in its."""
        alike = _alike(self._english, number, self._korean, self._papers)
        if not len(alike) or alike.max() < _TOGETHER:
            return None
        lengths = np.array(list(map(len, self._korean.spellings)))
        best = int(np.lexsort((-lengths, -alike))[0])  # of equals the one that says more
        back = _alike(self._korean, best, self._english, self._papers)
        return self._korean.spellings[best] if back[number] == back.max() else None


def _alike(one: Phrases, number: int, others: Phrases, papers: int) -> Floats:
    """How like the papers of a phrase those of others are, by Dice's coefficient: (others,)."""
    having = np.zeros(papers, np.bool_)
    having[one.papers[one.numbers == number]] = True
    both = np.bincount(others.numbers, having[others.papers], len(others.keys))
    frequencies = np.bincount(others.numbers, minlength=len(others.keys))
    alike: Floats = 2 * both / (having.sum() + frequencies)
    alike[both < _PAPERS] = 0
    return alike
