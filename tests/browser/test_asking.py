"""Questions and their answers: papers, sentences, citations, and that there is none."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.questions import ENGLISH, FOREIGN, HOSTILE, HOSTILE_PAPER, KOREAN, RAG_PAPER
from tests.browser.reader import Reader

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("language", "question"), [("ko", KOREAN), ("en", ENGLISH)])
def test_a_question_is_answered_with_papers(open_page: Open, language: str, question: str) -> None:
    reader = open_page(language)
    reader.visit()
    reader.ask(question)
    expect(reader.region("answer")).to_contain_text(reader.words("extractive"))
    assert RAG_PAPER in reader.ids()[:3]
    expect(reader.status(reader.words("found", n=10))).to_be_visible()


def test_an_example_is_asked_with_a_click(reader: Reader) -> None:
    reader.visit()
    question = reader.words("example3")
    reader.page.get_by_role("link", name=question).click()
    reader.is_asked(question)
    expect(reader.box).to_have_value(question)


def test_a_citation_jumps_to_its_sentence_and_marks_it(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    answer = reader.region("answer")
    sentence = answer.locator(".text").inner_text().split("1")[0].strip()
    answer.get_by_role("link", name=f"{reader.words('source')} 1", exact=True).click()
    cited = reader.page.locator("mark.cited")
    expect(cited.first).to_be_focused()
    expect(cited.first).to_be_in_viewport()
    assert "".join(cited.all_inner_texts()) == sentence
    assert "cite=1" in reader.page.url


def test_spans_count_characters_and_not_code_units(reader: Reader) -> None:
    """Two characters beyond the basic plane stand before the words that are marked."""
    reader.visit(q=HOSTILE, cite="1")
    reader.is_asked(HOSTILE)
    first = reader.hits.first
    expect(first).to_have_attribute("data-paper", HOSTILE_PAPER)
    matches = first.locator(".passage").nth(1).locator("mark.match")
    assert set(matches.all_inner_texts()) == {"그래프", "어닐링"}
    cited = first.locator("mark.cited")
    expect(cited.first).to_be_visible()
    text = "".join(cited.all_inner_texts())
    assert text.startswith("🧪𝒙 그래프 색칠(graph coloring)")
    assert text.endswith("에너지로 옮깁니다.")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_that_nothing_answers_is_said_above_the_nearest_papers(
    open_page: Open, language: str
) -> None:
    reader = open_page(language)
    reader.visit(q=FOREIGN)
    reader.is_asked(FOREIGN)
    none = reader.page.locator("section.answer.none")
    expect(none.get_by_role("heading")).to_have_text(
        "여기 있는 논문에는 이 질문에 대한 답이 없습니다."
    )
    expect(none).to_contain_text(reader.words("noneMore"))
    expect(none.locator(".cite")).to_have_count(0)
    expect(reader.hits).to_have_count(10)


def test_more_papers_are_shown_on_demand(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    first = reader.ids()
    reader.page.get_by_role("link", name=reader.words("count", n=30), exact=True).click()
    expect(reader.hits).to_have_count(30)
    assert reader.ids()[:10] == first
    assert "n=30" in reader.page.url


def test_while_it_looks_the_page_says_so(reader: Reader) -> None:
    held = reader.hold("**/v1/ask")
    reader.visit(q=KOREAN)
    expect(reader.status(reader.words("loading")).first).to_be_visible()
    expect(reader.page.locator(".results")).to_have_attribute("aria-busy", "true")
    held.release()
    reader.is_asked(KOREAN)


def test_what_was_found_stays_in_sight_until_the_next_is_here(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    before = reader.ids()
    held = reader.hold("**/v1/ask")
    reader.box.fill(HOSTILE)
    reader.box.press("Enter")
    expect(reader.page.locator(".results")).to_have_attribute("aria-busy", "true")
    assert reader.ids() == before
    held.release()
    expect(reader.hits.first).to_have_attribute("data-paper", HOSTILE_PAPER)


def test_a_degraded_search_is_said(open_page: Open) -> None:
    reader = open_page("en")
    reader.rewrite("**/v1/ask", lambda body: body["legs"].update(dense="failed", late="slow"))
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    legs = f"{reader.words('leg_dense')}, {reader.words('leg_late')}"
    expect(reader.status(reader.words("degraded", legs=legs))).to_be_visible()
