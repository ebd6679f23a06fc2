"""What `nonmun check` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from index.digests import Problem
from rag.doubts import Checked, Doubted
from rag.terminal import count, print_json


def checked(result: Checked, problems: Sequence[Problem], as_json: bool) -> None:
    """What is doubted, paper by paper, and what could not be read."""
    found, looked_at = result.found, count(result.papers, "paper")
    if as_json:
        rows = [
            {
                **asdict(one.finding),
                "title": one.paper.title,
                "date": one.paper.date.isoformat() if one.paper.date else None,
                "source": asdict(one.source),
            }
            for one in found
        ]
        told = [asdict(problem) for problem in problems]
        print_json({"papers": result.papers, "findings": rows, "problems": told})
        return
    for _, group in groupby(found, key=lambda one: one.paper.id):
        some = list(group)
        paper, source = some[0].paper, some[0].source
        print(f"{paper.id}  {paper.title}")
        print(f"    {source.file}, characters {source.start}-{source.end}")
        for one in some:
            print(f"    {one.finding.flag}: {one.finding.evidence}")
        print()
    for problem in problems:
        print(problem)
    flags = Counter(one.finding.flag for one in {_key(one): one for one in found}.values())
    papers = len({one.paper.id for one in found})
    kinds = ", ".join(f"{number:,} {flag}" for flag, number in sorted(flags.items()))
    print(
        f"{papers:,} of {looked_at} doubted: {kinds}" if found else f"No doubts about {looked_at}."
    )


def _key(one: Doubted) -> tuple[str, str]:
    return one.paper.id, one.finding.flag
