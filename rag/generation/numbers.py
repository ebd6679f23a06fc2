"""The numbers of a text, by their values: 48,000 is 48k is 4.8만."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from rag.generation.names import LATIN, NAME

_SMALL = {"십": 10, "백": 100, "천": 1_000, "十": 10, "百": 100, "千": 1_000}
_LARGE = {
    **dict.fromkeys("만万萬", 10**4),
    **dict.fromkeys("억億亿", 10**8),
    **dict.fromkeys("조兆", 10**12),
}
_LETTERS = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "b": 10**9, "T": 10**12}
_WORDS = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

_PLAIN = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)*|(?<![^\s(=<>~±+\-])\.\d+)"
_ONE = rf"{_PLAIN}[ ]?(?:[십백천十百千]?[만万萬억億亿조兆]|[십백천十百千])"
_PART = re.compile(rf"({_PLAIN})[ ]?([십백천十百千]?)([만万萬억億亿조兆]?)")
_NUMBER = re.compile(
    # 1억 2천만, and what follows it at once as in 1만2000 or 1만 2,000
    rf"(?P<east>{_ONE}(?:[ ]?{_ONE})*(?:[ ]?(?:\d,\d{{3}}|\d{{4}})(?![\d,.만억조천백]))?)"
    rf"|(?P<plain>{_PLAIN})"
    rf"(?:(?P<letter>[kKMBbT])(?![{LATIN}\d])"
    r"|[ -]?(?P<word>thousand|million|billion|trillion)s?\b"
    rf"|(?P<unit>[{LATIN}]+))?",
)
_PERCENT = re.compile(r"[ ]?(?:%|퍼센트|프로(?![가-힣])|パーセント|per ?cent)|-percent")
_SIZE = re.compile(r"(?<![A-Za-z\d.])(\d+(?:\.\d+)?)([kKMBbT])(?![A-Za-z\d])")
# Where a passage has `12GB` or `3.5x`, a sentence may say 12 and 3.5; not so with `3D` or `4o`.
_UNITS = (
    frozenset({"ms", "s", "sec", "min", "h", "hr", "hours", "days", "times", "x", "fps"})
    | {"gb", "mb", "kb", "tb", "gib", "mib", "bit", "bits", "tok", "tokens", "dim", "gpu", "gpus"}
    | {"hz", "khz", "mhz", "ghz", "w", "kw", "kg", "g", "nm", "mm", "cm", "m", "km", "px", "pt"}
)


class Number(NamedTuple):
    """A number as a text has it.

    Attributes:
        value: Exact; one with several points, such as a version, as it is written.
        percent: Whether it is a share of a hundred.
        unit: The Latin letters right after it, casefolded.
    """

    value: Decimal | str
    percent: bool
    unit: str


def find_numbers(text: str) -> list[Number]:
    """The numbers of a text, which is as `normalise` makes it; those within names are none."""
    bare = NAME.sub(_hide, text)
    return [_read(match, text) for match in _NUMBER.finditer(bare)]


def _hide(name: re.Match[str]) -> str:
    word = name.group()
    return "|" * len(word) if any(map(str.isdigit, word)) else word


def find_sizes(text: str) -> list[Number]:
    """The sizes within names: the 7B of LLaMA-7B."""
    found = []
    for name in NAME.finditer(text):
        for plain, letter in _SIZE.findall(name.group()):
            found.append(Number(Decimal(plain) * _LETTERS[letter], False, ""))
    return found


def has_number(number: Number, held: list[Number]) -> bool:
    """Whether a text with these numbers supports a number."""
    return any(_supports(one, number) for one in held)


def _supports(held: Number, said: Number) -> bool:
    if held.value != said.value or (said.percent and not held.percent):
        return False
    if said.unit:
        return held.unit == said.unit
    return not held.unit or held.unit in _UNITS


def _read(match: re.Match[str], text: str) -> Number:
    percent = bool(_PERCENT.match(text, match.end()))
    if match["east"]:
        return Number(_eastern(match["east"]), percent, "")
    value = _value(match["plain"])
    scale = _LETTERS.get(match["letter"] or "") or _WORDS.get(match["word"] or "")
    if scale and isinstance(value, Decimal):
        value *= scale
    return Number(value, percent, (match["unit"] or "").casefold())


def _value(plain: str) -> Decimal | str:
    digits = plain.replace(",", "")
    return digits if digits.count(".") > 1 else Decimal(digits)


def _eastern(text: str) -> Decimal | str:
    """The value of 1억 2천만: the small units count within the large one that follows."""
    total = section = Decimal(0)
    for plain, small, large in _PART.findall(text):
        value = _value(plain)
        if isinstance(value, str):
            return text
        section += value * _SMALL.get(small, 1)
        if large:
            total, section = total + section * _LARGE[large], Decimal(0)
    return total + section
