"""A paper by itself, those that are like it, and what is doubted in it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.questions import KOREAN, LORA_PAPER, RAG_PAPER, SOIL_PAPER
from tests.browser.reader import Reader

pytestmark = pytest.mark.slow

RAG_TITLE = "Retrieval-Augmented Generation for Knowledge-Intensive NLP Tasks"


def _open_first(reader: Reader) -> str:
    """Open the first paper of a question; its id."""
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    first = reader.ids()[0]
    reader.hits.first.get_by_role("link", name=f"{reader.words('whole')}:").click()
    expect(reader.heading("similar")).to_be_visible()
    return first


def test_a_paper_opens_at_its_top_and_back_leads_to_where_it_was(reader: Reader) -> None:
    first = _open_first(reader)
    expect(reader.page.get_by_role("heading", level=1)).to_be_focused()
    assert f"paper={first}" in reader.page.url
    assert reader.page.evaluate("scrollY") == 0
    reader.page.get_by_role("link", name=reader.words("back")).click()
    expect(reader.hits.first).to_be_focused()
    assert "paper=" not in reader.page.url


def test_back_leads_to_where_a_paper_stood_however_far_down(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    hit = reader.hits.nth(7)
    hit.scroll_into_view_if_needed()
    place = "one => one.getBoundingClientRect().top"
    link = hit.get_by_role("link", name=f"{reader.words('whole')}:")
    link.scroll_into_view_if_needed()
    reader.page.wait_for_timeout(300)  # whatever is laid out late
    before = hit.evaluate(place)
    link.click()
    expect(reader.heading("similar")).to_be_visible()
    reader.page.go_back()
    expect(hit).to_be_focused()
    reader.page.wait_for_timeout(300)
    assert hit.evaluate(place) == pytest.approx(before, abs=2)


def test_a_paper_has_its_whole_summary_and_leads_to_its_address(reader: Reader) -> None:
    reader.visit(paper=RAG_PAPER)
    paper = reader.page.locator("article.paper")
    link = paper.get_by_role("heading", level=1).get_by_role("link")
    expect(link).to_have_attribute("href", f"https://arxiv.org/abs/{RAG_PAPER}")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    names = paper.get_by_role("heading", level=2).all_inner_texts()
    assert names == ["What's New", "Technical Details", "Performance Highlights"]
    expect(paper).to_contain_text("문서 인코더와 색인은 고정합니다.")
    expect(paper).to_contain_text("2025-03-03.md")
    expect(paper).to_contain_text("Patrick Lewis, Ethan Perez")
    expect(reader.page).to_have_title(f"{RAG_TITLE} · nonmun")


def test_similar_papers_say_why_and_can_be_followed(reader: Reader) -> None:
    reader.visit(paper=RAG_PAPER)
    similar = reader.region("similar")
    expect(similar.get_by_role("article")).to_have_count(10)
    expect(
        similar.locator(".because dt").filter(has_text=reader.words("shares")).first
    ).to_be_visible()
    following = reader.ids()[0]
    similar.get_by_role("link", name=f"{reader.words('whole')}:").first.click()
    expect(reader.page.get_by_role("heading", level=1)).to_be_focused()
    assert f"paper={following}" in reader.page.url
    expect(similar.get_by_role("article")).to_have_count(10)
    assert following not in reader.ids()
    reader.page.go_back()
    expect(reader.page.get_by_role("heading", level=1)).to_contain_text(RAG_TITLE)


def test_a_paper_that_was_opened_from_outside_leads_back_to_the_start(reader: Reader) -> None:
    reader.visit(paper=LORA_PAPER)
    reader.page.get_by_role("link", name=reader.words("back")).click()
    expect(reader.heading("examples")).to_be_visible()


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_flag_is_a_warning_that_can_be_read(open_page: Open, language: str) -> None:
    reader = open_page(language)
    reader.visit(paper=SOIL_PAPER)
    paper = reader.page.locator("article.paper")
    expect(paper.locator(".flags li")).to_contain_text(reader.words("flag_untranslated"))
    expect(paper.locator("mark.doubt")).to_contain_text("We propose a network of cheap sensors")
    doubts = paper.get_by_role("listitem").filter(has_text="“We propose")
    expect(doubts).to_be_hidden()
    paper.get_by_text(reader.words("doubts")).click()
    expect(doubts).to_be_visible()


def test_flags_stand_beside_what_was_found(reader: Reader) -> None:
    question = "포도밭 토양 수분 센서"
    reader.visit(q=question)
    reader.is_asked(question)
    hit = reader.page.locator(f'[data-paper="{SOIL_PAPER}"]')
    expect(hit.locator(".flags")).to_contain_text(reader.words("flag_untranslated"))


def test_a_citation_in_a_paper_marks_the_sentence_there(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    first = reader.ids()[0]
    reader.visit(q=KOREAN, cite="1", paper=first)
    cited = reader.page.locator("article.paper mark.cited")
    expect(cited.first).to_be_focused()
    expect(cited.first).to_be_in_viewport()
    assert "".join(cited.all_inner_texts()).startswith("필요할 때만 검색하고")


def test_a_paper_that_is_not_here_is_said(reader: Reader) -> None:
    reader.watch.expect("status of 404")
    reader.visit(paper="2999.00001")
    expect(reader.alert).to_contain_text(reader.words("missing"))
    expect(reader.page.get_by_role("heading", level=1)).to_have_count(1)
    expect(reader.button("again")).to_have_count(0)
    reader.page.get_by_role("link", name=reader.words("back")).click()
    expect(reader.heading("examples")).to_be_visible()
