"""The command `nonmun`: its commands, and how its errors look."""

from __future__ import annotations

import io
import sys
from importlib import metadata
from typing import Annotated, NoReturn

import typer

from index.errors import NonmunError, SettingsError
from rag.commands import asking, building, checking, forgetting, serving
from rag.commands.stopping import TERMINATED

_WRONG = 2  # so does what is wrong on the command line: to try again is no use
_INTERRUPTED = 130  # what typer exits with after Ctrl-C

app = typer.Typer(
    name="nonmun",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nonmun {metadata.version('nonmun')}")
        raise typer.Exit


@app.callback()
def nonmun(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Ask questions in any language over Korean summaries of research papers."""


app.command()(building.build)
app.command()(asking.search)
app.command()(asking.ask)
app.command()(asking.similar)
app.command()(asking.terms)
app.command()(checking.check)
app.command()(serving.serve)
app.command()(serving.key)
app.command(name="eval")(asking.evaluate)
app.command()(building.versions)
app.command()(building.rollback)
app.command()(building.push)
app.command()(building.verify)
app.command()(forgetting.forget)


def main() -> None:
    """Run the command; an error is one line and an exit status, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show Hangul
    try:
        app()
    except SettingsError as error:
        _fail(str(error), _WRONG)
    except NonmunError as error:
        _fail(str(error))
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        sys.stderr.close()
        sys.exit(1)
    except SystemExit as stop:
        if stop.code in (_INTERRUPTED, TERMINATED):
            typer.echo("nonmun: stopped", err=True)
        raise


def _fail(reason: str, status: int = 1) -> NoReturn:
    typer.echo(f"nonmun: {reason}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
