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
