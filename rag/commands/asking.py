"""Commands that ask the live version something."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.clock import Clock
from rag.commands.options import (
    Author,
    Data,
    Json,
    MinVotes,
    Profile,
    Section,
    Since,
    TopK,
    Until,
    filters_of,
    open_searcher,
    open_snapshot,
    settings_of,
)

if TYPE_CHECKING:
    from rag.search import Searcher


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

    searcher, _ = open_searcher(data, profile)
    filters = filters_of(since, until, min_votes, author, section)
    clock = Clock()
    found = searcher.search(query, top_k, None, filters)
    printing.found(found, searcher.snapshot.version, clock.ms(), as_json)


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
    from rag.composing import open_composer

    searcher, settings = open_searcher(data, profile)
    filters = filters_of(since, until, min_votes, author, section)
    clock = Clock()
    composer = open_composer(settings.generate.settings())
    asked = run_ask(searcher, question, top_k, filters, settings.answer, composer)
    printing.asked(asked, searcher.snapshot.version, clock.ms(), as_json)


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
    reading_list: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="A reading list to be like: a paper a line, by its id or address; - is standard"
            " input.",
        ),
    ] = None,
    top_k: TopK = None,
    since: Since = None,
    until: Until = None,
    min_votes: MinVotes = None,
    author: Author = None,
    section: Section = None,
    diversity: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="How different from each other the papers are to be."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find papers like these, unlike those.

    With --from and --since yesterday it is mail for a cron job: the papers of that day or later
    that are most like those on the list, and nothing at all where there are none. A line of the
    list begins with the paper; what follows after a space, empty lines and lines that begin with #
    are left out.
    """
    from rag import printing_similar as printing
    from rag.similar import similar as run_similar

    searcher, _ = open_searcher(data, profile)
    filters = filters_of(since, until, min_votes, author, section)
    wanted = [*(ids or []), *(_listed(searcher, reading_list) if reading_list else ())]
    clock = Clock()
    found = run_similar(searcher, wanted, not_ids or [], text, top_k, filters, diversity)
    version = searcher.snapshot.version
    if reading_list and not as_json:
        printing.recommended(found, searcher)
    else:
        printing.similar(found, version, clock.ms(), as_json)


def _listed(searcher: Searcher, path: Path) -> tuple[str, ...]:
    """The papers of a reading list; those that are not here are told on standard error."""
    from rag.printing_similar import unknown
    from rag.reading_list import read_list

    def id_of(name: str) -> str | None:
        row = searcher.row_of(name)
        return None if row is None else searcher.snapshot.ids[row]

    found = read_list(path, id_of)
    unknown(found, path)
    return found.ids


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

    snapshot = open_snapshot(Store(settings_of(data, profile).data))
    glossary = snapshot.glossary
    found = glossary.entries if text is None else glossary.search(text)
    printing.terms(found, top_k, len(glossary.entries), snapshot.version, as_json)


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
    from index.questions import read_questions
    from rag import printing_evaluation as printing
    from rag.evaluation import evaluate as run_evaluate
    from rag.printing_building import BuildProgress
    from rag.self_evaluation import score_all_own

    if files:
        questions = read_questions(files)
        searcher, settings = open_searcher(data, profile)
        printing.scores(run_evaluate(searcher, questions, settings.answer), as_json)
        return
    searcher, settings = open_searcher(data, profile)
    with BuildProgress() as progress:
        found = score_all_own(searcher.snapshot, settings.search, progress)
    printing.own(found, searcher.snapshot.version, as_json)
