"""Whether two machines have the same nonmun."""

from __future__ import annotations

import hashlib
from pathlib import Path


def package_state() -> str:
    """Another text wherever the code that workers run is another, byte for byte.

    The version number would not do: who works on nonmun has many of one number.
    """
    folder = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        code = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(code)}\n".encode() + code)
    return digest.hexdigest()[:16]
