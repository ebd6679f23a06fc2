"""Commands that make and choose versions of the index."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index.batch.base import BatchKind
from rag.commands.options import Data, Json, Profile, Sources, settings_of
from rag.commands.stopping import clean_when_terminated

if TYPE_CHECKING:
    from index.digests import Reading
    from index.journal import Journal, Recorder
    from index.settings import BuildOptions
    from rag.settings import Settings


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
    keep_missing: Annotated[
        bool,
        typer.Option("--keep-missing", help="Keep papers that are in no source any more."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Publish a version even if it fails its checks.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Build again whenever a digest changes, until Ctrl-C.")
    ] = False,
    on: Annotated[
        BatchKind | None,
        typer.Option("--on", help="Who does the work: this process, or workers of Ray."),
    ] = None,
    as_json: Json = False,
    name: Annotated[
        str | None, typer.Option("--id", hidden=True, help="Of a build that a service records.")
    ] = None,
) -> None:
    """Read digests and publish a version of the index.

    The sources together are the whole corpus: a paper that is in none of them is left out.
    What has not changed since the live version is carried over. Before it is published the
    new version is checked; one that fails is kept aside, and the live one stays.
    """
    with clean_when_terminated():
        from index.journal import FOLDER, Journal
        from index.settings import BuildOptions

        batch = {"kind": on} if on else None
        settings = settings_of(data, profile, batch=batch)
        options = BuildOptions(full, strict, keep_missing, force)
        if watch:
            _watch(sources, settings, plan or full)
            return
        if plan:
            _plan(sources, settings, options, as_json)
            return
        with _begin(Journal(settings.data / FOLDER), name) as recorder:
            _build(sources, settings, recorder, options, as_json)


def _watch(sources: list[str], settings: Settings, once: bool) -> None:
    from index.store import Store
    from rag.commands.watching import watch

    if once:
        raise typer.BadParameter("goes neither with --plan nor with --full", param_hint="--watch")
    words = [word for word in sys.argv[1:] if word != "--watch"]
    golden = [Path(settings.build.golden)] if settings.build.golden else []
    watch(sources, [Store(settings.data).forgotten.path, *golden], words)


def _begin(journal: Journal, name: str | None) -> Recorder:
    try:
        return journal.begin(name)
    except OSError as error:  # no reason not to build
        reason = (error.strerror or str(error)).lower()
        typer.echo(f"nonmun: no record is kept in {journal.folder}: {reason}", err=True)
        return journal.unwritten()


def _build(
    sources: list[str],
    settings: Settings,
    recorder: Recorder,
    options: BuildOptions,
    as_json: bool,
) -> None:
    from index.beside import Beside, pays

    # Before anything that takes time to import: it has as much to load.
    starts = not options.full and pays(settings.data)
    with Beside() if starts else nullcontext() as beside:
        from index.build import build as run_build
        from index.errors import ChecksFailedError
        from index.progress import Both
        from index.report import Report
        from index.store import Store
        from rag import printing_building as printing

        def on_read(reading: Reading) -> None:
            recorder.problems([asdict(problem) for problem in reading.problems])

        def on_published(version: str, report: Report) -> None:
            recorder.done(version, asdict(report))

        try:
            with printing.BuildProgress() as bar:
                built = run_build(
                    sources,
                    Store(settings.data),
                    settings.building(),
                    options,
                    progress=Both(recorder, bar),
                    on_read=on_read,
                    on_published=on_published,
                    beside=beside,
                )
        except ChecksFailedError as error:
            report = Report.read(error.aside)
            recorder.failed(str(error), asdict(report) if report else None)
            raise
    printing.built(built, as_json)
    _publish(settings)


def _publish(settings: Settings) -> None:
    """Let the cluster that the settings name, if they do, serve what is live here."""
    cluster = settings.cluster.settings()
    if cluster is None:
        return
    from index.cluster.publishing import publish
    from index.store import Store
    from rag import printing_building as printing

    with printing.BuildProgress() as bar:
        published = publish(Store(settings.data), cluster, bar)
    printing.published(published, settings.cluster.uri)


def push(data: Data = None, profile: Profile = None) -> None:
    """Write the live version into the cluster of the profile, and make it live there.

    A build and a rollback do so by themselves; this is for a cluster that could not be reached
    then, or is new.
    """
    settings = settings_of(data, profile)
    if settings.cluster.settings() is None:
        from index.errors import SettingsError

        raise SettingsError("setting cluster.uri is empty: there is no cluster to write to")
    _publish(settings)


def _plan(sources: list[str], settings: Settings, options: BuildOptions, as_json: bool) -> None:
    from index.sources import plan_build
    from index.store import Store
    from rag import printing_building as printing

    with printing.BuildProgress() as bar:
        planned, reading = plan_build(sources, Store(settings.data), options, bar)
    printing.plan(planned, reading, as_json)


def versions(
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="Print the report of its build.")
    ] = None,
    data: Data = None,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """List the published versions of the index, or print the report of one."""
    from index.journal import FOLDER, Journal
    from index.store import Store
    from rag import printing_versions as printing

    folder = settings_of(data, profile).data
    store = Store(folder)
    if version is not None:
        aside = version.partition("-")[2]
        printing.report(store.failed(version) if aside else store.version(version), as_json)
        return
    builds = Journal(folder / FOLDER).all()
    last = builds[0] if builds else None
    printing.versions(store.versions(), last, as_json, store.live())


def rollback(
    version: Annotated[str, typer.Argument(help="A version that `nonmun versions` lists.")],
    data: Data = None,
    profile: Profile = None,
) -> None:
    """Make another published version live.

    A running service follows by itself.
    """
    from index.store import Store

    settings = settings_of(data, profile)
    Store(settings.data).activate(version)
    typer.echo(f"live: {version}")
    _publish(settings)


def verify(
    version: Annotated[
        str | None,
        typer.Argument(metavar="VERSION", help="One that `nonmun versions` lists.  [else: live]"),
    ] = None,
    data: Data = None,
    profile: Profile = None,
) -> None:
    """Compare every file of a version with its checksum.

    Small versions are compared whenever they are opened, large ones only in part; a service
    compares the rest while it answers.
    """
    from index.store import Store

    store = Store(settings_of(data, profile).data)
    opened = store.open_live(whole=True) if version is None else store.open_whole(version)
    files = opened.manifest.files.values()
    size = sum(file["bytes"] for file in files)
    typer.echo(f"{opened.version}: {len(files)} files of {size:,} bytes are as they were published")
