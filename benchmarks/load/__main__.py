"""Load on a service of an index: `python -m benchmarks.load --data DIR [SCENARIO...]`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.load.page import parts
from benchmarks.load.scenarios import Scenario
from benchmarks.table import machine
from index.build import build
from index.store import Store


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--data", type=Path, help="published versions; they are only read")
    given.add_argument("--corpus", type=Path, help="digests, to make an index of first")
    parser.add_argument("--eval", type=Path, help="a folder with questions.jsonl")
    parser.add_argument("--seconds", type=float, help="how long a scenario lasts; else its own")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the service, as an environment variable",
    )
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(Scenario)}; else all"
    )
    options = parser.parse_args()
    try:
        scenarios = [Scenario(one) for one in options.scenarios] or list(Scenario)
    except ValueError as error:
        parser.error(f"{error}; there are: {', '.join(Scenario)}")
    variables = dict(one.partition("=")[::2] for one in options.set)
    with tempfile.TemporaryDirectory() as folder:
        data = options.data
        if options.corpus:
            data = Path(folder) / "data"
            build([options.corpus], Store(data))
        print(f"## Load\n\n{machine()}")
        for part in parts(data, options.eval, scenarios, options.seconds, variables):
            print(f"\n{part}", flush=True)


if __name__ == "__main__":
    main()
