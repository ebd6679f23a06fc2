"""What a request can be refused for."""

from index.errors import NonmunError


class QueryError(NonmunError):
    """The question can't be searched for, such as one without a word."""


class LegsFailedError(NonmunError):
    """No leg of a search is working."""


class BuildNotRunningError(NonmunError):
    """A build that can't be cancelled: it has ended, or its process can't be told."""


class BuildNotStartedError(NonmunError):
    """No build can be started, such as on a full disk."""


class NoSourcesError(NonmunError):
    """There is nothing that a build could read."""


class UnknownPaperError(NonmunError):
    """An id that no paper here has."""


class ForgetError(NonmunError):
    """Names that can't be forgotten, or that are not forgotten."""


class ReadingListError(NonmunError):
    """A reading list that can't be read, or names no paper that is here."""
