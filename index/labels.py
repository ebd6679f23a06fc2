"""Labels of rows, such as the authors of papers: which rows have which, for filters."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from index.arrays import load_mapped

Mask = npt.NDArray[np.bool_]


def fold_name(name: str) -> str:
    """A name as names are compared: whatever its case, spaces and apostrophes."""
    composed = unicodedata.normalize("NFC", name.replace("’", "'"))
    return " ".join(composed.casefold().split())


class _Saved(msgspec.Struct):
    rows: int
    names: list[str]


class Labels:
    """Any number of labels a row, stored as pairs of (row, label)."""

    def __init__(self, names: Sequence[str], pairs: npt.NDArray[np.int32], rows: int) -> None:
        self.names = names
        self._pairs = pairs
        self._rows = rows

    @staticmethod
    def write(labels: Sequence[Iterable[str]], names_file: Path, pairs_file: Path) -> None:
        """Write the two files that `open` reads; `labels` has an entry a row."""
        held = [tuple(one) for one in labels]
        names = sorted({name for one in held for name in one})
        numbers = {name: number for number, name in enumerate(names)}
        rows = np.repeat(np.arange(len(held), dtype=np.int32), [len(one) for one in held])
        labels_of = [numbers[name] for one in held for name in one]
        saved = {"rows": len(held), "names": names}
        names_file.write_text(json.dumps(saved, ensure_ascii=False), encoding="utf-8")
        pairs = np.column_stack([rows, np.array(labels_of, np.int32)])
        np.save(pairs_file, pairs, allow_pickle=False)

    @classmethod
    def open(cls, names_file: Path, pairs_file: Path) -> Labels:
        """Read the two files.

        Raises:
            OSError: One can't be read.
            ValueError: They don't belong together.
        """
        saved = msgspec.json.decode(names_file.read_bytes(), type=_Saved)
        pairs = load_mapped(pairs_file)
        if pairs.dtype != np.int32 or pairs.ndim != 2 or pairs.shape[1] != 2:
            raise ValueError(f"{pairs_file} has no pairs: {pairs.dtype} {pairs.shape}")
        if len(pairs) and (
            pairs.min() < 0 or (pairs.max(0) >= (saved.rows, len(saved.names))).any()
        ):
            raise ValueError(f"{pairs_file} has other rows or labels than {names_file.name}")
        return cls(saved.names, pairs, saved.rows)

    def by_count(self) -> list[str]:
        """The labels, those of the most rows first."""
        counts = np.bincount(self._pairs[:, 1], minlength=len(self.names))
        return [self.names[number] for number in np.argsort(-counts, kind="stable")]

    def rows_with(self, wanted: Callable[[str], bool]) -> Mask:
        """Which rows have a label that is wanted: (rows,)."""
        chosen = np.fromiter(map(wanted, self.names), np.bool_, len(self.names))
        mask = np.zeros(self._rows, np.bool_)
        if chosen.any():
            mask[self._pairs[:, 0][chosen[self._pairs[:, 1]]]] = True
        return mask
