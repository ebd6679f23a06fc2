"""A service that wants a key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.questions import KOREAN, RAG_PAPER
from tests.browser.reader import Reader
from tests.browser.site import Site
from tests.services import Service

pytestmark = pytest.mark.slow

KEY = "열쇠 of the tests"


@pytest.fixture(scope="module")
def guarded(site: Site) -> Iterator[str]:
    variables = {"NONMUN_SERVER__ADMIN_KEY": KEY, "NONMUN_SERVER__ANONYMOUS": "false"}
    with Service(site.store.folder, **variables) as service:
        yield service.url


def _enter(reader: Reader, key: str) -> None:
    reader.page.get_by_label(reader.words("keyLabel"), exact=True).fill(key)
    reader.button("keyEnter").click()


@pytest.mark.parametrize("language", ["ko", "en"])
def test_it_is_asked_for_and_kept_as_long_as_the_tab_is(
    open_page: Open, guarded: str, language: str
) -> None:
    reader = open_page(language, url=guarded)
    reader.watch.expect("status of 401")
    reader.visit(q=KOREAN)
    expect(reader.alert.first).to_contain_text(reader.words("keyNeeded"))
    expect(reader.hits).to_have_count(0)
    _enter(reader, "nonmun_wrong")
    expect(reader.alert.first).to_contain_text("not known")
    _enter(reader, KEY)
    reader.is_asked(KOREAN)
    reader.page.reload()
    reader.is_asked(KOREAN)
    assert KEY not in reader.page.url
    assert reader.page.evaluate("localStorage.length") == 0


def test_every_view_asks_for_it(open_page: Open, guarded: str) -> None:
    reader = open_page(url=guarded)
    reader.watch.expect("status of 401")
    for place in ({}, {"view": "map"}, {"view": "timeline"}, {"view": "index"}, {"paper": "x"}):
        reader.visit(**place)
        expect(reader.alert.first).to_contain_text(reader.words("keyNeeded"))


def test_what_is_under_way_with_another_key_is_asked_for_anew(
    open_page: Open, guarded: str
) -> None:
    reader = open_page(url=guarded)
    reader.watch.expect("status of 401")
    held = reader.hold("**/v1/papers/*")
    reader.visit(paper=RAG_PAPER)
    expect(reader.alert.first).to_contain_text(reader.words("keyNeeded"))
    _enter(reader, KEY)
    held.release()
    reader.settles()
    expect(reader.page.locator(".paper h1")).to_be_visible()
    expect(reader.alert).to_have_count(0)


def test_nothing_more_is_asked_for_once_a_key_is_refused(open_page: Open, guarded: str) -> None:
    reader = open_page(url=guarded)
    reader.watch.expect("status of 401")
    reader.visit(q=KOREAN)
    expect(reader.alert.first).to_contain_text(reader.words("keyNeeded"))
    _enter(reader, "nonmun_wrong")
    expect(reader.alert.first).to_contain_text("not known")
    reader.page.wait_for_load_state("networkidle")
    assert reader.watch.paths("/v1/") == ["/v1/index", "/v1/index"]
