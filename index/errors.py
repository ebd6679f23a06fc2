"""What can go wrong, in the package's own words; the command and the service translate it."""


class NonmunError(Exception):
    """Base of every error a user can act on; its text says what to do."""


class SourceError(NonmunError):
    """The digests could not be read."""


class SnapshotError(NonmunError):
    """A snapshot is missing, broken or from another version of nonmun."""


class UnknownVersionError(SnapshotError):
    """A version that is not published."""


class EncoderError(NonmunError):
    """An encoder could not be loaded, or is not the one a snapshot was built with."""


class SettingsError(NonmunError):
    """A setting has a value it can't have."""
