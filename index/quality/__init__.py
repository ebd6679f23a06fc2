"""Doubts about summaries: what a digest's maintainer should look at, with the evidence."""

from index.quality.duplicates import find_duplicates
from index.quality.findings import Finding, Flag
from index.quality.language import find_untranslated
from index.quality.templates import find_templates

__all__ = ["Finding", "Flag", "find_duplicates", "find_templates", "find_untranslated"]
