"""Answers that a language model writes, as far as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.questions import FOREIGN, KOREAN
from tests.browser.reader import Reader
from tests.browser.site import Site
from tests.browser.writing import Quoting
from tests.rag.generation.fake_server import Fake, answer_status, serve
from tests.services import Service

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fake() -> Iterator[Fake]:
    with serve(answer_status(503)) as fake:
        yield fake


@pytest.fixture(scope="module")
def writing(site: Site, fake: Fake) -> Iterator[str]:
    variables = {"NONMUN_GENERATE__BASE_URL": fake.url, "NONMUN_GENERATE__MODEL": "m"}
    with Service(site.store.folder, **variables) as service:
        yield service.url


def test_papers_are_there_before_the_answer_and_sentences_come_one_by_one(
    open_page: Open, writing: str, fake: Fake
) -> None:
    fake.script = script = Quoting(2)
    reader = open_page(url=writing)
    reader.visit(q=KOREAN)
    expect(reader.hits).to_have_count(10)
    answer = reader.region("answer")
    expect(answer).to_contain_text(reader.words("writing"))
    expect(answer.locator(".text")).to_have_count(0)
    script.let()
    expect(answer.locator(".text")).to_have_count(1)
    expect(answer.get_by_role("link", name=f"{reader.words('source')} 1")).to_be_visible()
    expect(answer).to_contain_text(reader.words("writing"))
    script.let()
    expect(answer).to_contain_text(reader.words("generated"))
    expect(answer).not_to_contain_text(reader.words("writing"))
    expect(answer.locator("ol.sources li")).to_have_count(2)
    expect(answer.locator("ol.sources q").first).to_be_visible()


def test_a_citation_of_a_written_answer_leads_to_its_sentence(
    open_page: Open, writing: str, fake: Fake
) -> None:
    fake.script = script = Quoting(2)
    script.let(2)
    reader = open_page(url=writing)
    reader.visit(q=KOREAN)
    answer = reader.region("answer")
    expect(answer).to_contain_text(reader.words("generated"))
    answer.get_by_role("link", name=f"{reader.words('source')} 2", exact=True).click()
    cited = reader.page.locator("mark.cited")
    expect(cited.first).to_be_focused()
    quote = answer.locator("ol.sources q").nth(1).inner_text()
    assert "".join(cited.all_inner_texts()).strip() == quote.strip(' "“”‘’')


def test_sentences_that_were_left_out_are_counted(
    open_page: Open, writing: str, fake: Fake
) -> None:
    fake.script = script = Quoting(1, made_up=True)
    script.let(2)
    reader = open_page("en", url=writing)
    reader.visit(q=KOREAN)
    answer = reader.region("answer")
    expect(answer).to_contain_text(reader.words("generated"))
    expect(answer).to_contain_text(reader.words.begin("unsupported"))
    expect(answer).not_to_contain_text("화성")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_fallback_is_said(open_page: Open, writing: str, fake: Fake, language: str) -> None:
    fake.script = answer_status(503)
    reader = open_page(language, url=writing)
    reader.visit(q=KOREAN)
    answer = reader.region("answer")
    expect(answer).to_contain_text(reader.words("fallback"))
    expect(answer.locator(".text .cite").first).to_be_visible()
    expect(reader.hits).to_have_count(10)


def test_nothing_is_written_where_nothing_answers(
    open_page: Open, writing: str, fake: Fake
) -> None:
    fake.script = Quoting(1)
    fake.seen.clear()
    reader = open_page(url=writing)
    reader.visit(q=FOREIGN)
    reader.is_asked(FOREIGN)
    expect(reader.page.locator("section.answer.none")).to_be_visible()
    assert fake.seen == []


def test_another_question_ends_the_first(open_page: Open, writing: str, fake: Fake) -> None:
    fake.script = first = Quoting(2)
    first.let()
    reader = open_page(url=writing)
    reader.visit(q=KOREAN)
    expect(reader.region("answer").locator(".text")).to_have_count(1)
    fake.script = answer_status(503)
    reader.ask("LoRA")
    expect(reader.region("answer")).to_contain_text(reader.words("fallback"))
    first.let(2)
    reader.page.wait_for_load_state("networkidle")
    expect(reader.region("answer")).to_contain_text(reader.words("fallback"))


def test_an_answer_that_breaks_off_is_said(open_page: Open, writing: str, site: Site) -> None:
    found = site.service.post("/v1/ask", {"question": KOREAN})
    del found["answer"]
    body = f"event: found\ndata: {json.dumps(found)}\n\n"
    reader = open_page(url=writing)
    reader.page.route(
        "**/v1/ask", lambda route: route.fulfill(body=body, content_type="text/event-stream")
    )
    reader.visit(q=KOREAN)
    _is_lost(reader, "offline")


def test_an_error_in_the_stream_is_said(open_page: Open, writing: str) -> None:
    problem = {"status": 504, "detail": "it was not done in 10 s"}
    body = f"event: error\r\ndata: {json.dumps(problem)}\r\n\r\n"
    reader = open_page(url=writing)
    reader.page.route(
        "**/v1/ask", lambda route: route.fulfill(body=body, content_type="text/event-stream")
    )
    reader.visit(q=KOREAN)
    _is_lost(reader, "busy")
    expect(reader.alert).to_contain_text("it was not done in 10 s")


def _is_lost(reader: Reader, kind: str) -> None:
    expect(reader.alert).to_contain_text(reader.words(kind))
    expect(reader.status(reader.words("writing"))).to_have_count(0)
    expect(reader.button("again")).to_be_visible()
