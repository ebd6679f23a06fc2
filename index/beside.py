"""Work beside a build, in a process of its own: what another CPU can do meanwhile.

To analyse sixteen new papers takes a tenth of a second, but to load the analyser takes one; and
to mine the glossary takes another, which nothing else waits for. Summaries are compared there too.
"""

from __future__ import annotations

import gc
import logging
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from index.manifest import LAYOUT, LIVE, VERSIONS
from index.threads import cpu_count

if TYPE_CHECKING:  # the process is started before a build imports what it needs itself
    from index.glossary import Glossary
    from index.lexical import Analysis
    from index.papers import Paper
    from index.quality import Finding

MOST_TEXTS = 2_000  # to send more takes longer than to analyse them here
_LARGE = 2_000_000  # bytes of papers; with fewer, the process takes longer than it saves

log = logging.getLogger(__name__)


def pays(data: Path) -> bool:
    """Whether a build on top of what is published in a folder would gain by it."""
    try:
        live = (data / LIVE).read_text(encoding="utf-8").strip()
        size = (data / VERSIONS / live / LAYOUT.papers).stat().st_size
    except (OSError, ValueError):
        return False
    return size >= _LARGE and cpu_count() > 1


class Read(NamedTuple):
    """What is found in papers, as it comes."""

    glossary: Future[Glossary]
    duplicates: Future[list[Finding]]


class Beside:
    """A process that loads the analyser at once, and then does what it is given, in order.

    It ends with this process, however that ends.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "index.beside"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._closing = False
        # One thread: it writes what may be long while the process is not yet reading.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="beside")

    def analyze(self, texts: Sequence[str]) -> Future[list[Analysis]]:
        """Analyse texts."""
        return self._thread.submit(self._do, "analyze", list(texts))

    def read(self, papers: Sequence[Paper]) -> Read:
        """Mine a glossary from papers, and find summaries that stand in others.

        The texts are sent once: to pickle them takes as long as to mine them.
        """
        texts = [(p.id, [(section.name, section.text) for section in p.sections]) for p in papers]
        mined = self._thread.submit(self._do, "mine", texts)
        return Read(mined, self._thread.submit(self._do, "compare", None, texts))

    def close(self) -> None:
        """End the process, whatever it does."""
        self._closing = True
        self._process.kill()
        self._thread.shutdown(wait=True, cancel_futures=True)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):  # what was not sent any more
                    pipe.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, task: str, given: Any, again: Any = None) -> Any:
        """Have something done; what was given before and is needed again is not sent twice."""
        if not self._process.stdin or not self._process.stdout:
            raise ValueError("the process has no pipes")
        try:
            pickle.dump((task, given), self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            return pickle.load(self._process.stdout)  # noqa: S301 - from our own process
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            if self._closing:
                raise
            # Such as one that was ended because memory is short: it is done here.
            log.warning("the process beside the build has ended: %r", error)
            return _do(task, given if again is None else again)


def _do(task: str, given: Any) -> Any:
    if task == "analyze":
        from index.lexical import analyzer

        return list(analyzer().analyze_all(given))
    if task == "compare":
        from index.quality import find_duplicates

        return find_duplicates([_bare(number, *one) for number, one in enumerate(given)])
    from index.glossary import Glossary

    return Glossary.mine([text for _, text in sections] for _, sections in given)


def _bare(number: int, name: str, sections: Sequence[tuple[str, str]]) -> Paper:
    """A paper of which only the text is known, and that it comes after those before it."""
    from index.papers import Paper, Section, Source

    place = Source(f"{number:09}", 0, 0)
    own = tuple(Section(title, text, place, ()) for title, text in sections)
    return Paper(name, "", "", None, (), None, (), False, None, own)


def main() -> None:
    """Do what is asked on standard input, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the build, which ends this
    gc.disable()  # a tenth of the time; it lives for seconds
    _do("analyze", ["준비"])
    last: Any = None
    while True:
        try:
            task, given = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the build
        except EOFError:
            return
        given = last = last if given is None else given
        pickle.dump(_do(task, given), sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
