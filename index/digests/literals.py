"""Values that a language model wrote as Python lists and dicts, made prose."""

from __future__ import annotations

import ast
import re
import warnings

from index.digests.mapped import MappedText, is_latex, without_surrogates

_SIMPLE = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "a": "\a",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "/": "/",
}
_ESCAPE = re.compile(
    r"\\(?:u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})"
    r"|(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U(000[0-9A-Fa-f]{5}|0010[0-9A-Fa-f]{4}))"
    r"|([0-7]{1,3})|(.))",
    re.DOTALL,
)
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)


def take_escaped(out: MappedText, body: str, source: int) -> None:
    r"""Append the inside of a quoted string, escapes resolved, each character mapped.

    An escape that is the start of a LaTeX command (`\textit`, `\beta`) stays as it is, and so
    does one that means nothing (`\sum`).

    Args:
        out: Where to append.
        body: The characters between the quotes, as they stand in the file.
        source: Where `body` stands in the file.
    """
    done = 0
    for match in _ESCAPE.finditer(body):
        high, low, two, wide, long, octal, other = match.groups()
        if other and (other not in _SIMPLE or is_latex(other, body, match.end())):
            continue
        out.take(body[done : match.start()], source + done)
        if high:
            out.add(chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00))
        elif octal:
            out.add(chr(int(octal, 8)))
        elif code := two or wide or long:
            out.add(without_surrogates(chr(int(code, 16))))
        else:
            out.add(_SIMPLE[other])
        done = match.end()
    out.take(body[done:], source + done)


def take_literal(out: MappedText, value: str, source: int) -> bool:
    """Append a value that is a Python list or dict with strings in it, as lines of prose.

    Keys stay as `key: text`, items are lines of their own, and no word is lost.

    Returns:
        Whether the value was such a literal; if not, nothing was appended.
    """
    if value[:1] not in "[{(" or "\n" in value or "\r" in value:
        return False
    try:
        with warnings.catch_warnings(action="ignore"):  # of '\s' in somebody's text
            node = ast.parse(value, mode="eval").body
            ast.literal_eval(node)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False
    if not isinstance(node, ast.List | ast.Dict | ast.Tuple):
        return False
    if value.encode("utf-8")[node.end_col_offset :].strip():  # a comment, to the parser
        return False
    if not any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(node)):
        return False
    _Prose(value, source, out).write(node)
    return True


class _Prose:
    def __init__(self, value: str, source: int, out: MappedText) -> None:
        self._value = value
        self._bytes = value.encode("utf-8")
        self._source = source
        self._out = out
        self._read = 0  # bytes
        self._place = 0  # characters

    def write(self, node: ast.expr) -> None:
        if isinstance(node, ast.Dict):
            for number, (key, item) in enumerate(zip(node.keys, node.values, strict=True)):
                if number:
                    self._out.add("\n")
                if key is not None:
                    self.write(key)
                    self._out.add(": ")
                self.write(item)
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            for number, item in enumerate(node.elts):
                if number:
                    self._out.add("\n")
                self.write(item)
        else:
            self._write_leaf(node)

    def _write_leaf(self, node: ast.expr) -> None:
        start, end = self._characters(node.col_offset), self._characters(node.end_col_offset)
        raw = self._value[start:end]
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            self._out.take(raw, self._source + start)
            return
        if _QUOTED.fullmatch(raw):
            take_escaped(self._out, raw[1:-1], self._source + start + 1)
        else:  # a prefix, triple quotes, or strings side by side
            self._out.add(without_surrogates(node.value))

    def _characters(self, offset: int | None) -> int:
        """The parser counts bytes of UTF-8, the map counts characters; leaves come in order."""
        self._place += len(self._bytes[self._read : offset].decode("utf-8"))
        self._read = len(self._bytes) if offset is None else offset
        return self._place
