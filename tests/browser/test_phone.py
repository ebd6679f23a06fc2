"""The page on a screen as wide as a phone's."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.questions import BOLTS_PAPER, FOREIGN, HOSTILE, HOSTILE_PAPER, KOREAN
from tests.browser.reader import Reader
from tests.browser.site import NEAREST

pytestmark = pytest.mark.slow

PHONE = (390, 844)
NARROW = (320, 640)
LONG = "가나다라마바사" * 40
PLACES: list[dict[str, str]] = [
    {},
    {"q": KOREAN},
    {"q": HOSTILE, "cite": "1", "since": "2025-03-01", "section": "What's New"},
    {"q": FOREIGN},
    {"q": LONG},
    {"paper": HOSTILE_PAPER},
    {"paper": BOLTS_PAPER},
    {"view": "map", "q": KOREAN},
    {"view": "timeline"},
    {"view": "index"},
]


def _fits(reader: Reader) -> None:
    wide = reader.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, reader.page.url


def _is_within(reader: Reader, one: Locator) -> None:
    box = one.bounding_box()
    size = reader.page.viewport_size
    assert box
    assert size
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]


@pytest.mark.parametrize(("language", "size"), [("ko", PHONE), ("en", PHONE), ("en", NARROW)])
def test_no_view_scrolls_sideways(open_page: Open, language: str, size: tuple[int, int]) -> None:
    reader = open_page(language, size=size)
    for place in PLACES:
        reader.visit(**place)
        reader.settles()
        _fits(reader)


def test_all_controls_are_within_reach(open_page: Open) -> None:
    reader = open_page(size=PHONE, has_touch=True, is_mobile=True)
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    for name in ("papers", "map", "timeline", "index"):
        _is_within(reader, reader.link(name))
    for name in ("languageLabel", "theme_auto", "ask"):
        _is_within(reader, reader.button(name))
    reader.page.get_by_text(reader.words("filters"), exact=True).tap()
    for name in ("since", "until", "votes", "section"):
        field = reader.page.get_by_label(reader.words(name))
        expect(field).to_be_visible()
        _is_within(reader, field)
    _fits(reader)


def test_a_finger_finds_a_paper_on_the_map_and_then_opens_it(open_page: Open) -> None:
    reader = open_page(size=PHONE, has_touch=True, is_mobile=True)
    reader.visit(view="map", q=HOSTILE)
    expect(reader.chart).to_have_attribute("data-lit", str(NEAREST))
    reader.canvas.focus()
    for _ in range(4):
        reader.page.keyboard.press("+")
    reader.page.keyboard.press("Enter")
    tip = reader.chart.get_by_role("status")
    title = tip.locator("strong").inner_text()
    box = reader.canvas.bounding_box()
    assert box
    corner, middle = (box["x"] + 3, box["y"] + 3), (box["width"] / 2, box["height"] / 2)
    reader.page.touchscreen.tap(*corner)
    expect(tip).to_be_hidden()
    reader.canvas.tap(position={"x": middle[0], "y": middle[1]})
    expect(tip.locator("strong")).to_have_text(title)
    assert "paper=" not in reader.page.url
    reader.canvas.tap(position={"x": middle[0], "y": middle[1]})
    expect(reader.page.get_by_role("heading", level=1)).to_contain_text(title)


def test_a_question_is_asked_and_a_citation_followed(open_page: Open) -> None:
    reader = open_page("en", size=PHONE, has_touch=True, is_mobile=True)
    reader.visit()
    reader.box.tap()
    reader.page.keyboard.type(KOREAN)
    reader.button("ask").tap()
    reader.is_asked(KOREAN)
    reader.region("answer").get_by_role("link", name=f"{reader.words('source')} 1").tap()
    expect(reader.page.locator("mark.cited").first).to_be_in_viewport()
