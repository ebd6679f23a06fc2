"""Runs of words in passages, such as `음성 인식`, that several papers have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.glossary.spelling import HANGUL
from index.lexical import TermLists
from index.papers import Paper

Ints = npt.NDArray[np.int64]

LEAST = 2  # papers that have to have a phrase: one alone says nothing about a place
_SPELLINGS = 9  # places where it is looked up how a run is spelt
_PHRASE = re.compile(r"[A-Za-z0-9]+(?:[ -][A-Za-z0-9]+)*|[가-힣]+(?: [가-힣]+)*")
# What may stand after a Korean word that ends there: not more of the word.
_END = re.compile(
    r"(?:은|는|이|가|을|를|의|에|로|와|과|도|만|으로|에서|에게|까지|부터|이나|처럼|보다"
    r"|들|들의|들이|들은|들을)?(?![가-힣])"
)


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


class Run(NamedTuple):
    """A run of words: the rows of the papers that have it, and some of its spellings."""

    papers: list[int]
    spellings: list[str]


class _Places(NamedTuple):
    """Where runs of one length stand: (runs,) each.

    Attributes:
        keys: The same for the same words.
        papers: The row of the paper.
        passages: The passage.
        starts: The first character, in the passage.
        ends: The one after the last.
    """

    keys: Ints
    papers: Ints
    passages: Ints
    starts: Ints
    ends: Ints


def repeated(texts: Texts, wanted: re.Pattern[str], longest: int) -> Iterator[Run]:
    """Runs of up to `longest` words that several papers have, with a space or nothing between.

    Args:
        texts: Of the papers.
        wanted: What a word of a run is.
        longest: How many words a run has at most.
    """
    for places in _places(texts, wanted, longest):
        order = np.argsort(places.keys, kind="stable")
        bounds = np.flatnonzero(np.diff(places.keys[order], prepend=-1, append=-1)).tolist()
        for begin, end in pairwise(bounds):
            if end - begin < LEAST:
                continue
            found = order[begin:end]
            papers: list[int] = np.unique(places.papers[found]).tolist()
            if len(papers) < LEAST:
                continue
            some = found[:: max(1, len(found) // _SPELLINGS)][:_SPELLINGS]
            at = zip(*(part[some].tolist() for part in places[2:]), strict=True)
            spellings = [phrase for one in at if (phrase := _phrase(texts, *one))]
            if 2 * len(spellings) > len(some):
                yield Run(papers, spellings)


def _places(texts: Texts, wanted: re.Pattern[str], longest: int) -> Iterator[_Places]:
    """Where runs of one word stand, of two, and so on."""
    lists, vocabulary = texts.terms.lists, texts.terms.vocabulary
    kind = np.array([bool(wanted.fullmatch(word)) for word in vocabulary], np.bool_)
    passages = np.repeat(np.arange(len(lists)), lists.lengths)
    numbers, starts, lengths = lists.values.astype(np.int64).T
    ends = starts + lengths
    fits = kind[numbers]
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
        owners = texts.table[passages[first], 0].astype(np.int64)
        yield _Places(keys, owners, passages[first], starts[first], ends[last])


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
