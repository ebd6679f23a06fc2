"""A stream of text -> the sentences of it that hold, as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from rag.generation.cutter import Cutter, is_ended
from rag.generation.errors import Fallback, GenerationError
from rag.generation.passages import Numbered
from rag.generation.prompt import fit, make_messages
from rag.generation.verify import Kept, Supports, check
from rag.generation.writer import Writer

# An answer is a few sentences; who writes more than this doesn't end by itself.
MAX_CHARS = 8_000
MAX_SENTENCES = 40
MAX_REPEATS = 3  # small models fall into a loop that they don't leave

Deliver = Callable[[Kept], None]


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated answer, of which every sentence holds.

    Attributes:
        sentences: In the order in which they were written; never empty.
        unsupported: How many sentences were removed because they don't hold.
        repeated: How many were removed because they were there before; not among `unsupported`.
        cut: Why the answer ends early; `None` where it doesn't.
    """

    sentences: tuple[Kept, ...]
    unsupported: int
    repeated: int = 0
    cut: Fallback | None = None


def generate(
    writer: Writer,
    question: str,
    passages: Sequence[Numbered],
    language: str,
    supports: Supports,
    seconds: float,
    on_sentence: Deliver | None = None,
) -> Generated:
    """Have an answer written, and keep the sentences of it that hold.

    Args:
        writer: Who writes it.
        question: In any language.
        passages: What it is written from, best first, as far as they fit in a prompt.
        language: The answer's, by its English name.
        supports: The share, 0..1, of a sentence's meaning that a passage has.
        seconds: How long that may take.
        on_sentence: Is given each sentence as soon as it is known to hold; none is taken back.

    Raises:
        GenerationError: No sentence is left; its `reason` says why.
    """
    deadline = time.monotonic() + seconds
    draft = _Draft(fit(passages), supports, on_sentence)
    pieces = writer.write(make_messages(question, passages, language), seconds)
    cut: Fallback | None = None
    try:
        if _read(pieces, draft, deadline):
            draft.end()
    except GenerationError as error:
        cut = error.reason
    finally:
        if isinstance(pieces, Generator):
            pieces.close()
    return draft.result(cut)


def _read(pieces: Iterator[str], draft: _Draft, deadline: float) -> bool:
    """Read what is written; whether that is all, and not only all that is read."""
    for piece in pieces:
        if not draft.feed(piece):
            return False
        if time.monotonic() > deadline:
            raise GenerationError(Fallback.TIMED_OUT)
    return True


class _Draft:
    """What is written so far, and what of it holds."""

    def __init__(
        self, passages: Sequence[Numbered], supports: Supports, on_sentence: Deliver | None
    ) -> None:
        self._passages = passages
        self._supports = supports
        self._on_sentence = on_sentence
        self._cutter = Cutter()
        self._chars = 0
        self._blank = True
        self._thinking = False
        self._kept: dict[str, Kept] = {}
        self._unsupported = 0
        self._repeated = 0

    def feed(self, piece: str) -> bool:
        """Take a piece; whether more is wanted."""
        piece = piece[: MAX_CHARS - self._chars]
        self._chars += len(piece)
        self._blank = self._blank and not piece.strip()
        for sentence in self._cutter.feed(piece):
            if not self._has_room():
                break
            self._take(sentence)
        return self._has_room() and self._chars < MAX_CHARS

    def end(self) -> None:
        """Take the rest; a sentence that breaks off is not taken."""
        for sentence in self._cutter.end():
            if self._has_room():
                self._take(sentence if is_ended(sentence) else "")

    def result(self, cut: Fallback | None) -> Generated:
        """What holds.

        Raises:
            GenerationError: Nothing does.
        """
        if not self._kept:
            reason = cut or (Fallback.EMPTY if self._blank else Fallback.UNSUPPORTED)
            raise GenerationError(reason, self._unsupported)
        kept = tuple(self._kept.values())
        return Generated(kept, self._unsupported, self._repeated, cut)

    def _has_room(self) -> bool:
        """Whether one more sentence is wanted."""
        sentences = len(self._kept) + self._unsupported + self._repeated
        return sentences < MAX_SENTENCES and self._repeated < MAX_REPEATS

    def _take(self, sentence: str) -> None:
        if self._is_thought(sentence):
            return
        kept = check(sentence, self._passages, self._supports)
        if kept is None:
            self._unsupported += 1
            return
        same = "".join(filter(str.isalnum, kept.text.casefold()))
        if same in self._kept:
            self._repeated += 1
            return
        self._kept[same] = kept
        if self._on_sentence:
            self._on_sentence(kept)

    def _is_thought(self, sentence: str) -> bool:
        """Whether it is among what reasoning models write before their answer.

        Servers that don't know the model leave that in the text, between <think> and </think>.
        """
        before = self._thinking
        for tag in ("<think>", "</think>"):
            if tag in sentence:
                self._thinking = tag == "<think>"
        return before or self._thinking or "</think>" in sentence
