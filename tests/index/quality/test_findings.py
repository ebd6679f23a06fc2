"""What evidence may look like."""

from __future__ import annotations

import pytest

from index.quality.findings import MAX_QUOTE, Finding, Flag, in_order, quote
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
