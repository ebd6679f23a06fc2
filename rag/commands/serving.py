"""The command that serves."""

from __future__ import annotations

from typing import Annotated

import typer

from index.errors import SettingsError
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
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes; they share the index.  [else: 1]"),
    ] = None,
) -> None:
    """Serve the index over HTTP, to this machine; to others with keys."""
    from rag import printing
    from rag.service.server import serve as run_serve

    options = {"host": host, "port": port, "workers": workers}
    given = {name: value for name, value in options.items() if value is not None}
    settings = settings_of(data, profile, server=given or None)
    run_serve(settings, printing.serving)


def key(
    name: Annotated[str, typer.Argument(help="What the key is called in settings and logs.")],
    admin: Annotated[
        bool, typer.Option("--admin", help="It may also build, switch versions and cancel.")
    ] = False,
) -> None:
    """Make a key for the service: it is shown once, settings keep its hash."""
    from rag import printing_keys
    from rag.service.keys import digest, make_key
    from rag.settings.server import Key, Scope

    made = make_key()
    scope = Scope.ADMIN if admin else Scope.SEARCH
    try:
        setting = Key(name=name, sha256=digest(made), scopes=frozenset({scope}))
    except ValueError:
        raise SettingsError(
            f"a key's name has up to 64 letters, digits, dots, dashes; not {name!r}"
        ) from None
    printing_keys.made(made, setting)
