"""Text that remembers where each of its characters stands in the digest file."""

from __future__ import annotations

import re
from typing import Self

from index.papers import Run

# LaTeX whose backslash and first letter were read as an escape: `\textit` -> TAB `extit`.
# BEL, BS, VT and FF have no other business in prose; TAB, LF and CR do, so what follows
# them has to be the rest of a command.
_REST = {
    "a": "[A-Za-z]",
    "b": "[A-Za-z]",
    "f": "[A-Za-z]",
    "v": "[A-Za-z]",
    "t": "(?:ext[a-z]*|au|heta|imes|ilde|op|o|riangle[a-z]*|herefore|frac|iny|ag|hinspace)"
    "(?![A-Za-z])",
    "n": "(?:abla|eq|otin)(?![A-Za-z])",
    "r": "(?:ho|ight[a-z]*|angle|ceil|floor|vert|m)(?![A-Za-z])",
}
_REST_OF = {letter: re.compile(rest) for letter, rest in _REST.items()}
_LETTER = {"\a": "a", "\b": "b", "\f": "f", "\v": "v", "\t": "t", "\n": "n", "\r": "r"}
_SUSPECT = re.compile(r"\r\n|[\a\b\f\v\t\n\r]")

REPLACEMENT = "\ufffd"


def is_latex(letter: str, text: str, position: int) -> bool:
    """Whether `letter` and what follows at `position` are a LaTeX command, not an escape."""
    rest = _REST_OF.get(letter)
    return rest is not None and rest.match(text, position) is not None


def is_eaten_latex(text: str, position: int) -> bool:
    r"""Whether the character at `position` is what is left of `\t` and the like in LaTeX."""
    letter = _LETTER.get(text[position])
    after_return = text[position] == "\n" and text[position - 1 : position] == "\r"
    return letter is not None and not after_return and is_latex(letter, text, position + 1)


def without_surrogates(text: str) -> str:
    """Replace halves of surrogate pairs, which escapes can make but no UTF-8 file can hold."""
    return "".join(REPLACEMENT if "\ud800" <= c <= "\udfff" else c for c in text)


class MappedText:
    """Builds a text from pieces of a file and from new characters between them."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._runs: list[Run] = []
        self._length = 0

    def add(self, text: str) -> Self:
        """Append characters that do not stand in the file."""
        self._parts.append(text)
        self._length += len(text)
        return self

    def take(self, text: str, source: int) -> Self:
        """Append characters that stand in the file at `source`."""
        if not text:
            return self
        last = self._runs[-1] if self._runs else None
        if last and last.text + last.length == self._length and last.source + last.length == source:
            self._runs[-1] = Run(last.text, last.source, last.length + len(text))
        else:
            self._runs.append(Run(self._length, source, len(text)))
        return self.add(text)

    def take_restored(self, text: str, source: int) -> Self:
        """Append characters of the file, with eaten LaTeX and Windows newlines restored."""
        done = 0
        for match in _SUSPECT.finditer(text):
            found = match.group()
            if found == "\r\n":
                new = "\n"
            elif is_latex(_LETTER[found], text, match.end()):
                new = "\\" + _LETTER[found]
            else:
                continue
            self.take(text[done : match.start()], source + done).add(new)
            done = match.end()
        return self.take(text[done:], source + done)

    def __len__(self) -> int:
        return self._length

    @property
    def text(self) -> str:
        """The text as built so far."""
        return "".join(self._parts)

    @property
    def runs(self) -> tuple[Run, ...]:
        """What of the text stands where in the file."""
        return tuple(self._runs)
