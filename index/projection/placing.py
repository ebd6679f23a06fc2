"""New papers among those that are laid out: each near those that it is most like."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_NEIGHBOURS = 10
_SHARPNESS = 8.0  # how much more the most similar count
_REACH = 0.12  # from the neighbour that most of the others are near; those beyond don't count
_OFFSET = 0.004  # papers that lie in one place can't be told apart
_TURN = np.pi * (3 - np.sqrt(5))  # the golden angle: no two of a few fall together


def place(alike: Floats, places: Floats) -> Floats:
    """Place papers by the laid-out ones that they are most like.

    Neighbours may lie in two parts of the layout, and their mean between the two, where
    nothing is; so only those count that lie near the one that most of them are near.

    Args:
        alike: How like each laid-out paper each new one is: (new, known).
        places: Where those lie: (known, 2).

    Returns:
        (new, 2), in [-1, 1].
    """
    return told_apart(among(alike, places), places)


def among(alike: Floats, places: Floats) -> npt.NDArray[np.float64]:
    """The same, but for papers that come to lie where others do."""
    found = np.empty((len(alike), 2))
    for row, rows in enumerate(_nearest(alike, min(_NEIGHBOURS, len(places)))):
        weights = np.exp(_SHARPNESS * (alike[row, rows] - alike[row, rows[0]])).astype(np.float64)
        around = places[rows].astype(np.float64)
        apart = np.linalg.norm(around[:, None] - around[None], axis=2)
        near = apart <= _REACH
        chosen = near[int((near @ weights).argmax())] * weights
        found[row] = chosen @ around / chosen.sum()
    return found


def _nearest(alike: Floats, count: int) -> Iterator[npt.NDArray[np.int64]]:
    """Of each row the columns with the highest values, highest first, of equals the first."""
    least = np.partition(alike, -count, axis=1)[:, -count]
    for row, value in zip(alike, least, strict=True):
        columns = np.flatnonzero(row >= value)
        yield columns[np.argsort(-row[columns], kind="stable")[:count]]


def told_apart(found: npt.NDArray[np.float64], places: Floats) -> Floats:
    """Move each a little, outwards in a spiral until nothing lies there."""
    taken = {(x, y) for x, y in places.tolist()}
    placed = np.empty((len(found), 2), np.float32)
    for row, (x, y) in enumerate(found.tolist()):
        step = 0
        while True:
            angle, radius = (row + step) * _TURN, _OFFSET * np.sqrt(1 + step)
            moved = np.array([x + radius * np.cos(angle), y + radius * np.sin(angle)])
            placed[row] = np.clip(moved, -1, 1)
            spot = (float(placed[row, 0]), float(placed[row, 1]))
            step += 1
            if spot not in taken:
                break
        taken.add(spot)
    return placed
