"""Let writes fail, file by file, as on a full disk: `python -m tests.faults.full_disk`.

Once for every size that a file of a build has, no file may grow to it. After each build: it
ended with a word, the live version is what it was, nothing is left, and the next build works.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

from index.journal import FOLDER
from index.store import Store
from tests.faults import forked
from tests.faults.kills import Scene


def limit(size: int) -> forked.Hook:
    """No file may have more bytes."""

    def hook() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return hook


def sizes(data: Path) -> list[int]:
    """The sizes of the files of the live version and of what else a build writes."""
    folder = Store(data).open_live().folder
    paths = [*folder.rglob("*"), data / "live", *(data / FOLDER).glob("*.json")]
    return sorted({path.stat().st_size for path in paths if path.is_file()})


def main() -> int:
    """Print what was done and found, as JSON; 1 if anything is wrong."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    forked.prepare()
    faults: list[str] = []
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        scene = Scene(Path(name))
        scene.add()
        before = Store(scene.data).live()
        for size in (0, *sizes(scene.data)):
            status, words = forked.build(scene.sources, scene.data, limit(max(0, size - 1)))
            found = forked.faults(scene.data)
            if status not in (0, 1) or "Traceback" in words:
                found.append(f"status {status}: {words[-300:]}")
            if status == 1 and "could not be written" not in words and "can't" not in words:
                found.append(f"it said {words[-300:]}")
            failed += status == 1
            if status and Store(scene.data).live() != before:
                found.append("the live version is another")
            found += [f"{left} is left" for left in forked.leftovers(scene.data)]
            faults += [f"{size} bytes: {fault}" for fault in found]
            if not status:  # all files fit: something to do for the next one
                scene.add()
                before = Store(scene.data).live()
        if forked.build(scene.sources, scene.data).status:
            faults.append("the build after all of them failed")
        if Store(scene.data).live() == before:
            faults.append("the build after all of them published nothing")
    forked.report({"refused": failed, "faults": faults[:20]})
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
