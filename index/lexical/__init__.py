"""Korean-aware analysis and BM25."""

from index.lexical.analysis import Analysis, Analyzer, analyzer
from index.lexical.lexicon import Lexicon
from index.lexical.words import Term, latin_terms

__all__ = ["Analysis", "Analyzer", "Lexicon", "Term", "analyzer", "latin_terms"]
