"""A folder of published snapshots: which there are, which is live, publish, roll back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from filelock import FileLock, Timeout

from index.errors import SnapshotError, UnknownVersionError
from index.manifest import LAYOUT, Manifest, read_manifest, sync, verify_files
from index.snapshot import Snapshot

_VERSIONS = "versions"
_LIVE = "live"
_LOCK = "build.lock"
_STAGING = "staging-"


@dataclass(frozen=True, slots=True)
class Version:
    """A published snapshot: `built` and `report` are of the build that made it."""

    version: str
    live: bool
    built: datetime | None
    manifest: Manifest
    report: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file["bytes"] for file in self.manifest.files.values())


class Store:
    """The folder that `--data` names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def live(self) -> str | None:
        """The live version; `None` before anything is published."""
        try:
            return (self.folder / _LIVE).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise SnapshotError(f"{self.folder / _LIVE} can't be read: {error}") from None

    def open_live(self) -> Snapshot:
        """Open the live snapshot.

        Raises:
            SnapshotError: Nothing is published here, or the live snapshot is broken.
        """
        version = self.live()
        if version is None:
            raise SnapshotError(
                f"no index in {self.folder.absolute()};"
                f" make one with: nonmun build SOURCE --data {self.folder}"
            )
        return self._open(version)

    def usable_live(self) -> Snapshot | None:
        """The live snapshot to build on; a broken one is as good as none."""
        try:
            return self.open_live() if self.live() else None
        except SnapshotError:
            return None

    def versions(self) -> list[Version]:
        """All published snapshots whose manifest can be read, newest build first."""
        live = self.live()
        found = []
        for path in sorted((self.folder / _VERSIONS).glob("*")):
            try:
                manifest = read_manifest(path)
            except SnapshotError:
                continue
            if manifest.version != path.name:  # a copy that somebody made
                continue
            report = _read_report(path)
            found.append(Version(path.name, path.name == live, _finished(report), manifest, report))
        found.sort(key=lambda one: (one.built is not None and one.built.timestamp(), one.version))
        return found[::-1]

    def activate(self, version: str) -> None:
        """Make a published version live: roll back, or forward again.

        Raises:
            UnknownVersionError: There is no such version.
            SnapshotError: It is broken. In both cases nothing has changed.
        """
        there = [one.version for one in self.versions()]
        if version not in there:
            listed = ", ".join(there) or "none"
            raise UnknownVersionError(
                f"no version {version[:100]!r} in {self.folder}; there are: {listed}"
            )
        self._open(version)
        self._point_at(version)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder to write a snapshot in, alone; gone afterwards if it was not published.

        Raises:
            SnapshotError: Another build is running, or nothing can be written here.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / _LOCK, timeout=0)
            lock.acquire()
        except Timeout:
            raise SnapshotError(f"another build is running in {self.folder}") from None
        except OSError as error:
            raise SnapshotError(f"can't write in {self.folder}: {error.strerror}") from None
        try:
            for left in self.folder.glob(f"{_STAGING}*"):  # of a build that was killed
                shutil.rmtree(left, ignore_errors=True)
            path = Path(mkdtemp(prefix=_STAGING, dir=self.folder))
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)
        finally:
            lock.release()

    def publish(self, staged: Path, manifest: Manifest) -> Path:
        """Move a sealed snapshot to its place and make it live, by one rename each.

        Where the same contents are published already, they only become live.

        Returns:
            The published folder.
        """
        target = self._path(manifest.version)
        target.parent.mkdir(exist_ok=True)
        if _is_whole(target, manifest):
            # Only what there is to say about the build is new.
            (staged / LAYOUT.report).replace(target / LAYOUT.report)
        else:
            if target.exists():
                target.rename(self.folder / f"{_STAGING}broken-{manifest.version}")
            staged.chmod(0o755)
            staged.rename(target)
            sync(target.parent)
        self._point_at(manifest.version)
        return target

    def _point_at(self, version: str) -> None:
        aside = self.folder / f"{_LIVE}.new"
        try:
            aside.write_text(version + "\n", encoding="utf-8")
            sync(aside)
            aside.replace(self.folder / _LIVE)
            sync(self.folder)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SnapshotError(f"can't write {self.folder / _LIVE}: {reason}") from None

    def _open(self, version: str) -> Snapshot:
        snapshot = Snapshot.open(self._path(version))
        if snapshot.version != version:
            folder = snapshot.folder
            raise SnapshotError(f"{folder} holds version {snapshot.version}, not {version}")
        return snapshot

    def _path(self, version: str) -> Path:
        if not version.isalnum():
            raise SnapshotError(f"{version!r} is no version")
        return self.folder / _VERSIONS / version


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether the same contents were published before and are still as they were."""
    try:
        if read_manifest(folder) != manifest:
            return False
        verify_files(folder, manifest)
    except SnapshotError:
        return False
    return True


def _finished(report: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(report["finished"])
    except (KeyError, TypeError, ValueError):
        return None


def _read_report(folder: Path) -> dict[str, Any]:
    try:
        report = json.loads((folder / LAYOUT.report).read_bytes())
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}
