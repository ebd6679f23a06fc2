"""Entries of a glossary, mined from papers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from index.glossary.acronyms import Acronyms
from index.glossary.company import Company
from index.glossary.mentions import Mention, find_mentions
from index.glossary.terms import Terms


@dataclass(frozen=True, slots=True)
class Entry:
    """A term in English and what Korean papers call it.

    Attributes:
        english: The long form if one is known, else the acronym.
        korean: Its translations, the most common first; empty if only `acronyms` are known.
        acronyms: Its short forms, the most common first.
        count: How many papers support it.
    """

    english: str
    korean: tuple[str, ...]
    acronyms: tuple[str, ...]
    count: int


def mine_entries(papers: Iterable[Iterable[str]]) -> list[Entry]:
    """Collect the terms that stand with a translation or an acronym in enough papers.

    Args:
        papers: The texts of each paper. A pair counts once a paper.
    """
    shorts = Acronyms()
    mentions: list[Mention] = []
    for number, texts in enumerate(papers):
        for text in texts:
            mentions += find_mentions(number, text, shorts)
    shorts.settle()
    return _entries(list(dict.fromkeys(mentions)), shorts)


def _entries(mentions: Sequence[Mention], shorts: Acronyms) -> list[Entry]:
    long = shorts.short_to_long
    english = {
        key: shorts.words(key, *long.get(key, [])[:1])
        for key in dict.fromkeys(one.key for one in mentions)
    }
    company = Company((one, english[one.key]) for one in mentions)
    groups: dict[str, list[Mention]] = defaultdict(list)
    for mention in mentions:
        groups[_meant(mention, shorts, company)].append(mention)
    terms = {key: Terms(key, group, shorts, company) for key, group in groups.items()}
    chosen: Counter[str] = Counter()
    for one in terms.values():
        chosen.update({term: len(papers) for term, papers in one.papers.items()})
    entries = []
    for key in dict.fromkeys([*terms, *shorts.long_to_short]):
        own = terms.get(key)
        korean = own.best(chosen) if own else []
        acronyms = shorts.long_to_short.get(key, [])
        if not korean and not acronyms:
            continue
        papers: set[int] = set()
        for term in korean:
            papers |= terms[key].papers[term]
        for short in acronyms:
            papers |= shorts.papers(key, short)
        entries.append(
            Entry(
                shorts.spelling(key),
                tuple(own.spelling(term) for term in korean) if own else (),
                tuple(shorts.spelling(short) for short in acronyms),
                len(papers),
            )
        )
    return entries


def _meant(mention: Mention, shorts: Acronyms, company: Company) -> str:
    """The long form of an acronym that fits the Korean words best; else the key as it is."""
    best, most = mention.key, 0.0
    for meaning in shorts.short_to_long.get(mention.key, ()):
        english = shorts.words(meaning)
        words = mention.words[-len(english) :]
        fits = [max(company.score([one], word) for word in words) for one in sorted(english)]
        if 2 * sum(map(bool, fits)) >= len(fits) and sum(fits) > most:
            best, most = meaning, sum(fits)
    return best
