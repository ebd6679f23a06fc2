"""The command that lists what is doubtful about summaries."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.commands.options import Data, Json, Profile, Since, Until, filters_of, settings_of
from rag.commands.stopping import clean_when_terminated

if TYPE_CHECKING:
    from index.digests import Problem
    from rag.search import Searcher
    from rag.settings import Settings


def check(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="Digests to check.  [else: the live version]"),
    ] = None,
    data: Data = None,
    profile: Profile = None,
    since: Since = None,
    until: Until = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if anything is found.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List summaries that are doubtful, with the evidence.

    A summary may not describe the paper of its title, stand in another paper's summary, be a
    form or a prompt, or be left in another language. With sources, they are indexed in a
    temporary folder and nothing is published: for the digests' own CI. What could not be read
    is listed too.
    """
    from rag import printing_checking as printing
    from rag.doubts import check as run_check

    settings = settings_of(data, profile)
    filters = filters_of(since, until, None, None, None)
    with ExitStack() as stack:
        if sources:
            stack.enter_context(clean_when_terminated())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nonmun-")))
            searcher, problems = _index(sources, settings, folder)
        else:
            searcher, problems = _open(settings), []
        checked = run_check(searcher, filters)
        printing.checked(checked, problems, as_json)
    if strict and (checked.found or problems):
        raise typer.Exit(1)


def _open(settings: Settings) -> Searcher:
    from index.store import Store
    from rag.commands.options import open_snapshot
    from rag.search import Searcher

    store = Store(settings.data)
    return Searcher(open_snapshot(store), settings.search, forgotten=store.forgotten.read())


def _index(sources: list[str], settings: Settings, folder: Path) -> tuple[Searcher, list[Problem]]:
    """Index sources in a folder, and what could not be read of them."""
    from index.build import build
    from index.store import Store
    from rag.printing_building import BuildProgress
    from rag.search import Searcher

    store = Store(folder)
    with BuildProgress() as bar:
        built = build(sources, store, settings.building(), progress=bar)
    return Searcher(store.open_live(), settings.search), list(built.reading.problems)
