"""Weeks of the page's timeline, compared with Python's calendar."""

from __future__ import annotations

import datetime as dt
import json
from functools import lru_cache

import pytest

from tests.web.node import node

FIRST, LAST = dt.date(1999, 12, 20), dt.date(2031, 1, 10)
_SCRIPT = """
import { monday } from "./weeks.js";
const mondays = {};
for (let at = Date.parse(process.argv[1]); at <= Date.parse(process.argv[2]); at += 86400000) {
  const day = new Date(at).toISOString().slice(0, 10);
  mondays[day] = monday(day);
}
console.log(JSON.stringify(mondays));
"""


@lru_cache
def _mondays(zone: str = "UTC") -> dict[str, str]:
    """The Monday of each day, by the page in a browser of a time zone."""
    script = ["--input-type=module", "--eval", _SCRIPT]
    done = node(*script, FIRST.isoformat(), LAST.isoformat(), zone=zone)
    assert done.returncode == 0, done.stderr
    made: dict[str, str] = json.loads(done.stdout)
    return made


def _expected(day: dt.date) -> str:
    year, week, _ = day.isocalendar()
    return dt.date.fromisocalendar(year, week, 1).isoformat()


@pytest.mark.parametrize("year", range(FIRST.year + 1, LAST.year + 1))
def test_the_mondays_around_a_new_year_are_pythons(year: int) -> None:
    begins = dt.date(year, 1, 1)
    for days in range(-10, 10):
        day = begins + dt.timedelta(days)
        assert _mondays()[day.isoformat()] == _expected(day)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/Los_Angeles"])
def test_the_mondays_of_all_days_are_pythons_wherever_the_reader_is(zone: str) -> None:
    days = [FIRST + dt.timedelta(n) for n in range((LAST - FIRST).days + 1)]
    assert _mondays(zone) == {day.isoformat(): _expected(day) for day in days}
