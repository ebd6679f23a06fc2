"""What an answer is made of."""

from __future__ import annotations

from index.papers import Passage, Run, Source
from rag.citing import Citations, say

TEXT = "첫 문장이다. 둘째 문장이다 [3]."


def _passage(name: str = "2401.00001#0.0") -> Passage:
    whole = Source("a.md", 10, 10 + len(TEXT))
    runs = (Run(0, 10, len(TEXT)),)
    return Passage(name, "2401.00001", "Summary", TEXT, whole, runs, ((0, 7), (8, len(TEXT))))


def test_the_same_quote_has_the_same_number_again() -> None:
    given = Citations()
    one, two = given.cite(_passage(), 0, 7), given.cite(_passage(), 8, 15)
    assert (one.number, two.number) == (1, 2)
    assert given.cite(_passage(), 0, 7) is one
    assert given.cite(_passage("2401.00001#1.0"), 0, 7).number == 3
    assert [citation.number for citation in given.all] == [1, 2, 3]
    assert (one.quote, one.source) == ("첫 문장이다.", Source("a.md", 10, 17))


def test_what_a_digest_has_in_brackets_is_no_citation() -> None:
    given = Citations()
    said = say("둘째 문장이다 [3][12], [a].", [given.cite(_passage(), 8, len(TEXT))])
    assert said.text == "둘째 문장이다 (3)(12), [a]. [1]"
    assert said.citations[0].quote == "둘째 문장이다 [3]."  # that stays word for word
