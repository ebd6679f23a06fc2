"""Builds in forked processes, to be killed: all is loaded already, so that each takes moments.

Nothing here may start a thread before it forks: those of BLAS, OpenMP and Kiwi are not there in
the child, which would wait for them for ever.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kiwipiepy import Kiwi

from index.journal import FOLDER, BuildState, Journal
from index.lexical import Analyzer
from index.store import Store
from rag.cli import main
from tests.quick_encoder import use_quick_encoder

Hook = Callable[[], None]


class _Alone:
    """Kiwi on the thread that calls it."""

    def __init__(self) -> None:
        self._kiwi = Kiwi(num_workers=0, load_multi_dict=False, load_typo_dict=False)

    def tokenize(self, texts: str | Sequence[str]) -> list[Any]:
        if isinstance(texts, str):
            tokens: list[Any] = self._kiwi.tokenize(texts)
            return tokens
        return [self._kiwi.tokenize(text) for text in texts]


def prepare() -> None:
    """Load once what every build would load: an analyser without threads, an encoder of ours."""
    for module in ("index.build", "rag.settings", "rag.commands.building", "rag.printing_building"):
        importlib.import_module(module)
    patch = pytest.MonkeyPatch()
    use_quick_encoder(patch)
    analyzer = Analyzer(_Alone())
    analyzer.analyze("준비한다.")
    patch.setattr("index.analysing.Analyzer", lambda: analyzer)
    patch.setattr("index.lexical.lexicon.analyzer", lambda: analyzer)


def digest(folder: Path, day: int, text: str) -> None:
    """Write a day's digest of two papers."""
    folder.mkdir(parents=True, exist_ok=True)
    papers = [
        f"### [Paper {day}.{one}](https://arxiv.org/abs/2405.{day:02}00{one})\n\n"
        f"- **What's New**: {text} {one}번 논문이다.\n- **Technical Details**: 자세히 말한다.\n"
        for one in (1, 2)
    ]
    (folder / f"2024-05-{day:02}.md").write_text("\n".join(papers), encoding="utf-8")


class Ended(NamedTuple):
    """How a child ended.

    Attributes:
        status: Its exit status; minus the number of the signal that ended it.
        words: What it said on its standard error.
    """

    status: int
    words: str


def run(*words: str, hook: Hook | None = None, kill_after: float | None = None) -> Ended:
    """Run a command of nonmun in a child.

    Args:
        *words: Its words.
        hook: Called in the child before.
        kill_after: Seconds after which it is killed.
    """
    sys.stdout.flush()
    ear, mouth = os.pipe()  # no file: the disk may be full
    child = os.fork()
    if not child:
        status = 99
        try:
            status = _be_child(words, hook, mouth)
        finally:  # whatever happens, what the parent has begun is none of the child's business
            os._exit(status)
    os.close(mouth)
    if kill_after is not None:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, max(kill_after, 1e-4))
    try:
        with os.fdopen(ear, "rb") as said:
            heard = said.read().decode("utf-8", "replace")
        _, status = os.waitpid(child, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return Ended(os.waitstatus_to_exitcode(status), heard)


def _be_child(words: Sequence[str], hook: Hook | None, mouth: int) -> int:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    os.dup2(mouth, 2)
    os.close(mouth)
    sys.stdout, sys.stderr = (open(one, "w", closefd=False) for one in (1, 2))  # noqa: SIM115
    try:
        if hook:
            hook()
        sys.argv = ["nonmun", *words]
        main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()  # the child's end does not
        return 99
    return 0


def build(
    sources: Path, data: Path, hook: Hook | None = None, *, kill_after: float | None = None
) -> Ended:
    """Run `nonmun build` in a child."""
    return run("build", str(sources), "--data", str(data), hook=hook, kill_after=kill_after)


def faults(data: Path) -> list[str]:
    """What is wrong with a data folder after a build ended somehow; nothing, it should be."""
    found = []
    try:
        snapshot = Store(data).open_live()
        texts = [snapshot.passage(row).text for row in range(snapshot.manifest.passages)]
        if not all(texts):
            found.append("an empty passage")
    except Exception as error:
        found.append(f"the live version can't be opened: {error}")
    running = Journal(data / FOLDER).running()
    if running:
        found.append(f"build {running.id} is said to run")
    return found


def leftovers(data: Path) -> list[str]:
    """Files that a build that went well should have cleared away."""
    known = {"versions", "live", "build.lock", FOLDER, "failed"}
    found = [path.name for path in data.iterdir() if path.name not in known]
    return found + [path.name for path in (data / FOLDER).glob("*.new")]


def states(data: Path) -> list[BuildState]:
    """What became of the builds, newest first."""
    return [one.state for one in Journal(data / FOLDER).all()]


def report(found: object) -> None:
    """Print a line of JSON for whoever runs this."""
    print(json.dumps(found, ensure_ascii=False), flush=True)
