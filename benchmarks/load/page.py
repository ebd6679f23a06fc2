"""The section on load."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.load.questions import of_file, of_titles
from benchmarks.load.scenarios import Bench, Scenario, run
from index.store import Store

_TITLES = {
    Scenario.THROUGHPUT: "Throughput",
    Scenario.OVERHEAD: "What HTTP adds",
    Scenario.OVERLOAD: "Overload",
    Scenario.MIXED: "All requests while versions are switched",
    Scenario.SLOW: "Slow clients",
    Scenario.LEAVING: "Clients that leave",
    Scenario.CONNECTIONS: "Idle connections",
}


def section(
    data: Path,
    evaluation: Path | None,
    scenarios: Iterable[Scenario] = tuple(Scenario),
    seconds: float | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run scenarios and write what they measured; the arguments are those of `parts`."""
    return "\n\n".join(parts(data, evaluation, scenarios, seconds, variables))


def parts(
    data: Path,
    evaluation: Path | None,
    scenarios: Iterable[Scenario],
    seconds: float | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Run one scenario after the other; each is told as soon as it is measured.

    Args:
        data: Published versions, two where they are to be switched; only read.
        evaluation: A folder with `questions.jsonl`; `None` asks the titles of the index.
        scenarios: Which.
        seconds: How long each lasts; `None` leaves it to each.
        variables: Settings of the service, as environment variables.
    """
    texts = of_file(evaluation) if evaluation else of_titles(Store(data).open_live())
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(data, texts, Path(scratch), seconds, variables or {})
        for one in scenarios:
            yield f"### {_TITLES[one]}\n\n{run(one, bench)}"
