"""What can go wrong, in the package's own words; the command and the service translate it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class NonmunError(Exception):
    """Base of every error a user can act on; its text says what to do."""


class SourceError(NonmunError):
    """The digests could not be read."""


class SnapshotError(NonmunError):
    """A snapshot is missing, broken or from another version of nonmun."""


class UnknownVersionError(SnapshotError):
    """A version that is not published."""


class BuildRunningError(NonmunError):
    """A build is running already."""


class UnknownBuildError(NonmunError):
    """A build that is not on record."""


class EncoderError(NonmunError):
    """An encoder could not be loaded, or is not the one a snapshot was built with."""


class SettingsError(NonmunError):
    """A setting has a value it can't have."""


class BatchError(NonmunError):
    """Workers that are to do the work of a build can't, or are gone."""


class ClusterError(NonmunError):
    """The store of a cluster can't be reached, refuses, or has not what is asked for."""


class QuestionsError(NonmunError):
    """A file of questions can't be read."""


class ChecksFailedError(NonmunError):
    """A new version that is worse than it may be; it is kept aside."""

    def __init__(self, aside: Path, failures: Sequence[str]) -> None:
        listed = "".join(f"\n  {failure}" for failure in failures)
        super().__init__(
            f"the new version failed its checks:{listed}\nThe live version stays. The new one is"
            f" kept in {aside} (nonmun versions {aside.name}); --force publishes it all the same"
        )
        self.aside = aside
        self.failures = tuple(failures)
