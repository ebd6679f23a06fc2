"""Which papers of very many a map shows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from index.arrays import evenly

MOST = 50_000  # papers: 15 MB to send, 5 packed; more points can't be told apart
NEWEST = 5_000  # of them: what readers look for first


def shown(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of more papers than MOST the NEWEST, and of all others as many as there is room for."""
    if len(rows) <= MOST:
        return rows
    older, newest = rows[:-NEWEST], rows[-NEWEST:]
    return np.concatenate([older[evenly(len(older), MOST - NEWEST)], newest])
