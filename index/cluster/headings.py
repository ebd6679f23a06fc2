"""What a map of a cluster's papers says of each: kept with a version, for it shows them all."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from index.projection import shown
from index.snapshot import Heading, Snapshot

FILE = "cluster/headings.msgpack"

Ints = npt.NDArray[np.int64]


class Headings(NamedTuple):
    """Of some papers, or of all.

    Attributes:
        rows: (papers,) ascending.
        headings: Of each.
    """

    rows: Ints
    headings: list[Heading]


class _Kept(msgspec.Struct):
    rows: list[int]
    headings: list[Heading]


def headings_files(snapshot: Snapshot) -> dict[str, bytes]:
    """What `read_headings` reads, by name in a snapshot's folder."""
    rows = shown(np.arange(len(snapshot)))
    kept = _Kept(rows.tolist(), snapshot.headings(rows.tolist()))
    return {FILE: msgspec.msgpack.encode(kept)}


def read_headings(folder: Path) -> Headings:
    """Read what `headings_files` gave.

    Raises:
        OSError: It can't be read.
        ValueError: It is something else.
    """
    kept = msgspec.msgpack.decode((folder / FILE).read_bytes(), type=_Kept)
    return Headings(np.array(kept.rows, np.int64), kept.headings)
