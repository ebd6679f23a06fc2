"""Summaries that are a form, a prompt or an excuse, and not about their paper."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from index.papers import Paper, Section
from index.quality.findings import Finding, Flag, in_order, in_place, quote
from index.quality.patterns import EXCUSED_TITLES, PATTERNS, STRONG, Kind

_PAIRS = (("“", "”"), ("‘", "’"), ("「", "」"), ("『", "』"), ("«", "»"))
_STRAIGHT = re.compile(r"\"|`|(?<![a-z])'|'(?![a-z])")  # but for apostrophes
_QUOTED = 200  # characters, as far as what is quoted may be from its quotation mark
_TRIED = 20  # places where a pattern is found, before it is given up as quoted
_BEFORE = 20  # characters of context in evidence, before what was found
_MAX_HEADING = 40  # characters

_HEADING = re.compile(
    rf"\W*(?:#+[^\n]{{1,{_MAX_HEADING}}}|\*\*[^\n]{{1,{_MAX_HEADING}}}\*\*[: ]*|"
    # A sentence that announces a list is no heading: the list may be the next sections.
    r"[\w'’]{1,20}(?: [\w'’]{1,20}){0,2}(?<!다)[:\uff1a])\s*"
)
# A prompt speaks of “an arXiv paper”, and a model that has only the prompt repeats it.
_FORM_LETTER = re.compile(
    r"\A\W{0,5}[^.\n]{0,20}?(?:arxiv|아카이브)[^.\n]{0,30}?(?:논문|문서|연구)[^\n]{0,120}?"
    r"(?:AI|인공지능|딥 ?러닝|머신 ?러닝|기계 ?학습|자연어 ?처리|컴퓨터 비전|언어 ?모델|"
    r"데이터 증강|신경망|deep learning|machine learning|computer vision|NLP)",
    re.IGNORECASE,
)
_TITLE_WORD = re.compile(r"[A-Za-z][A-Za-z0-9+.]{2,40}|[A-Za-z]+\d[\w.]{0,20}")


def _words(text: str) -> set[str]:
    return {word.casefold().rstrip(".+s") for word in _TITLE_WORD.findall(text)}


# Words of titles that also stand in summaries of nothing.
_COMMONPLACE = _words(
    "the and for with via from are its your you all how what can not new using towards toward "
    "through without beyond into model models language large llm llms learning deep neural "
    "network networks machine image images video text data dataset datasets training train "
    "trained pretraining tuning tune vision visual multi modal multimodal generation "
    "generative generating generate efficient effective improving improved robust scalable "
    "scaling scale fast better benchmark benchmarks benchmarking evaluation evaluating "
    "evaluate analysis study survey framework system systems method methods approach "
    "approaches task tasks detection recognition classification segmentation understanding "
    "processing natural computer transformer transformers attention self supervised "
    "unsupervised transfer based driven guided aware embedding embeddings encoder decoder "
    "architecture performance accuracy optimization augmentation augmented algorithm feature "
    "features representation representations artificial intelligence open source real world "
    "high low zero shot few end state art time human knowledge information question answering "
    "adversarial reinforcement technical report one two agent agents domain domains"
)


def find_templates(papers: Sequence[Paper]) -> list[Finding]:
    """Find text about formatting guides, placeholders, refusals and leaked prompts.

    `PATTERNS` has the wording and its reasons. Papers whose titles say that they are about such
    things are left alone, as is what stands in quotation marks: a paper may quote such text.
    """
    papers = in_place(papers)
    found = [finding for paper in papers for finding in _find(paper)]
    return in_order(found, papers)


def _find(paper: Paper) -> Iterator[Finding]:
    kinds = [kind for kind in Kind if not EXCUSED_TITLES[kind].search(paper.title)]
    for section in paper.sections:
        for kind in kinds:
            yield from _find_kind(paper, section, kind)
        if _is_empty(section):
            evidence = f"a heading without content: “{quote(section.text)}”"
            yield _finding(paper, section, evidence, 0, len(section.text))
    yield from _find_form_letter(paper)


def _finding(paper: Paper, section: Section, evidence: str, start: int, end: int) -> Finding:
    return Finding(paper.id, Flag.TEMPLATE_TEXT, evidence, section.name, start, end)


def _find_kind(paper: Paper, section: Section, kind: Kind) -> Iterator[Finding]:
    text = _lower(section.text)
    found = []
    for pattern in PATTERNS:
        if pattern.kind is kind:
            for match in islice(pattern.regex.finditer(text), _TRIED):
                if not _is_quoted(text, match.start()) and not _in_title(match.group(), paper):
                    found.append((pattern, match))
                    break
    if sum(pattern.weight for pattern, _ in found) < STRONG:
        return
    pattern, match = max(found, key=lambda one: (one[0].weight, -one[1].start()))
    reasons = ", ".join(one.reason for one, _ in found)
    shown = quote(section.text[max(match.start() - _BEFORE, 0) :])
    evidence = f"{kind} ({reasons}): “{shown}”"
    start, end = min(m.start() for _, m in found), max(m.end() for _, m in found)
    yield _finding(paper, section, evidence, start, end)


def _lower(text: str) -> str:
    """A text in lower case, every character in its place."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := c.lower()) == 1 else c for c in text)


def _is_quoted(text: str, start: int) -> bool:
    """Whether a quotation that began before in the same line is still open at `start`."""
    if _STRAIGHT.match(text, start):
        return False
    before = text[max(start - _QUOTED, 0) : start].rpartition("\n")[2]
    straight = _STRAIGHT.findall(before)
    return any(before.rfind(opened) > before.rfind(closed) for opened, closed in _PAIRS) or any(
        straight.count(mark) % 2 for mark in "\"'`"
    )


def _in_title(words: str, paper: Paper) -> bool:
    return words.casefold() in paper.title.casefold()


def _is_empty(section: Section) -> bool:
    """Whether a section holds no more than a heading, or nothing that can be read."""
    text = section.text
    if len(text) > 3 * _MAX_HEADING:
        return not any(map(str.isalnum, text))
    words = text.strip("#*-:. \t\n").casefold()
    return not any(map(str.isalnum, words)) or (
        words == section.name.strip().casefold() or bool(_HEADING.fullmatch(text))
    )


def _find_form_letter(paper: Paper) -> Iterator[Finding]:
    """The opening of a form letter, where the summary names nothing that the title names."""
    for section in paper.sections[:1]:
        match = _FORM_LETTER.match(section.text)
        if match and not _names_paper(paper):
            evidence = (
                f"a form letter about “an arXiv paper” that names nothing of the title: "
                f"“{quote(section.text)}”"
            )
            yield _finding(paper, section, evidence, match.start(), match.end())


def _names_paper(paper: Paper) -> bool:
    """Whether a summary has a word of the title that not every summary might have.

    Of a title without such words nothing can be said.
    """
    words = _words(paper.title) - _COMMONPLACE
    return not words or any(words & _words(section.text) for section in paper.sections)
