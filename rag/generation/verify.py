"""What of a generated sentence is in the passages that it cites.

What can be checked without understanding is: citations, numbers, names, and through the caller's
`supports` how much of the meaning is there. What can't: negation ("does not improve" passes where
"improves" is meant), who did what to whom, which of a passage's numbers belongs to which of its
names, and a name that begins an English sentence without another capital.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rag.generation.cutter import CITATION, Cutter
from rag.generation.names import URL, find_names, has_name, names_held, normalise
from rag.generation.numbers import find_numbers, find_sizes, has_number
from rag.generation.passages import Numbered

Supports = Callable[[str, Numbered], float]

LEAST_SUPPORT = 0.5  # of the sentence's meaning has to be in a passage for it to be cited
MOST_IN_RANGE = 20  # passages that `[1-9]` may name; who cites more at once cites nothing
MOST_DIGITS = 9  # of a citation that are read; so many passages there never are

_ITEM = re.compile(r"^\s*(?:>\s*|#+\s+|[-*+•·]\s+|\d{1,3}[.)]\s+)*")
_EMPHASIS = re.compile(r"\*\*|__|`")
_ITALICS = re.compile(r"(?<!\w)\*(?=\S)([^*]+?)(?<=\S)\*|(?<!\w)_(?=\S)([^_]+?)(?<=\S)_(?!\w)")
# Markup that a page might run or fetch, tokens of chat templates, tables and code.
_MARKUP = re.compile(
    r"<\s*[/!|?a-z]|&(?:\w+|#\w+);|\]\(|!\[|```|~~~|<\||\|>|^\s*\||"
    r"\b(?:javascript|vbscript|data):\S",
    re.IGNORECASE,
)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Co"})
_SPACE_BEFORE_STOP = re.compile(r"\s+(?=[.,;:!?。、，](?!\d))")
# Sentences that talk to whoever reads the passage are no evidence. This knows the usual wordings
# only; that any other is evidence for its own words alone is what keeps it harmless.
_ORDERS = re.compile(
    r"(?:ignore|disregard|forget|override)\b.{0,40}\b(?:above|previous|prior|earlier|all|instruct"
    r"|rules?|prompts?)|system prompt|you are now\b|do not follow|new instructions?\s*:"
    r"|(?:위|앞|이전|지금까지|기존|모든).{0,20}(?:무시|잊어|따르지)|(?:지시|명령|규칙).{0,10}(?:무시|잊어)"
    r"|시스템 프롬프트"
    r"|(?:指示|命令|ルール).{0,10}無視|(?:忽略|无视|忘记).{0,12}(?:指令|指示|以上|之前)",
    re.IGNORECASE,
)


class Kept(NamedTuple):
    """A sentence that holds.

    Attributes:
        text: Without its citations, without markup.
        numbers: Of the passages that support it, as it cites them.
    """

    text: str
    numbers: tuple[int, ...]

    @property
    def marked(self) -> str:
        """The text with its citations: `... [1][2]`."""
        return f"{self.text} {''.join(f'[{number}]' for number in self.numbers)}"


def check(
    sentence: str,
    passages: Sequence[Numbered],
    supports: Supports,
    least: float = LEAST_SUPPORT,
) -> Kept | None:
    """The sentence as far as it holds; `None` where it doesn't.

    Args:
        sentence: As `Cutter` gives it.
        passages: All that could be cited.
        supports: The share, 0..1, of a sentence's meaning that a passage has. It is given the
            sentence without its citations.
        least: The share that a cited passage needs; the others' citations are left out.
    """
    cited = cited_numbers(sentence)
    known = {passage.number: passage for passage in passages}
    if not cited or not set(cited) <= known.keys():
        return None
    text = _clean(sentence)
    if text is None:
        return None
    backing = [known[number] for number in cited if supports(text, known[number]) >= least]
    if not backing or not _is_stated(text, backing):
        return None
    return Kept(text, tuple(passage.number for passage in backing))


def cited_numbers(sentence: str) -> list[int]:
    """The numbers that a sentence cites, in order; none where one of them makes no sense."""
    found: list[int] = []
    for match in CITATION.finditer(sentence):
        for part in re.split(r"[,，、;]", match[1].replace("^", "")):
            ends = [int(end[:MOST_DIGITS]) for end in re.split(r"[-–~]", part.replace(" ", ""))]
            first, last = ends[0], ends[-1]
            if not 0 < first <= last or last - first >= MOST_IN_RANGE or len(ends) > 2:
                return []
            found += range(first, last + 1)
    return list(dict.fromkeys(found))


def _clean(sentence: str) -> str | None:
    """Plain text of a sentence; `None` where it is nothing, or markup."""
    visible = "".join(c for c in sentence if c.isspace() or unicodedata.category(c) not in _HIDDEN)
    if _MARKUP.search(visible):
        return None
    plain = _EMPHASIS.sub("", _ITEM.sub("", CITATION.sub(" ", visible)))
    plain = _ITALICS.sub(r"\1\2", plain)
    plain = _SPACE_BEFORE_STOP.sub("", " ".join(plain.split())).lstrip(",.;: ")
    return plain if any(c.isalnum() for c in plain) else None


def _is_stated(text: str, passages: Sequence[Numbered]) -> bool:
    """Whether every address, number and name of a sentence is in one of the passages."""
    said = normalise(text)
    held = normalise("\n".join(_evidence(passage) for passage in passages))
    addresses = {_address(one) for one in URL.findall(held)}
    if any(_address(one) not in addresses for one in URL.findall(said)):
        return False
    said = URL.sub(" ", said)
    numbers = find_numbers(held) + find_sizes(held)
    if not all(has_number(number, numbers) for number in find_numbers(said)):
        return False
    names = names_held(held)
    return all(has_name(name, names) for name in find_names(said))


def _address(text: str) -> str:
    return text.rstrip(".,;:!?'\"")


def _evidence(passage: Numbered) -> str:
    """What a passage says, without what it orders."""
    spans = passage.sentences
    sentences = [passage.text[start:end] for start, end in spans] or _cut(passage.text)
    stated = [one for text in sentences for one in _cut(text) if not _ORDERS.search(one)]
    titles = [] if _ORDERS.search(passage.title) else [passage.title]
    return "\n".join([*titles, *stated])


def _cut(text: str) -> list[str]:
    cutter = Cutter()
    return [*cutter.feed(text), *cutter.end()]
