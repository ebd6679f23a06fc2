"""Kill builds, and see that nothing is lost: `python -m tests.faults.kills --moments 200`.

At every stage boundary, before and after every change of a name in the file system, and at
random moments. After each: the live version opens and is the one before or the one that was
being made; no build is said to run; a new build works and clears everything away.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from index.journal import BuildState
from index.store import Store
from tests.faults import forked


class Scene:
    """A data folder with a live version, and digests that have changed since."""

    def __init__(self, root: Path) -> None:
        self.data, self.sources = root / "data", root / "digests"
        self._day = 0
        for _ in range(3):
            self.add()
        first = forked.build(self.sources, self.data)
        if first.status:
            raise SystemExit(f"a build that nobody disturbs failed: {first.words}")

    def add(self) -> None:
        """A new digest, or an old one says something else."""
        self._day += 1
        forked.digest(self.sources, self._day % 20 + 1, f"{self._day}째 글이다.")


def stages(last: int) -> forked.Hook:
    """Kill where stage number `last` begins."""

    def hook() -> None:
        from index import report

        seen = iter(range(1000))
        inner = report.Timed.stage

        def stage(self: report.Timed, name: str, total: int) -> None:
            if next(seen) == last:
                os.kill(os.getpid(), signal.SIGKILL)
            inner(self, name, total)

        report.Timed.stage = stage  # type: ignore[method-assign]

    return hook


def renames(last: int) -> forked.Hook:
    """Kill at the `last`th change of a name: even numbers before it, odd ones after it."""

    def hook() -> None:
        seen = iter(range(10_000))

        def wrap(change: Callable[..., Any]) -> Callable[..., Any]:
            def changed(*args: Any, **more: Any) -> Any:
                if next(seen) == last:
                    os.kill(os.getpid(), signal.SIGKILL)
                result = change(*args, **more)
                if next(seen) == last:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result

            return changed

        for name in ("rename", "replace", "unlink", "rmdir", "mkdir"):
            setattr(os, name, wrap(getattr(os, name)))

    return hook


def syncs(last: int) -> forked.Hook:
    """Kill before the `last`th file is made durable."""

    def hook() -> None:
        seen = iter(range(10_000))
        inner = os.fsync

        def fsync(handle: int) -> None:
            if next(seen) == last:
                os.kill(os.getpid(), signal.SIGKILL)
            inner(handle)

        os.fsync = fsync  # type: ignore[assignment]

    return hook


class Killer:
    """Kills builds of one scene and collects what is wrong afterwards."""

    def __init__(self, root: Path) -> None:
        self.scene = Scene(root)
        self.kills = self.published = 0
        self.faults: list[str] = []

    def kill(
        self, name: str, hook: forked.Hook | None = None, kill_after: float | None = None
    ) -> bool:
        """Disturb one build, look, and build again.

        Returns:
            Whether it was killed; else it had ended before.
        """
        scene = self.scene
        before = Store(scene.data).live()
        scene.add()
        status, words = forked.build(scene.sources, scene.data, hook, kill_after=kill_after)
        killed = status == -signal.SIGKILL
        between = Store(scene.data).live()
        found = forked.faults(scene.data)
        if not killed and status:
            found.append(f"the build ended with status {status}: {words[-300:]}")
        state = forked.states(scene.data)[0]
        if killed and state not in (BuildState.DIED, BuildState.DONE):
            found.append(f"its record says {state}")
        again = forked.build(scene.sources, scene.data)
        if again.status:
            found.append(f"the next build failed: {again.words[-300:]}")
        after = Store(scene.data).live()
        if between not in (before, after):
            found.append(f"{between} was live, neither {before} nor {after}")
        self.kills += killed
        self.published += killed and between == after
        found += forked.faults(scene.data)
        found += [f"{left} is left" for left in forked.leftovers(scene.data)]
        self.faults += [f"{name}: {fault}" for fault in found]
        return killed

    def everywhere(self, name: str, hooks: Callable[[int], forked.Hook], every: int = 1) -> int:
        """Kill at the first, the second, ... until one build ends undisturbed."""
        number = 0
        while self.kill(f"{name} {number}", hooks(number)):
            number += every
        return number

    def moments(self, count: int, seed: int) -> None:
        """Kill at random moments of a build's time."""
        chance = random.Random(seed)
        scene = self.scene
        scene.add()
        begin = time.perf_counter()
        forked.build(scene.sources, scene.data)
        usual = time.perf_counter() - begin
        for number in range(count):
            after = chance.uniform(0, usual)
            self.kill(f"moment {number} ({after * 1000:.0f} ms)", kill_after=after)


def main() -> int:
    """Print what was done and found, as JSON; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=200, help="random moments")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="kill only at every so many renames")
    parser.add_argument("--syncs", action="store_true", help="before every fsync as well")
    options = parser.parse_args()
    forked.prepare()
    with tempfile.TemporaryDirectory() as name:
        killer = Killer(Path(name))
        boundaries = killer.everywhere("stage", stages)
        changes = killer.everywhere("rename", renames, options.every)
        made_durable = killer.everywhere("sync", syncs) if options.syncs else 0
        killer.moments(options.moments, options.seed)
    forked.report(
        {
            "kills": killer.kills,
            "stages": boundaries,
            "renames": changes,
            "syncs": made_durable,
            "published": killer.published,
            "faults": killer.faults[:20],
        }
    )
    return bool(killer.faults)


if __name__ == "__main__":
    sys.exit(main())
