"""Filters, and an address that holds the whole state."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.questions import ENGLISH, KOREAN
from tests.browser.reader import Reader
from tests.browser.site import HOSTILE_DAY

pytestmark = pytest.mark.slow


def _place(reader: Reader) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(reader.page.url).query).items()}


def _answered(reader: Reader, **filters: str) -> None:
    reader.visit(q=KOREAN, **filters)
    reader.settles()
    reader.open_filters()


def test_days_narrow_the_papers(reader: Reader) -> None:
    _answered(reader)
    reader.page.get_by_label(reader.words("since")).fill("2025-03-04")
    reader.settles()
    reader.page.get_by_label(reader.words("until")).fill("2025-03-04")
    reader.settles()
    expect(reader.hits.locator("time:not([datetime='2025-03-04'])")).to_have_count(0)
    expect(reader.hits).to_have_count(10)
    assert _place(reader) == {"q": KOREAN, "since": "2025-03-04", "until": "2025-03-04"}


def test_votes_narrow_the_papers(reader: Reader) -> None:
    _answered(reader)
    votes = reader.page.get_by_label(reader.words("votes"))
    votes.fill("40")
    votes.press("Enter")
    expect(reader.page).to_have_url(re.compile("votes=40"))
    reader.settles()
    shown = reader.hits.locator(".votes [aria-hidden]").all_text_contents()
    assert len(shown) == len(reader.ids()) > 0
    assert all(int(re.sub(r"\D", "", one)) >= 40 for one in shown)


def test_a_section_narrows_the_passages(reader: Reader) -> None:
    _answered(reader)
    choice = reader.page.get_by_label(reader.words("section"))
    choice.select_option("Performance Highlights")
    expect(reader.page).to_have_url(re.compile("section=Performance"))
    reader.settles()
    assert set(reader.hits.locator(".section").all_text_contents()) == {"Performance Highlights"}
    choice.select_option(reader.words("anySection"))
    expect(reader.hits.locator(".section").filter(has_text="What's New").first).to_be_visible()


def test_filters_that_let_nothing_through_say_so_and_are_cleared(reader: Reader) -> None:
    reader.visit(q=KOREAN, votes="999999")
    expect(reader.status(reader.words("empty"))).to_be_visible()
    expect(reader.hits).to_have_count(0)
    reader.link("clear").click()
    expect(reader.hits).to_have_count(10)
    assert _place(reader) == {"q": KOREAN}


def test_a_shared_address_shows_the_same_to_another(open_page: Open) -> None:
    first = open_page()
    _answered(first, since="2023-12-01", until="2025-03-03", votes="20", n="30")
    first.page.get_by_label(first.words("section")).select_option("What's New")
    expect(first.page).to_have_url(re.compile("section="))
    first.settles()
    other = open_page("en")
    other.page.goto(first.page.url)
    other.settles()
    expect(other.hits).to_have_count(len(first.ids()))
    assert other.ids() == first.ids()
    expect(other.box).to_have_value(KOREAN)
    expect(other.page.get_by_label(other.words("since"))).to_have_value("2023-12-01")
    expect(other.page.get_by_label(other.words("votes"))).to_have_value("20")
    expect(other.page.get_by_label(other.words("section"))).to_have_value("What's New")


def test_back_and_forward_go_through_what_was_asked(reader: Reader) -> None:
    reader.visit()
    reader.ask(KOREAN)
    korean = reader.ids()
    reader.ask(ENGLISH)
    reader.page.go_back()
    reader.is_asked(KOREAN)
    expect(reader.box).to_have_value(KOREAN)
    assert reader.ids() == korean
    reader.page.go_back()
    expect(reader.heading("examples")).to_be_visible()
    expect(reader.box).to_have_value("")
    reader.page.go_forward()
    reader.is_asked(KOREAN)


def test_what_an_address_cannot_mean_is_left_out(reader: Reader) -> None:
    reader.visit(q=KOREAN, since="soon", votes="-1", n="31", view="moon")
    reader.is_asked(KOREAN)
    expect(reader.hits).to_have_count(10)
    expect(reader.page.locator("details.filters")).not_to_have_attribute("open", "")


def test_a_question_that_is_being_written_outlives_a_filter(reader: Reader) -> None:
    reader.visit()
    reader.box.fill(KOREAN)
    reader.open_filters()
    reader.page.get_by_label(reader.words("since")).fill(HOSTILE_DAY)
    expect(reader.page).to_have_url(re.compile("since="))
    expect(reader.box).to_have_value(KOREAN)
    reader.box.press("Enter")
    reader.settles()
    expect(reader.hits).to_have_count(4)
