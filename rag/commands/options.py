"""Options that several commands have, and what they are turned into."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.bounds import MAX_TOP_K
from rag.days import DAYS, day_of

if TYPE_CHECKING:
    from index.cluster.store import ClusterStore
    from index.snapshot import Snapshot
    from index.store import Store
    from rag.filters import Filters
    from rag.search import Searcher
    from rag.settings import Settings

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the published indexes.  [env: NONMUN_DATA; else: data]"),
]
Profile = Annotated[
    Path | None,
    typer.Option("--profile", help="YAML file of settings.  [env: NONMUN_PROFILE]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, as the HTTP service replies.")]
TopK = Annotated[int | None, typer.Option("--top-k", min=1, max=MAX_TOP_K, help="How many papers.")]


def _day(text: str) -> date:
    try:
        return day_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Since = Annotated[
    date | None,
    typer.Option(parser=_day, metavar="DAY", help=f"Papers of this day or later: {DAYS}."),
]
Until = Annotated[
    date | None,
    typer.Option(parser=_day, metavar="DAY", help="Papers of this day or earlier."),
]
MinVotes = Annotated[int | None, typer.Option(min=0, help="Papers with so many votes or more.")]
Author = Annotated[list[str] | None, typer.Option(help="Papers by this author; may be repeated.")]
Section = Annotated[
    list[str] | None, typer.Option(help="Passages of this section; may be repeated.")
]
Sources = Annotated[
    list[str], typer.Argument(metavar="SOURCE", help="Directories, files or globs of digests.")
]


def settings_of(data: Path | None, profile: Path | None, **options: Any) -> Settings:
    """The settings of a command.

    Raises:
        SettingsError: One is wrong.
    """
    from rag.settings import load_settings

    return load_settings(profile, data=data, **options)


def open_searcher(data: Path | None, profile: Path | None) -> tuple[Searcher, Settings]:
    """What searches the live version.

    Raises:
        NonmunError: There is none, or a setting is wrong.
    """
    from rag.search import Searcher
    from rag.stores import open_store

    settings = settings_of(data, profile)
    store = open_store(settings)
    snapshot = open_snapshot(store)
    forgotten = store.forgotten.read()
    searcher = Searcher(snapshot, settings.search, settings.rerank, forgotten=forgotten)
    return searcher, settings


def open_snapshot(store: Store | ClusterStore) -> Snapshot:
    """The live version; where it is broken the newest that is not, and a word on standard error.

    Raises:
        NonmunError: There is none that can be opened.
    """
    opened = store.open_best()
    if opened.complaint:
        typer.echo(f"nonmun: {opened.complaint}", err=True)
    return opened.snapshot


def filters_of(
    since: date | None,
    until: date | None,
    min_votes: int | None,
    author: list[str] | None,
    section: list[str] | None,
) -> Filters:
    """What the options ask of papers and passages."""
    from rag.filters import Filters

    return Filters(since, until, min_votes, tuple(author or ()), tuple(section or ()))
