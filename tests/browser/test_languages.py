"""Two languages and two themes: as the browser has them, or as they were chosen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.questions import KOREAN, RAG_PAPER
from tests.browser.reader import Reader
from tests.browser.site import PAPERS
from tests.browser.words import Words, dictionary

pytestmark = pytest.mark.slow

LIGHT = "rgb(251, 250, 247)"
DARK = "rgb(19, 22, 28)"


def _ground(reader: Reader) -> str:
    found: str = reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return found


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_page_speaks_the_browsers_language(open_page: Open, language: str) -> None:
    reader = open_page(language)
    reader.visit()
    expect(reader.page.locator("html")).to_have_attribute("lang", language)
    expect(reader.heading("tagline")).to_be_visible()


def test_the_language_is_switched_in_place_and_kept(reader: Reader) -> None:
    reader.visit(q=KOREAN)
    reader.is_asked(KOREAN)
    ids, url = reader.ids(), reader.page.url
    reader.button("languageLabel").click()
    english = Words("en")
    expect(reader.page.get_by_role("button", name=english("ask"), exact=True)).to_be_visible()
    expect(reader.page.locator("html")).to_have_attribute("lang", "en")
    expect(reader.status(english("found", n=10))).to_be_visible()
    assert (reader.ids(), reader.page.url) == (ids, url)
    expect(reader.page.get_by_role("application", name=english("mapTitle"))).to_be_visible()
    reader.visit()
    expect(reader.page.get_by_role("heading", name=english("tagline"))).to_be_visible()


def test_no_word_of_the_other_language_is_left(open_page: Open) -> None:
    reader = open_page("en")
    reader.visit(paper=RAG_PAPER)
    reader.settles()
    korean = {text for name, text in dictionary("ko").items() if len(text) > 3 and "{" not in text}
    shown = reader.page.evaluate(
        "[...document.querySelectorAll('body :not(:lang(ko))')].flatMap(one =>"
        " [one.getAttribute('aria-label'), one.title, ...[...one.childNodes]"
        ".filter(node => node.nodeType === 3).map(node => node.data)])"
    )
    assert not korean & {(text or "").strip() for text in shown}


def test_both_languages_say_the_same_things() -> None:
    assert set(dictionary("ko")) == set(dictionary("en"))


@pytest.mark.parametrize(("scheme", "ground"), [("light", LIGHT), ("dark", DARK)])
def test_the_theme_is_the_systems(open_page: Open, scheme: str, ground: str) -> None:
    reader = open_page(color_scheme=scheme)
    reader.visit()
    assert _ground(reader) == ground


def test_a_theme_is_chosen_and_kept(open_page: Open) -> None:
    reader = open_page(color_scheme="dark")
    reader.visit()
    reader.button("theme_auto").click()
    assert _ground(reader) == LIGHT
    reader.page.reload()
    expect(reader.button("theme_light")).to_be_visible()
    assert _ground(reader) == LIGHT
    reader.button("theme_light").click()
    expect(reader.button("theme_dark")).to_be_visible()
    reader.page.emulate_media(color_scheme="light")
    assert _ground(reader) == DARK
    reader.button("theme_dark").click()
    assert _ground(reader) == LIGHT


def test_the_map_takes_the_colours_of_the_theme(open_page: Open) -> None:
    reader = open_page(color_scheme="light")
    reader.visit(view="map")
    expect(reader.chart).to_have_attribute("data-drawn", str(PAPERS))
    before = reader.pixels()
    reader.page.emulate_media(color_scheme="dark")
    reader.changes(before)
    dark = reader.pixels()
    reader.button("theme_auto").click()
    reader.changes(dark)


def test_the_page_works_where_nothing_may_be_kept(reader: Reader) -> None:
    reader.page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name, { get() { throw new Error('forbidden'); } });"
    )
    reader.visit()
    reader.button("theme_auto").click()
    reader.button("languageLabel").click()
    expect(reader.page.get_by_role("heading", name=Words("en")("tagline"))).to_be_visible()
