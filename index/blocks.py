"""The greatest of many rows, text by text: what MaxSim spends its time on."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged

Ints = npt.NDArray[np.int64]

BLOCK = 16  # codes of a text that are compared at once
_AT_ONCE = 8  # blocks of a text
_PADDED = 4  # times the rows of groups that are brought to one length


class Blocks(NamedTuple):
    """The codes of texts in blocks of BLOCK, so that a maximum is taken of whole arrays.

    `np.maximum.reduceat` goes through the rows one by one, and no other thread of Python runs
    meanwhile; the maximum of whole arrays takes a third of the time, and lets others run. A text's
    last block is filled up with its last code: what counts twice changes no maximum.

    Attributes:
        codes: (blocks, BLOCK).
        offsets: (texts + 1,) where each text's blocks begin; the last is the end.
    """

    codes: npt.NDArray[np.uint16]
    offsets: Ints

    @classmethod
    def of(cls, texts: Ragged) -> Self:
        """Of the codes of some texts."""
        places, counts = _places(texts.offsets[:-1], texts.lengths, BLOCK)
        return cls(texts.values[places], np.concatenate([[0], np.cumsum(counts)]))

    def texts(self, rows: npt.NDArray[np.integer[Any]], lengths: Ints) -> Ragged:
        """The codes of some texts again, whose lengths blocks don't tell: (texts,)."""
        firsts, counts = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        codes = np.take(self.codes, _ranges(firsts, counts), axis=0).ravel()
        spare = counts * BLOCK - lengths
        own = np.ones(len(codes), np.bool_)
        own[_ranges(np.cumsum(counts) * BLOCK - spare, spare)] = False
        return Ragged(codes[own], np.concatenate([[0], np.cumsum(lengths)]))

    def greatest(
        self, table: npt.NDArray[np.uint8], rows: npt.NDArray[np.integer[Any]]
    ) -> npt.NDArray[np.uint8]:
        """The greatest of each column of a table among the codes of some texts.

        Args:
            table: (codes, columns).
            rows: Of the texts.

        Returns:
            (rows, columns); zeros for a text without codes.
        """
        firsts, counts = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        codes = np.take(self.codes, _ranges(firsts, counts), axis=0)
        found = np.maximum.reduce(np.take(table, codes.T, axis=0), axis=0)
        places, fewer = _places(np.cumsum(counts) - counts, counts, _AT_ONCE)
        found = np.maximum.reduce(np.take(found, places.T, axis=0), axis=0)
        return group_max(found, np.cumsum(fewer) - fewer, fewer)


def group_max(rows: npt.NDArray[Any], firsts: Ints, sizes: Ints) -> npt.NDArray[Any]:
    """The greatest of each group of rows, column by column; zeros for an empty group."""
    out = np.zeros((len(sizes), rows.shape[1]), rows.dtype)
    filled = np.flatnonzero(sizes)
    if not len(filled):
        return out
    firsts, sizes = firsts[filled], sizes[filled]
    widest = int(sizes.max())
    if rows.shape[1] == 1 or widest * len(sizes) > _PADDED * len(rows):
        out[filled] = np.maximum.reduceat(rows, firsts, axis=0)
        return out
    # As `Blocks`: filled up with their last rows, all groups are as long as the widest.
    places = np.minimum(firsts + np.arange(widest)[:, None], firsts + sizes - 1)
    out[filled] = np.maximum.reduce(np.take(rows, places, axis=0), axis=0)
    return out


def _places(firsts: Ints, sizes: Ints, width: int) -> tuple[Ints, Ints]:
    """Cut groups of rows into blocks: (blocks, width) rows, and how many blocks each group has.

    A group's last block is filled up with its last row.
    """
    counts = -(-sizes // width)
    begins = _ranges(firsts, counts, width)
    lasts = np.repeat(firsts + sizes - 1, counts)
    return np.minimum(begins[:, None] + np.arange(width), lasts[:, None]), counts


def _ranges(firsts: Ints, counts: Ints, step: int = 1) -> Ints:
    """From each of `firsts`, as many numbers as `counts` says, `step` apart: end to end."""
    before = np.cumsum(counts) - counts
    found: Ints = np.repeat(firsts - before * step, counts) + np.arange(counts.sum()) * step
    return found
