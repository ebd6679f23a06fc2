"""The map and the timeline."""

from __future__ import annotations

import re
from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.browser.conftest import Open
from tests.browser.questions import ENGLISH, KOREAN
from tests.browser.reader import Reader
from tests.browser.site import HOSTILE_DAY, NEAREST, PAPERS

pytestmark = pytest.mark.slow


def _drawn(reader: Reader, lit: int = 0) -> None:
    expect(reader.chart).to_have_attribute("data-drawn", str(PAPERS))
    expect(reader.chart).to_have_attribute("data-lit", str(lit))


def _tip(reader: Reader) -> Locator:
    return reader.chart.get_by_role("status")


def _first_lit(reader: Reader) -> tuple[float, float]:
    """Go to the first paper of the question, which is then in the middle; where that is."""
    reader.canvas.focus()
    for _ in range(4):
        reader.page.keyboard.press("+")
    reader.page.keyboard.press("Enter")
    expect(_tip(reader)).to_be_visible()
    box = reader.canvas.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_all_papers_are_drawn_and_none_is_lit_without_a_question(reader: Reader) -> None:
    reader.visit(view="map")
    _drawn(reader)
    expect(reader.region("mapTitle")).to_contain_text(reader.words("mapAll"))


def test_where_not_all_papers_are_drawn_it_is_said(reader: Reader) -> None:
    def cut(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json={**reply.json(), "total": 402_223})

    reader.page.route("**/v1/map", cut)
    reader.visit(view="map")
    _drawn(reader)
    expect(reader.region("mapTitle")).to_contain_text("402,223")
    expect(reader.region("mapTitle")).to_contain_text(f"{PAPERS}")
    reader.page.unroute("**/v1/map")
    reader.visit(view="map")
    _drawn(reader)
    expect(reader.region("mapTitle")).to_contain_text(reader.words("mapAll"))
    expect(reader.region("mapTitle")).not_to_contain_text("402,223")


def test_the_papers_of_the_question_are_lit(reader: Reader) -> None:
    reader.visit(view="map", q=KOREAN, since="2025-03-04")
    reader.settles()
    _drawn(reader, lit=NEAREST)
    expect(reader.region("mapTitle")).to_contain_text(reader.words("mapLit"))


def test_another_question_on_the_map_lights_others(reader: Reader) -> None:
    reader.visit(view="map", since=HOSTILE_DAY)
    _drawn(reader)
    reader.box.fill(ENGLISH)
    reader.box.press("Enter")
    _drawn(reader, lit=4)
    assert "view=map" in reader.page.url


def test_the_wheel_the_buttons_and_the_keys_zoom(reader: Reader) -> None:
    reader.visit(view="map")
    _drawn(reader)
    expect(reader.chart).to_have_attribute("data-scale", "1.00")
    reader.canvas.hover()
    reader.page.mouse.wheel(0, -400)
    expect(reader.chart).not_to_have_attribute("data-scale", "1.00")
    reader.button("whole_map").click()
    expect(reader.chart).to_have_attribute("data-scale", "1.00")
    reader.button("zoomIn").click()
    expect(reader.chart).to_have_attribute("data-scale", "1.60")
    reader.canvas.focus()
    reader.page.keyboard.press("+")
    expect(reader.chart).to_have_attribute("data-scale", "2.56")
    reader.page.keyboard.press("0")
    expect(reader.chart).to_have_attribute("data-scale", "1.00")


def test_a_point_says_what_it_is_and_opens_its_paper(reader: Reader) -> None:
    reader.visit(view="map", q=KOREAN)
    _drawn(reader, lit=NEAREST)
    middle = _first_lit(reader)
    title = _tip(reader).locator("strong").inner_text()
    reader.page.mouse.move(5, 5)
    reader.page.mouse.move(*middle)
    expect(_tip(reader).locator("strong")).to_have_text(title)
    reader.page.mouse.click(*middle)
    heading = reader.page.get_by_role("heading", level=1)
    expect(heading).to_contain_text(title)
    reader.page.keyboard.press("Escape")
    expect(reader.page).to_have_url(re.compile(r"view=map"))
    _drawn(reader, lit=NEAREST)


def test_dragging_moves_the_map_and_opens_nothing(reader: Reader) -> None:
    reader.visit(view="map", q=KOREAN)
    _drawn(reader, lit=NEAREST)
    x, y = _first_lit(reader)
    style = _tip(reader).get_attribute("style")
    reader.page.mouse.move(x, y)
    reader.page.mouse.down()
    reader.page.mouse.move(x + 60, y + 40, steps=4)
    reader.page.mouse.up()
    expect(_tip(reader)).not_to_have_attribute("style", style or "")
    assert "paper=" not in reader.page.url


def test_colours_follow_topics_or_months(reader: Reader) -> None:
    reader.visit(view="map")
    _drawn(reader)
    before = reader.pixels()
    reader.button("byMonth").click()
    expect(reader.button("byMonth")).to_have_attribute("aria-pressed", "true")
    expect(reader.button("byTopic")).to_have_attribute("aria-pressed", "false")
    reader.changes(before)


def test_beside_the_answer_the_map_can_be_enlarged(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    _drawn(reader, lit=NEAREST)
    reader.link("enlarge").click()
    expect(reader.page).to_have_url(re.compile("view=map"))
    _drawn(reader, lit=NEAREST)
    expect(reader.button("byTopic")).to_be_visible()


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_timeline_counts_all_papers_by_week(open_page: Open, language: str) -> None:
    reader = open_page(language)
    reader.visit(view="timeline")
    label = reader.words("barLabel", since="2025-03-03", until="2025-03-09", n=30)
    expect(reader.page.get_by_role("link", name=label)).to_be_visible()
    label = reader.words("barLabel", since=HOSTILE_DAY, until="2025-03-16", n=4)
    expect(reader.page.get_by_role("link", name=label)).to_be_visible()


def test_a_bar_of_the_timeline_leads_to_its_papers(reader: Reader) -> None:
    reader.visit(view="timeline", q=KOREAN)
    bars = reader.page.locator(".timeline a")
    expect(bars.first).to_be_visible()
    counts = [re.findall(r"\d+", bar.get_attribute("aria-label") or "")[-1] for bar in bars.all()]
    assert sum(map(int, counts)) == NEAREST
    since = parse_qs(urlsplit(bars.first.get_attribute("href") or "").query)["since"][0]
    reader.page.evaluate("window.isSamePage = true")
    bars.first.click()
    expect(reader.page).to_have_url(re.compile(f"since={since}"))
    reader.settles()
    assert reader.page.evaluate("window.isSamePage")
    expect(reader.hits).to_have_count(10)
    week = {str(date.fromisoformat(since) + timedelta(n)) for n in range(7)}
    shown = [one.get_attribute("datetime") for one in reader.hits.locator("time").all()]
    assert set(shown) <= week
    expect(reader.page.get_by_label(reader.words("since"))).to_have_value(since)


def test_a_map_of_another_version_is_not_asked_for_without_end(reader: Reader) -> None:
    """Such as where a version was published after the question was asked."""
    reader.rewrite("**/v1/ask", lambda body: body.update(index_version="another"))
    reader.visit(view="map", q=KOREAN)
    _drawn(reader, lit=NEAREST)
    reader.page.wait_for_load_state("networkidle")
    assert len(reader.watch.paths("/v1/map")) <= 2
    assert len(reader.watch.paths("/v1/search")) == 1


def test_without_a_map_there_is_a_timeline_all_the_same(reader: Reader) -> None:
    reader.fail("**/v1/map", 500, "the map can't be read")
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    expect(reader.alert).to_contain_text("the map can't be read")
    expect(reader.region("timelineTitle")).to_contain_text(reader.words.begin("timelineHelp"))


def test_what_the_map_could_not_ask_is_said(reader: Reader) -> None:
    reader.fail("**/v1/search", 503, "too many requests wait")
    reader.visit(view="timeline", q=KOREAN)
    expect(reader.alert).to_contain_text("too many requests wait")
    reader.page.unroute("**/v1/search")
    reader.button("again").click()
    expect(reader.region("timelineTitle").get_by_role("link").first).to_be_visible()
