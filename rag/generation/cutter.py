"""Sentences out of a stream of text."""

from __future__ import annotations

import re

_NUMBERS = r"[ \t]*\^?\d+(?:[ \t]*[,，、;~–-][ \t]*\^?\d+)*[ \t]*"
CITATION = re.compile(rf"[\[【［〔]({_NUMBERS})[\]】］〕]")
_FOLLOWING = re.compile(rf"[ \t,]*{CITATION.pattern}[.。]?")
# What can become a citation once more text is there.
_BEGUN = re.compile(r"[\[【［〔][\d \t^,，、;~–-]*\Z")

_END = re.compile(r"\n|[.!?。！？…]+[\"'”’」』）)*_]*")
_WIDE = frozenset("。！？")
_HANGUL = re.compile(r"[가-힣]")
_ITEM = re.compile(r"\s*[-*•]?\s*\d{1,3}\.\Z")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|a\.k\.a|al|cf|vs|viz|approx|resp|figs?|eqs?|secs?|tabs?|ch|vol|pp|refs?"
    r"|dr|mr|mrs|ms|prof|st|inc|ltd)|(?<![A-Za-z])(?-i:[A-Z]))\.\Z",
    re.IGNORECASE,
)
_LONGEST = 12  # characters of an abbreviation and of what is before it
_BRACKETS = "[【［〔"
_WAIT = -1  # the text so far doesn't tell


class Cutter:
    """Takes a text in pieces and gives its sentences, however the pieces are cut.

    A sentence ends at `.`, `!`, `?`, `…` before a space, at `。`, `！`, `？`, and at a line's
    end; not at a decimal point, an abbreviation or an item's number. Citations that follow its
    end are part of it, also when they are alone on the next line.
    """

    def __init__(self) -> None:
        self._text = ""
        self._settled = 0

    def feed(self, piece: str) -> list[str]:
        """Take a piece, and give the sentences that are certain now."""
        self._text += piece
        return self._take(final=False)

    def end(self) -> list[str]:
        """Give the rest."""
        found = self._take(final=True)
        rest, self._text = self._text.strip(), ""
        return [*found, rest] if rest else found

    def _take(self, final: bool) -> list[str]:
        found: list[str] = []
        while True:
            end, self._settled = _find_end(self._text, self._settled, final)
            if end is None:
                return found
            found.append(self._text[:end].strip())
            self._text, self._settled = self._text[end:], 0


def is_ended(sentence: str) -> bool:
    """Whether a text's last sentence has an end, or breaks off."""
    plain = sentence.rstrip(" \t\n\"'”’」』）)*_")
    cited = [match.end() for match in CITATION.finditer(plain)]
    return plain.endswith((*".!?…", *_WIDE)) or bool(cited and cited[-1] == len(plain))


def _find_end(text: str, settled: int, final: bool) -> tuple[int | None, int]:
    """Where the first sentence ends.

    Args:
        text: What is there.
        settled: It doesn't end before here, whatever follows.
        final: Whether nothing follows.

    Returns:
        The end, `None` where there is none or it can't be told yet; and the new `settled`.
    """
    begin = len(text) - len(text.lstrip())
    start, sure = settled, True
    while mark := _END.search(text, start):
        start = mark.end()
        if mark.start() <= begin:
            continue
        if mark.group() == "\n":
            start = mark.start()
        else:
            ends = _ends_at(text, mark, final)
            if ends is None:
                return None, settled
            if not ends:
                # At the text's end, and before what may become a citation, it may yet be one.
                sure = sure and text[start : start + 1] not in ("", *_BRACKETS)
                settled = start if sure else settled
                continue
        end = _after_citations(text, start, final)
        return (None if end == _WAIT else end), settled
    return None, settled


def _ends_at(text: str, mark: re.Match[str], final: bool) -> bool | None:
    """Whether a sentence ends at a mark of punctuation; `None` where more text has to tell."""
    end, stop = mark.end(), mark.group()
    following = text[end : end + 1]
    closed = stop[-1] not in ".!?。！？…"
    if stop[0] in _WIDE:  # `「...。」と` goes on
        return not (closed and following.isalnum())
    if following and not following.isspace() and not CITATION.match(text, end):
        before = text[mark.start() - 1]
        return bool(_HANGUL.match(before) and _HANGUL.match(following))
    if stop[0] in "!?":
        return True
    if stop == "." and (
        _ABBREVIATION.search(text, max(0, end - _LONGEST), end)
        or _ITEM.match(text[_line_start(text, end) : end])
    ):
        return False  # at the end of a line, that is one
    if not final and _is_open(text, end):
        return None
    rest = text[end:].lstrip(" \t")
    return not (rest[:1].isascii() and rest[:1].islower())


def _line_start(text: str, end: int) -> int:
    return text.rfind("\n", 0, end) + 1


def _is_open(text: str, end: int) -> bool:
    """Whether nothing but blanks follows so far."""
    return not text[end:].strip(" \t")


def _at_line_end(text: str, end: int) -> bool:
    return text[end:].lstrip(" \t")[:1] in ("", "\n")


def _after_citations(text: str, end: int, final: bool) -> int:
    """Where a sentence ends together with the citations after it; `_WAIT` until that is sure."""
    place, found = _skip_citations(text, end)
    if not final and _may_go_on(text, place):
        return _WAIT
    if found:
        return place
    line = place + len(text[place:]) - len(text[place:].lstrip())
    if line == len(text):
        return end if final else _WAIT
    if "\n" not in text[place:line]:
        return end
    place, found = _skip_citations(text, line)
    if not final and _may_go_on(text, place):
        return _WAIT
    alone = found and _at_line_end(text, place)
    return place if alone else end


def _skip_citations(text: str, place: int) -> tuple[int, bool]:
    """Where the citations from a place on end, and whether there are any."""
    found = False
    while match := _FOLLOWING.match(text, place):
        place, found = match.end(), True
    return place, found


def _may_go_on(text: str, place: int) -> bool:
    """Whether what comes next may be one more citation."""
    rest = text[place:].lstrip(" \t,")
    return not rest or bool(_BEGUN.match(rest))
