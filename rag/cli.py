"""The command `nonmun`. A command parses, calls the package, prints."""

from __future__ import annotations

import io
import sys
from datetime import date, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from index.errors import NonmunError
from rag.bounds import MAX_TOP_K
from rag.clock import Clock

if TYPE_CHECKING:
    from rag.filters import Filters
    from rag.search import Searcher
    from rag.settings import Settings

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
Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Papers of this day or later."),
]
Until = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Papers of this day or earlier."),
]
MinVotes = Annotated[int | None, typer.Option(min=0, help="Papers with so many votes or more.")]
Author = Annotated[list[str] | None, typer.Option(help="Papers by this author; may be repeated.")]
Section = Annotated[
    list[str] | None, typer.Option(help="Passages of this section; may be repeated.")
]
Sources = Annotated[
    list[str], typer.Argument(metavar="SOURCE", help="Directories, files or globs of digests.")
]


@app.command()
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

    settings = _settings(data, profile)
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


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for, in any language.")],
    data: Data = None,
    profile: Profile = None,
    top_k: TopK = None,
    since: Since = None,
    until: Until = None,
    min_votes: MinVotes = None,
    author: Author = None,
    section: Section = None,
    as_json: Json = False,
) -> None:
    """Find papers and passages."""
    from rag import printing

    searcher, _ = _open(data, profile)
    filters = _filters(since, until, min_votes, author, section)
    clock = Clock()
    found = searcher.search(query, top_k, None, filters)
    printing.found(found, searcher.snapshot.version, clock.ms(), as_json)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in any language.")],
    data: Data = None,
    profile: Profile = None,
    top_k: TopK = None,
    since: Since = None,
    until: Until = None,
    min_votes: MinVotes = None,
    author: Author = None,
    section: Section = None,
    as_json: Json = False,
) -> None:
    """Answer a question, or say that nothing here does."""
    from rag import printing
    from rag.answer import ask as run_ask

    searcher, settings = _open(data, profile)
    filters = _filters(since, until, min_votes, author, section)
    clock = Clock()
    asked = run_ask(searcher, question, top_k, filters, settings.answer)
    printing.asked(asked, searcher.snapshot.version, clock.ms(), as_json)


@app.command()
def similar(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Papers to be like.")
    ] = None,
    data: Data = None,
    profile: Profile = None,
    not_ids: Annotated[
        list[str] | None, typer.Option("--not", help="A paper to stay away from; may be repeated.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="An abstract or notes to be like.")
    ] = None,
    top_k: TopK = None,
    since: Since = None,
    until: Until = None,
    min_votes: MinVotes = None,
    author: Author = None,
    section: Section = None,
    as_json: Json = False,
) -> None:
    """Find papers like these, unlike those."""
    from rag import printing
    from rag.similar import similar as run_similar

    searcher, _ = _open(data, profile)
    filters = _filters(since, until, min_votes, author, section)
    clock = Clock()
    found = run_similar(searcher, ids or [], not_ids or [], text, top_k, filters)
    printing.similar(found, searcher.snapshot.version, clock.ms(), as_json)


@app.command()
def terms(
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="Show the terms of this text only.")
    ] = None,
    data: Data = None,
    profile: Profile = None,
    top_k: Annotated[int, typer.Option("--top-k", min=1, help="How many terms.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what terms are called in English and Korean.

    Without TEXT, the most frequent terms of the live version. A term has to be used by two papers
    or more, with a translation or an acronym.
    """
    from index.store import Store
    from rag import printing

    snapshot = Store(_settings(data, profile).data).open_live()
    glossary = snapshot.glossary
    found = glossary.entries if text is None else glossary.search(text)
    printing.terms(found, top_k, len(glossary.entries), snapshot.version, as_json)


@app.command()
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
    settings = _settings(data, profile, server=given or None)
    run_serve(settings, printing.serving)


@app.command(name="eval")
def evaluate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Question files, JSON Lines.  [else: its own]"),
    ] = None,
    data: Data = None,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Score the live version on questions.

    A row has a "query" and one of "paper" (the one that answers), "relevant" (paper to
    grade) or "kind" (nothing here answers); "lang" and "section" may be there.

    Without files the corpus asks itself, with no labels from anybody: papers by their English
    titles, by a sentence, and by rare terms.
    """
    from rag import printing_evaluation as printing
    from rag.evaluation import evaluate as run_evaluate
    from rag.printing_building import BuildProgress
    from rag.questions import read_questions
    from rag.self_evaluation import score_all_own

    if files:
        questions = read_questions(files)
        searcher, settings = _open(data, profile)
        printing.scores(run_evaluate(searcher, questions, settings.answer), as_json)
        return
    searcher, settings = _open(data, profile)
    with BuildProgress() as progress:
        found = score_all_own(searcher.snapshot, settings.search, progress)
    printing.own(found, searcher.snapshot.version, as_json)


@app.command()
def versions(data: Data = None, profile: Profile = None, as_json: Json = False) -> None:
    """List the published versions of the index."""
    from index.store import Store
    from rag import printing

    printing.versions(Store(_settings(data, profile).data).versions(), as_json)


@app.command()
def rollback(
    version: Annotated[str, typer.Argument(help="A version that `nonmun versions` lists.")],
    data: Data = None,
    profile: Profile = None,
) -> None:
    """Make another published version live.

    A running service follows by itself.
    """
    from index.store import Store

    Store(_settings(data, profile).data).activate(version)
    typer.echo(f"live: {version}")


def main() -> None:
    """Run the command; an error is one line and an exit status, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show Hangul
    try:
        app()
    except NonmunError as error:
        _fail(str(error))
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        sys.stderr.close()
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:
            typer.echo("nonmun: stopped", err=True)
        raise


def _fail(reason: str) -> NoReturn:
    typer.echo(f"nonmun: {reason}", err=True)
    sys.exit(1)


def _settings(data: Path | None, profile: Path | None, **options: Any) -> Settings:
    from rag.settings import load_settings

    return load_settings(profile, data=data, **options)


def _open(data: Path | None, profile: Path | None) -> tuple[Searcher, Settings]:
    from index.store import Store
    from rag.search import Searcher

    settings = _settings(data, profile)
    snapshot = Store(settings.data).open_live()
    return Searcher(snapshot, settings.search, settings.rerank), settings


def _filters(
    since: datetime | None,
    until: datetime | None,
    min_votes: int | None,
    author: list[str] | None,
    section: list[str] | None,
) -> Filters:
    from rag.filters import Filters

    def day(moment: datetime | None) -> date | None:
        return moment.date() if moment else None

    return Filters(day(since), day(until), min_votes, tuple(author or ()), tuple(section or ()))


if __name__ == "__main__":
    main()
