"""What a build computes of a paper's texts, anew or carried over from the live snapshot."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import numpy.typing as npt

from index import passages
from index.late import Coded
from index.lexical import Analyzer, Term, analysis
from index.passages import Span, cut_section
from index.progress import Progress
from index.snapshot import Snapshot

# What was analysed and cut by other rules is not carried over.
ANALYSIS = f"{analysis.VERSION}-cut-{passages.RULES}"

Vector = npt.NDArray[np.float32]


@dataclass(slots=True)
class Cut:
    """One passage of a section: its span in the section, and in it sentences, terms, tokens."""

    span: Span
    sentences: Sequence[Span]
    terms: Sequence[Term]
    vector: Vector | None = None
    tokens: Coded | None = None


@dataclass(slots=True)
class Title:
    """A paper's title: its terms, its vector and its tokens."""

    terms: Sequence[str]
    vector: Vector | None = None
    tokens: Coded | None = None


@dataclass(slots=True)
class Content:
    """By text: the cuts of every section, and every title.

    Two sections with the same text share their cuts, in one snapshot and from one to the next.
    """

    sections: dict[str, list[Cut]] = field(default_factory=dict)
    titles: dict[str, Title] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot) -> Content:
        """All that a snapshot knows, to be carried over."""
        content = cls()
        vectors = snapshot.vectors.vectors
        for row in range(len(snapshot)):
            paper = snapshot.paper(row)
            terms = snapshot.lexicon.title_terms(row)
            vector = None if snapshot.titles is None else snapshot.titles[row]
            tokens = snapshot.coded(snapshot.manifest.passages + row)
            content.titles[paper.title] = Title(terms, vector, tokens)
            cuts: list[list[Cut]] = [[] for _ in paper.sections]
            for passage in snapshot.passages_of(row):
                place = snapshot.passage_row(passage)
                cuts[place.section].append(
                    Cut(
                        (place.start, place.end),
                        snapshot.sentences_of(passage),
                        list(snapshot.lexicon.passage_terms(passage)),
                        vectors[passage],
                        snapshot.coded(passage),
                    )
                )
            for section, found in zip(paper.sections, cuts, strict=True):
                content.sections[section.text] = found
        return content

    def analyze(self, sections: Iterable[str], titles: Iterable[str], progress: Progress) -> None:
        """Cut and analyse the texts that are not known yet."""
        new_sections = [text for text in dict.fromkeys(sections) if text not in self.sections]
        new_titles = [text for text in dict.fromkeys(titles) if text not in self.titles]
        progress.stage("analyse", len(new_sections) + len(new_titles))
        if not new_sections and not new_titles:
            return
        analyzer = Analyzer()  # not kept: it is 300 MB that the encoder needs next
        found = analyzer.analyze_all([*new_sections, *new_titles])
        for text, one in zip(new_sections, islice(found, len(new_sections)), strict=True):
            self.sections[text] = [
                Cut(span, sentences, _within(one.terms, span))
                for span, sentences in cut_section(text, one.sentences)
            ]
            progress.advance(1)
        for title, one in zip(new_titles, found, strict=True):
            self.titles[title] = Title([term.text for term in one.terms])
            progress.advance(1)


def _within(terms: Sequence[Term], span: Span) -> list[Term]:
    """The terms inside a passage, placed in its text."""
    start, end = span
    first = bisect_left(terms, start, key=lambda term: term.start)
    last = bisect_left(terms, end, key=lambda term: term.start)
    return [Term(t.text, t.start - start, t.end - start) for t in terms[first:last] if t.end <= end]
