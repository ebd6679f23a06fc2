"""Compare with txtai's API on an index: `python -m benchmarks.peers --data DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.peers import environment
from benchmarks.peers.comparing import section
from benchmarks.table import machine


def main() -> None:
    """Parse, install, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="published versions, only read")
    parser.add_argument("--eval", type=Path, help="a folder with questions.jsonl")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each number of clients")
    parser.add_argument(
        "--skip-install", action="store_true", help=f"take {environment.home()} as it is"
    )
    options = parser.parse_args()
    if not options.skip_install:
        environment.install()
    print(f"## Peers\n\n{machine()}\n\n{section(options.data, options.eval, options.seconds)}")


if __name__ == "__main__":
    main()
