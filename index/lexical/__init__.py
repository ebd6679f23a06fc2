"""Korean-aware analysis, BM25 and latent semantics."""

from index.lexical.analysis import Analysis, Analyzer, analyzer
from index.lexical.latent import LatentSpace
from index.lexical.lexicon import Lexicon
from index.lexical.term_lists import TermLists, Vocabulary
from index.lexical.words import Term, latin_terms

__all__ = [
    "Analysis",
    "Analyzer",
    "LatentSpace",
    "Lexicon",
    "Term",
    "TermLists",
    "Vocabulary",
    "analyzer",
    "latin_terms",
]
