"""Digests that mean harm are shown as text, and nothing is loaded from elsewhere."""

from __future__ import annotations

import re
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.browser.questions import HOSTILE, HOSTILE_PAPER, KOREAN, SCRIPT_PAPER
from tests.browser.reader import Reader
from tests.browser.site import NEAREST, Site

pytestmark = pytest.mark.slow

TITLE = '<script>window.hacked = "title"</script><img src=x onerror="window.hacked = 1">'
INSIDE = (
    "#main script, #main style, #main img, #main iframe, #main b b,"
    " #main [onerror], #main a[href^=javascript]"
)


def _is_harmless(reader: Reader) -> None:
    expect(reader.page.locator(INSIDE)).to_have_count(0)
    assert reader.page.evaluate("window.hacked") is None
    expect(reader.box.or_(reader.page.locator(".back"))).to_be_visible()


def test_markup_in_what_was_found_is_text(reader: Reader) -> None:
    reader.visit(q=HOSTILE, cite="1")
    reader.is_asked(HOSTILE)
    first = reader.hits.first
    expect(first.get_by_role("heading")).to_contain_text(TITLE)
    expect(first).to_contain_text("<b>Mallory Script</b>")
    expect(first).to_contain_text('<script>window.hacked = "passage"</script>')
    expect(first).to_contain_text("<style>body { display: none }</style> </span><a href=")
    expect(reader.region("answer")).to_contain_text('<img src="x" onerror="window.hacked = 2">')
    expect(reader.region("answer").get_by_role("link", name=TITLE)).to_be_visible()
    _is_harmless(reader)


def test_markup_in_a_paper_is_text(reader: Reader) -> None:
    reader.visit(paper=HOSTILE_PAPER)
    expect(reader.page.get_by_role("heading", level=1)).to_contain_text(TITLE)
    expect(reader.page.locator("article.paper")).to_contain_text("눌러 보세요</a>")
    expect(reader.page).to_have_title(re.compile(re.escape(TITLE)))
    reader.settles()
    _is_harmless(reader)


def test_markup_on_the_map_is_text(reader: Reader) -> None:
    reader.visit(view="map", q=HOSTILE)
    expect(reader.chart).to_have_attribute("data-lit", str(NEAREST))
    reader.canvas.focus()
    reader.page.keyboard.press("Enter")
    expect(reader.chart.get_by_role("status")).to_contain_text(TITLE)
    _is_harmless(reader)


def test_markup_in_the_address_is_text(reader: Reader) -> None:
    reader.watch.expect("status of 404")
    for name in ("q", "section"):
        reader.visit(**{"q": KOREAN, name: TITLE})
        reader.settles()
        _is_harmless(reader)
    reader.visit(paper=TITLE)
    expect(reader.alert).to_contain_text("<script>")
    _is_harmless(reader)


def test_a_script_address_is_no_link(reader: Reader) -> None:
    reader.visit(paper=SCRIPT_PAPER)
    heading = reader.page.get_by_role("heading", level=1)
    expect(heading).to_have_text("스크립트 주소를 가진 곤충 소리 분류 논문")
    expect(heading.get_by_role("link")).to_have_count(0)
    reader.settles()
    _is_harmless(reader)
    question = "곤충 소리 분류"
    reader.visit(q=question)
    reader.is_asked(question)
    expect(reader.hits.first).to_have_attribute("data-paper", SCRIPT_PAPER)
    expect(reader.hits.first.get_by_role("heading").get_by_role("link")).to_have_count(0)
    _is_harmless(reader)


def test_what_was_put_into_the_page_would_not_run(reader: Reader) -> None:
    reader.watch.expect("policy: |Content Security Policy")
    reader.visit()
    reader.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend',"
        " '<img src=data:, onerror=\"window.hacked = 5\">');"
        "document.body.append(Object.assign(document.createElement('script'),"
        " {textContent: 'window.hacked = 6'}))"
    )
    expect(reader.page.locator("body > img")).to_have_count(1)
    reader.page.wait_for_function("document.querySelector('body > img').complete")
    assert reader.page.evaluate("window.hacked") is None
    assert any("policy:" in one for one in reader.watch.wrong)


def test_the_policy_lets_nothing_in_from_elsewhere(site: Site) -> None:
    with urllib.request.urlopen(f"{site.url}/") as reply:
        policy = reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_no_view_asks_another_host(reader: Reader) -> None:
    """Papers have pictures elsewhere; to show them would tell others what is read."""
    for place in ({"q": KOREAN}, {"paper": HOSTILE_PAPER}, {"view": "map"}, {"view": "index"}):
        reader.visit(**place)
        reader.settles()
    reader.page.wait_for_load_state("networkidle")
    assert {one.url.split("/")[2] for one in reader.watch.requests} == {
        reader.site.removeprefix("http://")
    }
