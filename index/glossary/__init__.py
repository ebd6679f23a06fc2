"""A bilingual glossary, mined from text that gives terms in English in parentheses."""

from index.glossary.entries import Entry
from index.glossary.glossary import Glossary

__all__ = ["Entry", "Glossary"]
