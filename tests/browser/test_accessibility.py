"""axe-core finds nothing serious in any view, theme, language and width."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from tests.browser.conftest import WIDE, Open
from tests.browser.questions import FOREIGN, HOSTILE, KOREAN, SOIL_PAPER
from tests.browser.reader import Reader

pytestmark = pytest.mark.slow

PHONE = (390, 844)
TAGS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
SERIOUS = ("serious", "critical")


class Check(NamedTuple):
    """Rules of axe's, in a theme."""

    scheme: Literal["light", "dark"]
    rules: dict[str, Any]


ALL = Check("light", {"runOnly": {"type": "tag", "values": TAGS}})
DARK = Check("dark", {"runOnly": {"type": "rule", "values": ["color-contrast"]}})
UNCOLOURED = Check("light", {**ALL.rules, "rules": {"color-contrast": {"enabled": False}}})
# Most of the time goes to colours, which no language changes; and nothing else hangs on the theme.
CHECKS = {"ko": (ALL, DARK), "en": (UNCOLOURED,)}

PLACES: list[dict[str, str]] = [
    {},
    {"q": HOSTILE, "cite": "1", "since": "2025-03-01"},
    {"q": FOREIGN},
    {"q": KOREAN, "votes": "999999"},
    {"paper": SOIL_PAPER},
    {"view": "map", "q": KOREAN},
    {"view": "timeline", "q": KOREAN},
    {"view": "index"},
]


def _serious(reader: Reader, axe: Axe, checks: Iterable[Check]) -> list[str]:
    """What is seriously wrong with what is shown."""
    found = []
    for scheme, rules in checks:
        reader.page.emulate_media(color_scheme=scheme)
        options = {**rules, "resultTypes": ["violations"]}
        violations: list[dict[str, Any]] = axe.run(reader.page, options=options).response[
            "violations"
        ]
        found += [
            f"{reader.page.url}: {one['id']}: {node['failureSummary']}: {node['html']}"
            for one in violations
            for node in one["nodes"]
            if one["impact"] in SERIOUS
        ]
    return found


@pytest.fixture(scope="module")
def axe() -> Axe:
    return Axe()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_view_is_sound(
    open_page: Open, axe: Axe, language: str, size: tuple[int, int]
) -> None:
    reader = open_page(language, size=size)
    found = []
    for place in PLACES:
        reader.visit(**place)
        reader.settles()
        if place.get("view") in ("map", "timeline"):
            expect(reader.page.locator("section.large")).to_be_visible()
        reader.scrolls_through()
        found += _serious(reader, axe, CHECKS[language])
    assert found == []


@pytest.mark.parametrize("language", ["ko", "en"])
def test_what_goes_wrong_is_sound(open_page: Open, axe: Axe, language: str) -> None:
    reader = open_page(language)
    reader.fail("**/v1/ask", 500, "something went wrong here; see the log")
    reader.visit(q=KOREAN)
    expect(reader.alert).to_be_visible()
    found = _serious(reader, axe, CHECKS[language])
    reader.fail("**/v1/index", 401, "show a key as “Authorization: Bearer KEY”")
    reader.visit(q=KOREAN)
    expect(reader.page.get_by_label(reader.words("keyLabel"), exact=True)).to_be_visible()
    found += _serious(reader, axe, CHECKS[language])
    reader.watch.expect("status of 404")
    reader.page.unroute_all()
    reader.visit(paper="2999.00001")
    expect(reader.alert).to_be_visible()
    found += _serious(reader, axe, CHECKS[language])
    assert found == []


def test_what_is_still_looked_for_is_sound(open_page: Open, axe: Axe) -> None:
    reader = open_page()
    held = reader.hold("**/v1/ask")
    reader.visit(q=KOREAN)
    expect(reader.status(reader.words("loading")).first).to_be_visible()
    found = _serious(reader, axe, [ALL, DARK])
    held.release()
    reader.is_asked(KOREAN)
    held = reader.hold("**/v1/ask")
    reader.box.fill(FOREIGN)
    reader.box.press("Enter")
    expect(reader.page.locator(".results")).to_have_attribute("aria-busy", "true")
    found += _serious(reader, axe, [ALL, DARK])
    held.release()
    assert found == []


def test_it_finds_what_is_wrong(reader: Reader, axe: Axe) -> None:
    reader.visit()
    reader.page.evaluate("document.querySelector('#main').append(document.createElement('button'))")
    assert any("button-name" in one for one in _serious(reader, axe, [ALL]))
