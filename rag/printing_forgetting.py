"""What `nonmun forget` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from index.forgotten import Entries
from rag.forgetting import Forgot, TookBack
from rag.terminal import count, print_json

_NO_VERSION = "no version is live that could be read"


def forgot(names: Sequence[Forgot], as_json: bool) -> None:
    """What was forgotten."""
    if as_json:
        rows = [{**asdict(one.named), "new": one.new, "papers": one.papers} for one in names]
        print_json({"forgotten": rows})
        return
    for one in names:
        print(f"{one.named.name}: {_forgot(one)}")
    print("What is forgotten is left out by the next build, and by all that follow.")
    print("Versions that were published before still have the text on disk.")


def took_back(names: Sequence[TookBack], as_json: bool) -> None:
    """What is not forgotten any more."""
    if as_json:
        rows = [{**asdict(one.named), "papers": one.papers, "hidden": one.hidden} for one in names]
        print_json({"taken_back": rows})
        return
    for one in names:
        print(f"{one.named.name}: {_took_back(one)}")


def listed(entries: Entries, as_json: bool) -> None:
    """All that is forgotten, and since when."""
    if as_json:
        kinds = {"papers": entries.papers, "authors": entries.authors}
        print_json(
            {
                kind: [{"name": name, "since": day.isoformat()} for name, day in days.items()]
                for kind, days in kinds.items()
            }
        )
        return
    if not entries.forgotten():
        print("Nothing is forgotten here.")
    for kind, days in (("papers", entries.papers), ("authors", entries.authors)):
        if days:
            print(f"{kind}:")
        for name, day in days.items():
            print(f"  {day}  {name}")


def _forgot(one: Forgot) -> str:
    if one.papers is None:
        what = _NO_VERSION
    elif one.papers:
        what = f"{count(one.papers, 'paper')} of the live version hidden at once"
    else:
        what = "no paper of the live version"
    if not one.new:
        return f"forgotten already; {what}"
    return f"forgotten; {what}{'' if one.papers else ', the list keeps it for later ones'}"


def _took_back(one: TookBack) -> str:
    if one.papers is None:
        return f"not forgotten any more; {_NO_VERSION}"
    found = []
    if one.papers:
        found.append(f"{count(one.papers, 'paper')} of the live version back at once")
    if one.hidden:
        found.append(f"{count(one.hidden, 'paper')} still hidden by other names on the list")
    if not found:
        found.append("no paper of the live version, so back with the next build that reads it")
    return f"not forgotten any more; {', '.join(found)}"
