"""Labels of rows, such as the authors of papers: which rows have which, for filters."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged, check_offsets, load_mapped
from index.records import Records

Mask = npt.NDArray[np.bool_]


def fold_name(name: str) -> str:
    """A name as names are compared: whatever its case, spaces and apostrophes."""
    composed = unicodedata.normalize("NFC", name.replace("’", "'"))
    return " ".join(composed.casefold().split())


class LabelFiles(NamedTuple):
    """Where labels are kept.

    Attributes:
        names: The labels, end to end.
        name_offsets: Where each begins in there.
        rows: The rows of each label, end to end.
        offsets: Where those of each label begin in there.
    """

    names: Path
    name_offsets: Path
    rows: Path
    offsets: Path


class Labels:
    """Any number of labels a row, stored as the rows of each label.

    All files are mapped. The labels lie in the order of their folded names, so that those of
    one name, or from one name to another, are a slice that is found by bisection.
    """

    def __init__(self, names: Records, rows: Ragged, count: int) -> None:
        """Put labels together.

        Args:
            names: Of the labels, as `write` orders them.
            rows: Of each label, ascending.
            count: How many rows there are.
        """
        self._names = names
        self._rows = rows
        self._count = count

    @staticmethod
    def write(labels: Sequence[Iterable[str]], files: LabelFiles) -> None:
        """Write the files that `open` reads; `labels` has an entry a row."""
        held = [tuple(dict.fromkeys(one)) for one in labels]
        names = sorted({name for one in held for name in one}, key=lambda n: (fold_name(n), n))
        numbers = {name: number for number, name in enumerate(names)}
        rows = np.repeat(np.arange(len(held), dtype=np.int32), [len(one) for one in held])
        labels_of = np.array([numbers[name] for one in held for name in one], np.int64)
        offsets = np.cumsum([0, *np.bincount(labels_of, minlength=len(names))], dtype=np.int64)
        Records.write((name.encode() for name in names), files.names, files.name_offsets)
        np.save(files.rows, rows[np.argsort(labels_of, kind="stable")], allow_pickle=False)
        np.save(files.offsets, offsets, allow_pickle=False)

    @classmethod
    def open(cls, files: LabelFiles, count: int) -> Labels:
        """Map the files.

        Args:
            files: As `write` wrote them.
            count: How many rows there are.

        Raises:
            OSError: One can't be read.
            ValueError: They don't belong together.
        """
        names = Records.open(files.names, files.name_offsets)
        rows, offsets = load_mapped(files.rows), load_mapped(files.offsets)
        if rows.dtype != np.int32 or rows.ndim != 1:
            raise ValueError(f"{files.rows} has no rows: {rows.dtype} {rows.shape}")
        check_offsets(offsets, len(rows))
        if len(offsets) != len(names) + 1:
            raise ValueError(f"{files.offsets} has other labels than {files.names.name}")
        if len(rows) and (rows.min() < 0 or rows.max() >= count):
            raise ValueError(f"{files.rows} has other rows than the {count} there are")
        return cls(names, Ragged(rows, offsets), count)

    @property
    def names(self) -> list[str]:
        """All labels, in the order of their folded names; read into memory."""
        return [self._name(number) for number in range(len(self._names))]

    def by_count(self) -> list[str]:
        """The labels, those of the most rows first; of equal ones in the order of their names."""
        counted = zip(self._rows.lengths.tolist(), self.names, strict=True)
        return [name for _, name in sorted((-count, name) for count, name in counted)]

    def rows_named(self, folded: Collection[str]) -> Mask:
        """Which rows have a label with one of some names, as `fold_name` gives them: (rows,)."""
        mask = np.zeros(self._count, np.bool_)
        for name in folded:
            self._mark(mask, name, name)
        return mask

    def rows_between(self, first: str, last: str) -> Mask:
        """Which rows have a label from one name to another, both included: (rows,).

        Names are in the order of what they are folded to: days as ISO 8601 writes them are in
        their own.
        """
        mask = np.zeros(self._count, np.bool_)
        self._mark(mask, first, last)
        return mask

    def _mark(self, mask: Mask, first: str, last: str) -> None:
        """Mark the rows of the labels whose folded names are from `first` to `last`."""
        numbers = range(len(self._names))
        start = bisect_left(numbers, first, key=self._folded)
        end = bisect_right(numbers, last, lo=start, key=self._folded)
        offsets = self._rows.offsets
        mask[self._rows.values[offsets[start] : offsets[end]]] = True

    def _name(self, number: int) -> str:
        return self._names[number].decode()

    def _folded(self, number: int) -> str:
        return fold_name(self._name(number))
