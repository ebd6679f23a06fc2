"""Sections and sentences that were left in another language than Korean."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.papers import Paper, Section
from index.quality.findings import Finding, Flag, in_order, in_place, quote

MAX_KOREAN = 0.2  # of a section's letters; of 10,188 real sections, three have 0 and all others .35
MIN_PROSE = 40  # letters that are not Korean, a short sentence's
MOSTLY = 0.5  # of sections or papers
MIN_COMPANY = 3  # other papers that can tell which language a digest is in
MIN_WORDS = 8  # of a sentence
MIN_GRAMMAR = 0.15  # of its words are those that only whole sentences have
MIN_GRAMMAR_WORDS = 2
_SHOWN = 400  # characters of a section; enough to find something to quote

_NO_PROSE = re.compile(  # code, formulas, links
    r"`[^`\n]{0,400}`|\$[^$\n]{0,400}\$|(?:https?://|www\.)[^\s가-힣)\]]{1,400}"
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]")
_TOKEN = re.compile(r"[\w'’-]+")
_SENTENCE_END = re.compile(r"[.!?。](?=[\s\"'”’)]|$)|\n")
_BULLET = re.compile(r"[\s\-*+•>#]*")
# What holds English sentences together, and names and lists of terms do not have.
_VERBAL = frozenset(
    _TOKEN.findall(
        "is are was were be been has have had do does can could will would may must should that "
        "which we it they this these show shows demonstrate demonstrates propose proposes achieve "
        "achieves outperform outperforms introduce introduces"
    )
)
_GRAMMAR = _VERBAL | frozenset(
    _TOKEN.findall(
        "a an the those its their our he she not who while when where how what than such from by "
        "as at on in to of for with into through across also both each and or but if then there"
    )
)


def find_untranslated(papers: Sequence[Paper]) -> list[Finding]:
    """Find what is not in Korean where everything around it is.

    Names, formulas, code and links do not count. Nothing is found if most papers, or most
    other papers of the same digest, are not in Korean.
    """
    papers = in_place(papers)
    measured = [[_measure(section.text) for section in paper.sections] for paper in papers]
    company = _Company(papers, measured)
    found = [
        finding
        for number, paper in enumerate(papers)
        if company.is_korean(number)
        for section, letters in zip(paper.sections, measured[number], strict=True)
        for finding in _find(paper, section, letters)
    ]
    return in_order(found, papers)


@dataclass(frozen=True, slots=True)
class _Letters:
    """How many letters of a text are Korean, and how many are another language's prose."""

    korean: int
    foreign: int

    @property
    def share(self) -> float:
        """The Korean share; a text without prose is in no other language."""
        total = self.korean + self.foreign
        return self.korean / total if total else 1.0


def _measure(text: str) -> _Letters:
    korean = foreign = 0
    for word in _WORD.findall(_NO_PROSE.sub(" ", text)):
        hangul = len(_HANGUL.findall(word))
        if hangul:
            korean += hangul  # what it is attached to may be a name
        elif word == word.lower():
            foreign += len(word)  # names have capitals
    return _Letters(korean, foreign)


class _Company:
    """Whether what stands around a paper is in Korean."""

    def __init__(self, papers: Sequence[Paper], measured: Sequence[Sequence[_Letters]]) -> None:
        self._files = [paper.sections[0].source.file if paper.sections else "" for paper in papers]
        korean = [_mostly_korean(sections) for sections in measured]
        self._korean = korean
        self._all, self._in_file = Counter[bool](), Counter[tuple[str, bool]]()
        for file, is_korean in zip(self._files, korean, strict=True):
            if is_korean is not None:
                self._all[is_korean] += 1
                self._in_file[file, is_korean] += 1

    def is_korean(self, number: int) -> bool:
        """Whether most papers are, and most others of the paper's digest."""
        if not _most(self._all[True], self._all[False]):
            return False
        file, own = self._files[number], self._korean[number]
        yes = self._in_file[file, True] - (own is True)
        no = self._in_file[file, False] - (own is False)
        return yes + no < MIN_COMPANY or _most(yes, no)


def _mostly_korean(sections: Sequence[_Letters]) -> bool | None:
    """Whether a paper is in Korean; `None` if it has no prose."""
    whole = _Letters(sum(s.korean for s in sections), sum(s.foreign for s in sections))
    return whole.share > MAX_KOREAN if whole.korean + whole.foreign else None


def _most(yes: int, no: int) -> bool:
    return yes > MOSTLY * (yes + no)


def _find(paper: Paper, section: Section, letters: _Letters) -> Iterator[Finding]:
    text = section.text
    if letters.share < MAX_KOREAN and letters.foreign >= MIN_PROSE:
        start = _first_prose(text)
        evidence = f"{letters.share:.0%} of the section is in Korean: “{quote(text[start:])}”"
        yield Finding(paper.id, Flag.UNTRANSLATED, evidence, section.name, 0, len(text))
        return
    for start, end in _sentences(text):
        if _is_foreign_sentence(text[start:end]):
            evidence = f"a sentence is not in Korean: “{quote(text[start:end])}”"
            yield Finding(paper.id, Flag.UNTRANSLATED, evidence, section.name, start, end)


def _first_prose(text: str) -> int:
    bullet = _BULLET.match(text[:_SHOWN])
    return bullet.end() if bullet else 0


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    begin = 0
    for stop in [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]:
        piece = text[begin:stop]
        start, end = begin + _first_prose(piece), begin + len(piece.rstrip())
        if start < end:
            yield start, end
        begin = stop


def _is_foreign_sentence(text: str) -> bool:
    """Whether a sentence has no Korean and the words that hold an English one together.

    What begins with a quotation mark is an example: a prompt, a question, a title.
    """
    if text[0] in "\"'“‘「『«([" or _HANGUL.search(text):
        return False
    words = _TOKEN.findall(_NO_PROSE.sub(" ", text))
    grammar = [word for word in map(str.lower, words) if word in _GRAMMAR]
    return (
        len(words) >= MIN_WORDS
        and len(set(grammar)) >= MIN_GRAMMAR_WORDS
        and len(grammar) >= MIN_GRAMMAR * len(words)
        and not _VERBAL.isdisjoint(grammar)
    )
