"""The page without a mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.questions import KOREAN, RAG_PAPER
from tests.browser.reader import Reader
from tests.browser.site import NEAREST

pytestmark = pytest.mark.slow


def _focused(reader: Reader) -> str:
    """The paper that has the focus."""
    found: str = reader.page.evaluate(
        "document.activeElement.closest('[data-paper]')?.dataset.paper ?? ''"
    )
    return found


def test_a_question_is_asked_and_a_paper_opened_by_keys_alone(reader: Reader) -> None:
    reader.visit()
    press = reader.page.keyboard.press
    press("/")
    expect(reader.box).to_be_focused()
    reader.page.keyboard.type(KOREAN)
    press("Enter")
    reader.is_asked(KOREAN)
    ids = reader.ids()
    press("ArrowDown")
    assert _focused(reader) == ids[0]
    press("ArrowDown")
    press("ArrowDown")
    assert _focused(reader) == ids[2]
    expect(reader.hits.nth(2)).to_be_in_viewport()
    press("ArrowUp")
    press("Enter")
    heading = reader.page.get_by_role("heading", level=1)
    expect(heading).to_be_focused()
    assert f"paper={ids[1]}" in reader.page.url
    press("Escape")
    expect(reader.hits.nth(1)).to_be_focused()


def test_the_first_paper_leads_up_to_the_question(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    reader.page.keyboard.press("ArrowDown")
    reader.page.keyboard.press("ArrowUp")
    expect(reader.box).to_be_focused()


def test_a_slash_selects_what_was_asked_and_can_be_typed(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    reader.page.keyboard.press("/")
    reader.page.keyboard.type("TCP/IP")
    expect(reader.box).to_have_value("TCP/IP")
    reader.page.keyboard.press("Escape")
    expect(reader.box).not_to_be_focused()
    expect(reader.box).to_have_value("TCP/IP")


def test_a_slash_asks_from_a_paper_as_well(reader: Reader) -> None:
    reader.visit(paper=RAG_PAPER)
    expect(reader.page.get_by_role("heading", level=1)).to_be_focused()
    reader.page.keyboard.press("/")
    expect(reader.box).to_be_focused()


def test_similar_papers_are_followed_by_keys(reader: Reader) -> None:
    reader.visit(paper=RAG_PAPER)
    expect(reader.region("similar").get_by_role("article")).to_have_count(10)
    following = reader.ids()[0]
    reader.page.keyboard.press("ArrowDown")
    reader.page.keyboard.press("Enter")
    expect(reader.page).to_have_url(re.compile(re.escape(f"paper={following}")))
    reader.page.keyboard.press("Escape")
    expect(reader.page).to_have_url(re.compile(re.escape(f"paper={RAG_PAPER}")))


def test_keys_of_the_browser_are_left_alone(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    reader.page.keyboard.press("Control+/")
    reader.page.keyboard.press("Alt+ArrowDown")
    assert reader.page.evaluate("document.activeElement.tagName") == "BODY"


def test_the_first_tab_skips_to_the_results(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    reader.page.keyboard.press("Tab")
    expect(reader.link("skip")).to_be_focused()
    expect(reader.link("skip")).to_be_in_viewport()
    reader.page.keyboard.press("Enter")
    expect(reader.page.locator("#main")).to_be_focused()
    reader.page.keyboard.press("Tab")
    expect(reader.box).to_be_focused()
    assert reader.ids()


def test_every_control_is_reached_by_tab_and_shows_it(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    expect(reader.chart).to_have_attribute("data-drawn", re.compile(r"\d"))
    wanted = reader.page.locator("a[href]:visible, button:visible, input:visible, canvas").count()
    seen = set()
    for _ in range(2 * wanted):
        reader.page.keyboard.press("Tab")
        found = reader.page.evaluate(_WHERE)
        assert found["outline"] or found["number"] < 0, found
        if found["number"] in seen:
            break
        seen.add(found["number"])
    assert len(seen - {-1}) >= wanted


_WHERE = """() => {
  const at = document.activeElement;
  const all = [...document.querySelectorAll("a, button, input, select, summary, [tabindex]")];
  const style = getComputedStyle(at);
  return {
    number: all.indexOf(at),
    html: at.outerHTML.slice(0, 80),
    outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
  };
}"""


def test_the_map_is_walked_by_keys(reader: Reader) -> None:
    reader.visit(view="map", q=KOREAN)
    expect(reader.chart).to_have_attribute("data-lit", str(NEAREST))
    reader.canvas.focus()
    tip = reader.chart.get_by_role("status")
    reader.page.keyboard.press("Enter")
    first = tip.locator("strong").inner_text()
    reader.page.keyboard.press("Enter")
    expect(tip.locator("strong")).not_to_have_text(first)
    second = tip.locator("strong").inner_text()
    reader.page.keyboard.press("ArrowRight")
    reader.page.keyboard.press("Space")
    expect(reader.page.get_by_role("heading", level=1)).to_contain_text(second)
    reader.page.keyboard.press("Escape")
    expect(reader.page).to_have_url(re.compile("view=map"))


def test_a_bar_of_the_timeline_is_chosen_by_keys(reader: Reader) -> None:
    reader.visit(view="timeline", q=KOREAN)
    bar = reader.region("timelineTitle").get_by_role("link").first
    bar.focus()
    reader.page.keyboard.press("Enter")
    expect(reader.page).to_have_url(re.compile("since=2023-12-04"))
    reader.settles()
    expect(reader.hits).to_have_count(10)
