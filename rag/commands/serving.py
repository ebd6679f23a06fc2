"""The command that serves."""

from __future__ import annotations

from typing import Annotated

import typer

from rag.commands.options import Data, Profile, settings_of


def serve(
    data: Data = None,
    profile: Profile = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.  [else: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.  [else: 8000]")
    ] = None,
) -> None:
    """Serve the index over HTTP."""
    from rag import printing
    from rag.service.server import serve as run_serve

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings_of(data, profile, server=given or None)
    run_serve(settings, printing.serving)
