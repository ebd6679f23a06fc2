"""A folder of published snapshots: which there are, which is live, publish, roll back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from filelock import FileLock, Timeout

from index.digests.sources import state_of_file
from index.durable import ASIDE, sync, write_whole
from index.errors import SnapshotError, UnknownVersionError
from index.forgotten import DenyList
from index.leases import take
from index.manifest import LAYOUT, LIVE, VERSIONS, Manifest, read_manifest
from index.regular import read_regular
from index.report import Report
from index.snapshot import Snapshot
from index.verifying import verify_files

_LOCK = "build.lock"
_STAGING = "staging-"
_FORGOTTEN = "forgotten.json"
_FAILED = "failed"
_KEPT_FAILED = 2  # each is as large as a version
NAME = re.compile(r"[0-9a-f]{12}")  # as `Manifest.named` makes it
_LIVE_BYTES = 1_000  # it holds a version
_TRIES = 5  # to open the live version, while others publish and clear away


class Opened(NamedTuple):
    """The snapshot to serve, and why it is not the live one, if it isn't."""

    snapshot: Snapshot
    complaint: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """A published snapshot, and the report of the build that published it.

    `report` is `None` where it can't be read.
    """

    version: str
    live: bool
    manifest: Manifest
    report: Report | None

    @property
    def number(self) -> int:
        """Of the build: the clock may go backwards; 0 where it is not known."""
        return self.report.number if self.report else 0

    @property
    def built(self) -> datetime | None:
        """When it was built."""
        return self.report.ended if self.report else None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file["bytes"] for file in self.manifest.files.values())


class Store:
    """The folder that `--data` names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def forgotten(self) -> DenyList:
        """The list of what is forgotten, of all versions."""
        return DenyList(self.folder / _FORGOTTEN)

    def live(self) -> str | None:
        """The live version; `None` before anything is published."""
        try:
            return read_regular(self.folder / LIVE, _LIVE_BYTES).decode().strip() or None
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SnapshotError(f"{self.folder / LIVE} can't be read: {error}") from None

    def live_state(self) -> tuple[object, ...]:
        """What is another when another version is live, or the same one was written anew."""
        live = self.live()
        if live is None:
            return ()
        return self.state_of(live)

    def state_of(self, version: str) -> tuple[object, ...]:
        """What is another when a version was written anew."""
        return (version, *state_of_file(self._path(version) / LAYOUT.manifest))

    def open_live(self, *, whole: bool = False) -> Snapshot:
        """Open the live snapshot.

        Args:
            whole: Whether every file is compared with its checksum, however large it is.

        Raises:
            SnapshotError: Nothing is published here, or the live snapshot is broken.
        """
        for left in reversed(range(_TRIES)):
            version = self.live()
            if version is None:
                raise SnapshotError(
                    f"no index in {self.folder.absolute()};"
                    f" make one with: nonmun build SOURCE --data {self.folder}"
                )
            try:
                return self._open(version, whole=whole)
            except SnapshotError:
                # Another may have been published, and this one cleared away, in between.
                if not left or self.live() == version:
                    raise
        raise AssertionError

    def open_best(self, *, whole: bool = False) -> Opened:
        """Open the live snapshot, or where it is broken the newest that is not.

        Args:
            whole: As in `open_live`.

        Raises:
            SnapshotError: There is none that can be opened; the message tells of the live one.
        """
        try:
            return Opened(self.open_live(whole=whole), None)
        except SnapshotError as error:
            live = self.live()
            for one in self.versions():
                if one.version != live:
                    with suppress(SnapshotError):
                        complaint = f"{error}; version {one.version} is used instead"
                        return Opened(self._open(one.version, whole=whole), complaint)
            raise

    def versions(self) -> list[Version]:
        """All published snapshots whose manifest can be read, newest build first."""
        live = self.live()
        found = []
        for path in sorted((self.folder / VERSIONS).glob("*")):
            try:
                manifest = read_manifest(path)
            except SnapshotError:
                continue
            if manifest.version != path.name:  # a copy that somebody made
                continue
            report = Report.read(path)
            found.append(Version(path.name, path.name == live, manifest, report))
        found.sort(key=lambda one: (one.number, one.version), reverse=True)
        return found

    def next_number(self) -> int:
        """The number of the build that comes next."""
        folders = (*(self.folder / VERSIONS).glob("*"), *(self.folder / _FAILED).glob("*"))
        return 1 + max((_number(path) for path in folders), default=0)

    def version(self, version: str) -> Version:
        """A published snapshot by its version.

        Raises:
            UnknownVersionError: There is no such version.
        """
        there = {one.version: one for one in self.versions()}
        if version not in there:
            listed = ", ".join(there) or "none"
            raise UnknownVersionError(f"no version {version[:100]!r} here; there are: {listed}")
        return there[version]

    def failed(self, name: str) -> Version:
        """A version that is kept aside, by the name of its folder.

        Raises:
            UnknownVersionError: There is none.
        """
        for folder in (self.folder / _FAILED).glob("*"):
            if folder.name == name:
                return Version(name, False, read_manifest(folder), Report.read(folder))
        raise UnknownVersionError(f"no version {name[:100]!r} is kept aside in {self.folder}")

    def activate(self, version: str) -> None:
        """Make a published version live: roll back, or forward again.

        Raises:
            UnknownVersionError: There is no such version.
            SnapshotError: It is broken. In both cases nothing has changed.
        """
        opened = self.open_whole(version)  # and held, so that nobody deletes it meanwhile
        self.make_live(opened.version)

    def open_whole(self, version: str) -> Snapshot:
        """Open a published version, every file of it compared with its checksum.

        Raises:
            UnknownVersionError: There is no such version.
            SnapshotError: It is broken.
        """
        self.version(version)
        return self._open(version, whole=True)

    def make_live(self, version: str) -> None:
        """Point at a version that is there and whole.

        Raises:
            SnapshotError: It can't be written down.
        """
        try:
            write_whole(self.folder / LIVE, f"{version}\n".encode())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SnapshotError(f"can't write {self.folder / LIVE}: {reason}") from None

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
            self._clear_leftovers()
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
        self.make_live(manifest.version)
        for old in self.folder.glob(f"{_STAGING}broken-*"):
            shutil.rmtree(old, ignore_errors=True)
        for old in (self.folder / _FAILED).glob("*"):  # what is published now is what was meant
            shutil.rmtree(old, ignore_errors=True)
        return target

    def keep_aside(self, staged: Path, name: str) -> Path:
        """Move a snapshot that is not to be published where somebody can look at it.

        Only the last few are kept.

        Returns:
            Its folder.
        """
        target = self.folder / _FAILED / name
        target.parent.mkdir(exist_ok=True)
        kept = sorted(target.parent.glob("*"), key=_number)
        for old in kept[: max(0, len(kept) - _KEPT_FAILED + 1)]:
            shutil.rmtree(old, ignore_errors=True)
        staged.chmod(0o755)
        staged.rename(target)
        return target

    def retire(self, keep: int) -> list[str]:
        """Delete the oldest versions, so that `keep` are left.

        The live one stays, whatever its age, and so does one that some process has open. Only
        for whoever holds the lock of a build.

        Returns:
            The versions that were deleted.
        """
        retired = []
        # The live one first: it is kept in any case, and one of so many.
        found = sorted(self.versions(), key=lambda one: not one.live)
        readable = [self._path(one.version) for one in found]
        # Those of another nonmun, or broken ones, are the oldest.
        named = {path for path in (self.folder / VERSIONS).glob("*") if NAME.fullmatch(path.name)}
        others = sorted(named - set(readable))  # but not what somebody has copied there
        for folder in [*readable, *others][keep:]:
            try:
                lease = take(folder / LAYOUT.manifest)
            except OSError:
                continue
            if lease is None:  # somebody reads it
                continue
            with lease:
                # Only now: whoever makes a version live holds it until it is.
                if folder.name == self.live():
                    continue
                # Gone at once, whoever looks, however long it takes to delete.
                gone = self.folder / f"{_STAGING}retired-{folder.name}"
                try:
                    folder.rename(gone)
                except OSError:  # an old version too many is no reason to fail
                    continue
                shutil.rmtree(gone, ignore_errors=True)
            retired.append(folder.name)
        return retired

    def _clear_leftovers(self) -> None:
        """Delete what builds that were killed have left."""
        for left in self.folder.glob(f"{_STAGING}*"):
            shutil.rmtree(left, ignore_errors=True)
        for left in self.folder.glob(f"{LIVE}.*{ASIDE}"):
            with suppress(OSError):
                left.unlink()

    def _open(self, version: str, *, whole: bool = False) -> Snapshot:
        snapshot = Snapshot.open(self._path(version))
        if snapshot.version != version:
            folder = snapshot.folder
            raise SnapshotError(f"{folder} holds version {snapshot.version}, not {version}")
        return snapshot.compare() if whole else snapshot

    def _path(self, version: str) -> Path:
        if not version.isalnum():
            raise SnapshotError(f"{version!r} is no version")
        return self.folder / VERSIONS / version


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether the same contents were published before and are still as they were."""
    try:
        if read_manifest(folder) != manifest:
            return False
        verify_files(folder, manifest)
    except SnapshotError:
        return False
    return True


def _number(folder: Path) -> int:
    """Of the build that made a snapshot."""
    report = Report.read(folder)
    return report.number if report else 0
