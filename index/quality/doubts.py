"""All doubts about the summaries of a corpus, computed or carried over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from index.papers import Paper
from index.quality.findings import Finding, Flag, in_order, in_place
from index.quality.language import find_untranslated
from index.quality.mismatch import judge, judge_all
from index.quality.style import Style
from index.quality.templates import find_templates
from index.snapshot import Snapshot

_COMPANY = 200  # papers; to look at all takes half a second


class Doubts(NamedTuple):
    """What is doubted, and what was learned to see it."""

    findings: tuple[Finding, ...]
    style: Style | None


class Known(NamedTuple):
    """What is known from the snapshot that a build goes on from.

    Attributes:
        findings: About its papers.
        unchanged: The ids of those that still say the same.
    """

    findings: Sequence[Finding]
    unchanged: frozenset[str]


def doubt(
    snapshot: Snapshot,
    papers: Sequence[Paper],
    find_duplicates: Callable[[], Sequence[Finding]],
    known: Known | None = None,
    templates: Callable[[Sequence[Paper]], list[Finding]] | None = None,
) -> Doubts:
    """Find what is doubtful about the summaries of a corpus.

    Args:
        snapshot: Of the corpus.
        papers: Its papers, in the snapshot's order.
        find_duplicates: Gives the duplicates among them: what any paper may come to be.
        known: What is carried over, with what the snapshot has learned; `None` computes and
            learns all anew.
        templates: Does what `find_templates` does, elsewhere; `None` does it here.
    """
    unchanged = known.unchanged if known else frozenset()
    new = [paper for paper in papers if paper.id not in unchanged] if unchanged else papers
    findings = (templates or find_templates)(new)
    forms = {finding.paper for finding in findings}
    if known is None:
        mismatches, style = judge_all(snapshot, forms)
        findings += [*mismatches, *find_untranslated(papers)]
    else:
        style = snapshot.learned.style
        rows = [row for row, name in enumerate(snapshot.ids) if name not in unchanged]
        findings += [*_carried(known), *judge(snapshot, rows, style, forms)]
        findings += _untranslated(papers, new)
    findings += find_duplicates()
    return Doubts(tuple(in_order(findings, in_place(papers))), style)


def _carried(known: Known) -> list[Finding]:
    """What was found in papers that still say the same, by looking at each alone."""
    return [
        one
        for one in known.findings
        if one.paper in known.unchanged and one.flag is not Flag.DUPLICATE_SUMMARY
    ]


def _untranslated(papers: Sequence[Paper], new: Sequence[Paper]) -> list[Finding]:
    """What is untranslated in new papers, beside what stands in the same digests.

    Papers from everywhere else go with them, to tell which language most are in.
    """
    names = {paper.id for paper in new}
    files = {_file(paper) for paper in new}
    others = {paper.id for paper in papers[:: max(1, len(papers) // _COMPANY)]}
    found = find_untranslated(
        [paper for paper in papers if _file(paper) in files or paper.id in others]
    )
    return [one for one in found if one.paper in names]


def _file(paper: Paper) -> str:
    return paper.sections[0].source.file if paper.sections else ""
