"""Days as people name them."""

from __future__ import annotations

from datetime import date

import pytest

from rag.days import day_of

TODAY = date(2024, 3, 1)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2023-12-31", date(2023, 12, 31)),
        ("today", TODAY),
        ("yesterday", date(2024, 2, 29)),
        (" Yesterday ", date(2024, 2, 29)),
        ("0d", TODAY),
        ("7d", date(2024, 2, 23)),
        ("1 day ago", date(2024, 2, 29)),
        ("30 days", date(2024, 1, 31)),
    ],
)
def test_a_day_has_several_names(text: str, day: date) -> None:
    assert day_of(text, TODAY) == day


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2024-13-01", "2024-02-30", "-1d", "d", "999999d", "9999999d", "٣d", "1.5d"],
)
def test_what_is_no_day_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM-DD, today, yesterday") as raised:
        day_of(text, TODAY)
    assert repr(text) in str(raised.value)


def test_yesterday_is_the_day_before_the_local_one() -> None:
    before = date.today()
    found = day_of("yesterday")
    assert (before - found).days == 1 or date.today() != before
