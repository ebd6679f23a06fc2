"""The command that forgets."""

from __future__ import annotations

from typing import Annotated

import typer

from rag.commands.options import Data, Profile, settings_of


def forget(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Papers: arXiv numbers, addresses, ids."),
    ] = None,
    authors: Annotated[
        list[str] | None,
        typer.Option(
            "--author",
            metavar="NAME",
            help="Forget all papers that name this author, in any case; may be repeated.",
        ),
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take these papers and authors off the list.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show what is forgotten.")] = False,
    data: Data = None,
    profile: Profile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Forget papers, or all papers of an author.

    They are gone from results at once, in every version and in a running service too, and every
    later build leaves them out. Versions that are published keep their text until they are
    removed.
    """
    from index.store import Store
    from rag import forgetting
    from rag import printing_forgetting as printing
    from rag.errors import ForgetError

    names = ids or [], authors or []
    if listed and (any(names) or undo):
        raise ForgetError("--list goes without a paper, an author and --undo")
    settings = settings_of(data, profile)
    store = Store(settings.data)
    cluster = settings.cluster.settings()
    if cluster is not None and not listed and store.live() is None:
        # The cluster is told the whole list: another one would take back what is forgotten there.
        raise ForgetError(
            f"nothing is published in {settings.data}: with a cluster in the profile, forget where"
            " the index is built"
        )
    if listed:
        printing.listed(store.forgotten.entries(), as_json)
    elif undo:
        printing.took_back(forgetting.take_back(store, *names), as_json)
    else:
        printing.forgot(forgetting.forget(store, *names), as_json)
    if cluster is not None and not listed:
        from index.cluster.publishing import forget as forget_there

        forget_there(store, cluster)
