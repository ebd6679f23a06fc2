"""How made-up summaries read, as a build learned it of its corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from index.arrays import load_arrays, save_arrays

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Style:
    """Tells made-up summaries from real ones by how they read.

    Attributes:
        weights: (dimension,) of a summary's vector.
        offset: Added to it.
    """

    weights: npt.NDArray[np.float32]
    offset: float

    def __call__(self, summaries: npt.NDArray[np.float32]) -> Floats:
        """The log-odds of being made up: (summaries,)."""
        odds: Floats = summaries.astype(np.float64) @ self.weights + self.offset
        return odds

    def write(self, folder: Path) -> None:
        """Write what `open` reads."""
        save_arrays(folder, weights=self.weights, offset=np.array([self.offset]))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `write` wrote."""
        found = load_arrays(folder, "weights", "offset")
        return cls(found["weights"], float(found["offset"][0]))
