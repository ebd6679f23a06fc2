"""What a request can be refused for."""

from index.errors import NonmunError


class QueryError(NonmunError):
    """The question can't be searched for, such as one without a word."""


class LegsFailedError(NonmunError):
    """No leg of a search is working."""


class BuildRunningError(NonmunError):
    """A build is running already."""


class NoSourcesError(NonmunError):
    """There is nothing that a build could read."""


class QuestionsError(NonmunError):
    """A file of questions can't be read."""


class UnknownPaperError(NonmunError):
    """An id that no paper here has."""
