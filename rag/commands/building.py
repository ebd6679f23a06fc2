"""Commands that make and choose versions of the index."""

from __future__ import annotations

from typing import Annotated

import typer

from rag.commands.options import Data, Json, Profile, Sources, settings_of


def build(
    sources: Sources,
    data: Data = None,
    profile: Profile = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compute everything anew, carry nothing over.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what would change, and change nothing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Publish nothing if anything could not be read.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read digests and publish a version of the index.

    The sources together are the whole corpus: a paper that is in none of them is left out.
    What has not changed since the live version is carried over.
    """
    from index.build import build as run_build
    from index.build import read_sources
    from index.plan import make_plan
    from index.store import Store
    from rag import printing_building as printing

    settings = settings_of(data, profile)
    store = Store(settings.data)
    with printing.BuildProgress() as progress:
        if plan:
            reading = read_sources(sources, strict, progress)
            planned = make_plan(reading.papers, store.usable_live())
        else:
            built = run_build(
                sources,
                store,
                settings.building(),
                full=full,
                strict=strict,
                progress=progress,
            )
    if plan:
        printing.plan(planned, reading, as_json)
    else:
        printing.built(built, as_json)


def versions(data: Data = None, profile: Profile = None, as_json: Json = False) -> None:
    """List the published versions of the index."""
    from index.store import Store
    from rag import printing

    printing.versions(Store(settings_of(data, profile).data).versions(), as_json)


def rollback(
    version: Annotated[str, typer.Argument(help="A version that `nonmun versions` lists.")],
    data: Data = None,
    profile: Profile = None,
) -> None:
    """Make another published version live.

    A running service follows by itself.
    """
    from index.store import Store

    Store(settings_of(data, profile).data).activate(version)
    typer.echo(f"live: {version}")
