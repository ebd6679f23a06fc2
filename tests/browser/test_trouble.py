"""What goes wrong is said, and the page goes on."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.questions import ENGLISH, KOREAN, RAG_PAPER
from tests.browser.reader import Reader

pytestmark = pytest.mark.slow

ASK = "**/v1/ask"


@pytest.mark.parametrize("language", ["ko", "en"])
def test_an_error_of_the_service_is_said_and_can_be_tried_again(
    open_page: Open, language: str
) -> None:
    reader = open_page(language)
    reader.fail(ASK, 500, "something went wrong here; see the log")
    reader.visit(q=KOREAN)
    expect(reader.alert).to_contain_text(reader.words("failed"))
    expect(reader.alert).to_contain_text("see the log")
    reader.page.unroute(ASK)
    reader.button("again").click()
    reader.is_asked(KOREAN)
    expect(reader.alert).to_have_count(0)


def test_a_busy_service_is_said_with_its_reason(reader: Reader) -> None:
    reader.fail(ASK, 503, "40 requests wait already", {"Retry-After": "2"})
    reader.visit(q=KOREAN)
    expect(reader.alert).to_contain_text(reader.words("busy"))
    expect(reader.alert).to_contain_text("40 requests wait already")
    expect(reader.button("again")).to_be_visible()


def test_the_same_question_asked_again_is_tried_again(reader: Reader) -> None:
    reader.fail(ASK, 503, "40 requests wait already")
    reader.visit(q=KOREAN)
    expect(reader.alert).to_be_visible()
    reader.page.unroute(ASK)
    reader.ask(KOREAN)
    expect(reader.alert).to_have_count(0)


def test_an_error_that_is_no_problem_document_is_said_too(reader: Reader) -> None:
    reader.watch.expect("status of 502")
    reader.page.route(ASK, lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    reader.visit(q=KOREAN)
    expect(reader.alert).to_contain_text(reader.words("failed"))


def test_a_refused_question_says_what_is_allowed(reader: Reader) -> None:
    reader.watch.expect("status of 422")
    reader.visit(q="?!")
    expect(reader.alert).to_contain_text(reader.words("refused"))
    expect(reader.alert).to_contain_text("should have a word in it")
    expect(reader.button("again")).to_have_count(0)
    reader.ask(KOREAN)
    expect(reader.alert).to_have_count(0)


def test_offline_is_said_and_ends_by_itself(reader: Reader) -> None:
    reader.watch.expect("ERR_INTERNET_DISCONNECTED")
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    reader.page.context.set_offline(True)
    reader.box.fill(ENGLISH)
    reader.box.press("Enter")
    expect(reader.alert).to_contain_text(reader.words("offline"))
    expect(reader.alert).to_contain_text(reader.words("offlineMore"))
    reader.page.context.set_offline(False)
    reader.is_asked(ENGLISH)
    expect(reader.alert).to_have_count(0)


def test_a_service_that_cannot_be_reached_is_said_at_the_start(reader: Reader) -> None:
    reader.watch.expect("ERR_CONNECTION_REFUSED")
    reader.page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
    reader.visit()
    expect(reader.alert).to_contain_text(reader.words("offline"))
    reader.page.unroute("**/v1/**")
    reader.button("again").click()
    expect(reader.heading("examples")).to_be_visible()


def test_a_paper_is_shown_where_similar_ones_are_not_to_be_had(reader: Reader) -> None:
    reader.fail("**/similar", 500, "no leg is working")
    reader.visit(paper=RAG_PAPER)
    expect(reader.page.locator("article.paper")).to_contain_text("검색 증강 생성")
    expect(reader.region("similar").get_by_role("alert")).to_contain_text("no leg is working")


def test_an_index_that_cannot_be_told_of_is_said(reader: Reader) -> None:
    reader.fail("**/v1/index/builds", 500, "the journal can't be read")
    reader.visit(view="index")
    expect(reader.alert).to_contain_text("the journal can't be read")
    reader.page.unroute("**/v1/index/builds")
    reader.button("again").click()
    expect(reader.region("builds")).to_be_visible()
