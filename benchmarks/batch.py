"""A build's encoding by workers of Ray, against the same in one process, by turns.

`python -m benchmarks.batch DATA [--passages 2000 10000] [--workers 2]`, where DATA holds a
published index: its passages are encoded anew. The extra `nonmun[cluster]` has to be installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.table import machine, publish, table
from index.batch import BatchKind, BatchSettings, open_pool
from index.batch.encoding import Encoders, SpreadEncoding
from index.encoders import EncoderSettings, LateSettings
from index.encoding import Encoding
from index.late import TokenSpace
from index.store import Store


class _Run(NamedTuple):
    seconds: float
    vectors: npt.NDArray[np.float32]
    tokens: list[npt.NDArray[np.uint16]]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("data", type=Path, help="a data folder with a published index")
    parser.add_argument("--passages", type=int, nargs="+", default=[2_000, 10_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", type=Path, help="the page to put it in; else it is printed")
    options = parser.parse_args()
    snapshot = Store(options.data).open_live()
    space = snapshot.learned.tokens
    encoders = Encoders(
        EncoderSettings.from_json(snapshot.manifest.encoder),
        LateSettings.from_json(snapshot.manifest.late),
    )
    local = encoders.open()
    begin = perf_counter()
    with open_pool(BatchSettings(BatchKind.RAY, workers=options.workers)) as pool:
        if pool is None:
            raise TypeError("no pool")
        started = perf_counter() - begin
        spread = SpreadEncoding(pool, encoders, local.encoder, local.late_encoder)
        rows = []
        for most in options.passages:
            count = min(most, snapshot.manifest.passages)
            texts = [snapshot.passage(row).text for row in range(count)]
            here, there = _encode(local, texts, space), _encode(spread, texts, space)
            pairs = zip(here.tokens, there.tokens, strict=True)
            other = sum(int((a[:, 0] != b[:, 0]).sum()) for a, b in pairs)
            rows.append(
                [
                    f"{count:,}",
                    f"{here.seconds:.1f} s",
                    f"{there.seconds:.1f} s",
                    f"{here.seconds / there.seconds:.2f}",
                    f"{float(np.abs(here.vectors - there.vectors).max()):.1e}",
                    f"{other} of {sum(map(len, here.tokens)):,}",
                ]
            )
    said = f"To start Ray took {started:.1f} s, once a build."
    head = [
        "passages",
        "in one process",
        f"{options.workers} workers",
        "times",
        "values of vectors differ by at most",
        "tokens with another centroid",
    ]
    publish("\n\n".join([machine(), table(head, rows), said]), options.write, "benchmarks.batch")


def _encode(encoding: Encoding, texts: Sequence[str], space: TokenSpace | None) -> _Run:
    begin = perf_counter()
    vectors = np.empty((len(texts), encoding.encoder.dimension), np.float32)
    tokens = [np.zeros((0, 3), np.uint16)] * len(texts)
    for block in encoding.encode(texts, space, lambda _: None):
        vectors[block.rows] = block.vectors
        for at, row in enumerate(block.rows.tolist()):
            if block.tokens is not None:
                tokens[row] = block.tokens.row(at).copy()
    return _Run(perf_counter() - begin, vectors, tokens)


if __name__ == "__main__":
    main()
