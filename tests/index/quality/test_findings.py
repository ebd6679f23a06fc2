"""What evidence may look like."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from index.papers import Paper
from index.quality.findings import MAX_QUOTE, Finding, Flag, in_order, in_place, quote
from tests.index.quality.made import paper


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("강이\n  흐른다", "강이 흐른다"),
        ("", ""),
        ("강" * MAX_QUOTE, "강" * MAX_QUOTE),
        ("강" * (MAX_QUOTE + 1), "강" * (MAX_QUOTE - 1) + "…"),
        ("a\x00b\ud800c\u202ed", "a\ufffdb\ufffdc\ufffdd"),
    ],
)
def test_quotes_are_short_and_on_one_line(text: str, shown: str) -> None:
    assert quote(text) == shown


def test_findings_stand_as_their_papers_do_then_by_flag_and_place() -> None:
    papers = [paper(2, "강", "돌"), paper(1, "강", "돌")]
    wanted = [
        Finding("2405.00002", Flag.DUPLICATE_SUMMARY, "x"),
        Finding("2405.00002", Flag.DUPLICATE_SUMMARY, "x", "What's New", 3, 4),
        Finding("2405.00002", Flag.DUPLICATE_SUMMARY, "x", "Technical Details", 0, 4),
        Finding("2405.00002", Flag.UNTRANSLATED, "x", "What's New", 0, 4),
        Finding("2405.00001", Flag.DUPLICATE_SUMMARY, "x"),
    ]
    assert in_order(reversed(wanted), papers) == wanted


def test_papers_that_are_in_place_are_not_copied() -> None:
    papers = [paper(number, "강") for number in range(1, 6)]
    ordered = tuple(in_place(papers))
    assert in_place(ordered) is ordered
    assert sorted(one.id for one in ordered) == [one.id for one in papers]
    for mixed in (ordered[::-1], (*ordered[2:], *ordered[:2])):
        assert tuple(in_place(mixed)) == ordered


def test_papers_are_gone_through_once_for_all_findings() -> None:
    class Counting(list[Paper]):
        read = 0

        def __iter__(self) -> Iterator[Paper]:
            Counting.read += 1
            return super().__iter__()

    papers = Counting([paper(1, "강"), paper(2, "강")])
    found = [Finding("2405.00002", Flag.UNTRANSLATED, "x", "What's New", 0, 1)]
    assert in_order(iter(found), papers) == found
    assert Counting.read == 1
    assert in_order([], papers) == []
