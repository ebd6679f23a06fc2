"""Read digest files into papers; what could not be read is reported."""

from index.digests.problems import Problem, Severity
from index.digests.reading import Reading, read_digests

__all__ = ["Problem", "Reading", "Severity", "read_digests"]
