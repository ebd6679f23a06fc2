"""Spans of many texts at once: one array operation for all costs less than one for each."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Span = tuple[int, int]

_APART = 1 << 32  # from text to text, on the line that all texts are laid on; none is as long


def tuples(spans: Ragged) -> list[tuple[Span, ...]]:
    """The spans of each text."""
    every: list[Span] = list(map(tuple, spans.values.tolist()))
    return [tuple(every[start:end]) for start, end in pairwise(spans.offsets.tolist())]


def kept(rows: Ragged, mask: Mask) -> Ragged:
    """Those items of all rows that a mask has: (all,)."""
    counts = np.concatenate([[0], np.cumsum(mask)])
    return Ragged(rows.values[mask], counts[rows.offsets])


def touched(spans: Ragged, by: Ragged) -> Mask:
    """Which of the spans have a part in common with any of the others in the same text: (all,)."""
    starts, ends = _line(spans)
    first, last = _line(by)
    order = np.argsort(first, kind="stable")
    # Of those that begin before a span ends, does the one that ends last end after its start?
    furthest = np.concatenate([[-1], np.maximum.accumulate(last[order])])
    found: Mask = furthest[np.searchsorted(first[order], ends)] > starts
    return found


def merged(spans: Ragged) -> Ragged:
    """The spans of each text in order, those that touch or overlap made one."""
    starts, ends = _line(spans)
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    new = np.concatenate([[True], starts[1:] > ends[:-1]])[: len(starts)]
    firsts, lasts = starts[new], ends[np.roll(new, -1)]
    counts = np.bincount(firsts // _APART, minlength=len(spans))
    values = np.column_stack([firsts, lasts]) % _APART
    return Ragged(values, np.concatenate([[0], np.cumsum(counts)]))


def _line(spans: Ragged) -> tuple[Ints, Ints]:
    """Where spans begin and end if the texts are laid on one line, far from each other."""
    shifts = np.repeat(np.arange(len(spans)) * _APART, spans.lengths)
    return spans.values[:, 0] + shifts, spans.values[:, 1] + shifts
