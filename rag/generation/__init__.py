"""Generated answers: passages and a question -> a server's text -> the sentences that hold."""

from rag.generation.cutter import Cutter
from rag.generation.errors import Fallback, GenerationError
from rag.generation.generate import Generated, generate
from rag.generation.passages import Numbered
from rag.generation.prompt import fit, make_messages
from rag.generation.settings import WriterSettings
from rag.generation.verify import Kept, Supports, check
from rag.generation.writer import OpenAIWriter, Writer

__all__ = [
    "Cutter",
    "Fallback",
    "Generated",
    "GenerationError",
    "Kept",
    "Numbered",
    "OpenAIWriter",
    "Supports",
    "Writer",
    "WriterSettings",
    "check",
    "fit",
    "generate",
    "make_messages",
]
