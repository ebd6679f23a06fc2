"""Arrays on disk, memory-mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def load_mapped(path: Path) -> npt.NDArray[Any]:
    """Map a `.npy` file; processes that map the same file share its memory.

    The array is a plain view of the map: numpy's own class for maps makes every small slice
    several times slower.
    """
    array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    return array


def save_arrays(folder: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write arrays, each to a file of its name, in a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def load_arrays(folder: Path, *names: str) -> dict[str, npt.NDArray[Any]]:
    """Map what `save_arrays` wrote."""
    return {name: load_mapped(folder / f"{name}.npy") for name in names}
