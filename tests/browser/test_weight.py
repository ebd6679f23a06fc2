"""How much a browser has to load, and when."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.questions import KOREAN
from tests.browser.reader import Reader
from tests.browser.site import NEAREST, PAPERS

pytestmark = pytest.mark.slow

MOST = 150 * 1024  # bytes of the first view, compressed
PHONE = (390, 844)
# Notes, when the map is asked for, whether a frame with papers was shown before.
_NOTE_ORDER = """
let shown = false;
new MutationObserver((_, observer) => {
  if (!document.querySelector(".hit")) return;
  observer.disconnect();
  requestAnimationFrame(() => { shown = true; });
}).observe(document, { childList: true, subtree: true });
const before = window.fetch;
window.fetch = (...asked) => {
  if (String(asked[0]).endsWith("/v1/map")) window.wasShown = shown;
  return before(...asked);
};
"""


def _transferred(reader: Reader) -> int:
    """Bytes that came over the wire, with the heads of the replies."""
    total = 0
    for one in reader.watch.requests:
        if not one.url.startswith("data:"):
            sizes = one.sizes()
            total += sizes["responseBodySize"] + sizes["responseHeadersSize"]
    return total


def _kinds(page: Page) -> set[str]:
    found: list[str] = page.evaluate(
        "performance.getEntriesByType('resource').map(one => one.initiatorType)"
    )
    return set(found)


@pytest.mark.parametrize("place", [{}, {"q": KOREAN}])
def test_the_first_view_is_light(open_page: Open, place: dict[str, str]) -> None:
    reader = open_page(size=PHONE)
    reader.visit(**place)
    reader.settles()
    reader.page.wait_for_load_state("networkidle")
    assert 10_000 < _transferred(reader) < MOST
    assert "img" not in _kinds(reader.page)


def test_all_files_come_compressed_and_may_be_kept(reader: Reader) -> None:
    reader.visit()
    reader.settles()
    files = [one for one in reader.watch.requests if "/page/" in one.url]
    assert len(files) > 10
    for one in files:
        reply = one.response()
        assert reply
        assert reply.headers["content-encoding"] == "gzip"
        assert "immutable" in reply.headers["cache-control"]


def test_the_map_is_asked_for_when_it_is_needed(open_page: Open) -> None:
    reader = open_page(size=PHONE)
    reader.visit()
    reader.ask(KOREAN)
    reader.hits.first.get_by_role("link", name=f"{reader.words('whole')}:").click()
    expect(reader.region("similar").get_by_role("article")).to_have_count(10)
    assert reader.watch.paths("/v1/map") == []
    reader.page.get_by_role("link", name=reader.words("map"), exact=True).click()
    expect(reader.chart).to_have_attribute("data-drawn", str(PAPERS))
    reader.page.get_by_role("link", name=reader.words("timeline"), exact=True).click()
    expect(reader.region("timelineTitle").get_by_role("link").first).to_be_visible()
    assert len(reader.watch.paths("/v1/map")) == 1


def test_the_answer_comes_before_the_map(reader: Reader) -> None:
    held = reader.hold("**/v1/ask")
    reader.visit(q=KOREAN)
    expect(reader.status(reader.words("loading")).first).to_be_visible()
    assert reader.watch.paths("/v1/map") == []
    assert reader.watch.paths("/v1/search") == []
    held.release()
    expect(reader.chart).to_have_attribute("data-lit", str(NEAREST))


def test_the_papers_are_on_the_screen_before_the_map_is_asked_for(reader: Reader) -> None:
    reader.page.add_init_script(_NOTE_ORDER)
    reader.visit(q=KOREAN)
    expect(reader.chart).to_have_attribute("data-lit", str(NEAREST))
    assert reader.page.evaluate("window.wasShown")


def test_papers_further_down_are_laid_out_when_they_come_near(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    kinds = reader.hits.evaluate_all(
        "all => all.map(one => getComputedStyle(one).contentVisibility)"
    )
    assert kinds == ["visible"] * 3 + ["auto"] * (len(kinds) - 3)
    assert len(kinds) > 3


def test_nothing_is_asked_twice(reader: Reader) -> None:
    reader.visit()
    reader.ask(KOREAN)
    expect(reader.chart).to_have_attribute("data-lit", str(NEAREST))
    reader.link("enlarge").click()
    expect(reader.button("byTopic")).to_be_visible()
    reader.page.go_back()
    reader.is_asked(KOREAN)
    for path in ("/v1/index", "/v1/ask", "/v1/map", "/v1/search"):
        assert reader.watch.paths(path) == [path]


def test_a_question_that_is_under_way_is_not_asked_again(reader: Reader) -> None:
    reader.visit()
    reader.settles()
    held = reader.hold("**/v1/ask")
    reader.box.fill(KOREAN)
    reader.box.press("Enter")
    expect(reader.status(reader.words("loading")).first).to_be_visible()
    reader.box.press("Enter")
    held.release()
    reader.is_asked(KOREAN)
    assert reader.watch.paths("/v1/ask") == ["/v1/ask"]
