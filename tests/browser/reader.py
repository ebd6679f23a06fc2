"""Somebody who reads the page: what they do, and what they see."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.watching import Watch
from tests.browser.words import Words

Rewrite = Callable[[dict[str, Any]], object]
Headers = dict[str, str]


class Held:
    """Requests that wait; they go on when they are released."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._routes: list[Route] = []
        self._is_open = False
        page.route(pattern, self._keep)

    def release(self) -> None:
        self._is_open = True
        for route in self._routes:
            route.continue_()

    def _keep(self, route: Route) -> None:
        if self._is_open:
            route.continue_()
        else:
            self._routes.append(route)


class Reader:
    """A page of its own, in a language."""

    def __init__(self, page: Page, site: str, watch: Watch, language: str) -> None:
        self.page = page
        self.site = site
        self.watch = watch
        self.words = Words(language)

    def visit(self, **place: str) -> None:
        """Open an address of the page: `visit(q="RAG", view="map")`."""
        self.page.goto(f"{self.site}/?{urlencode(place)}" if place else f"{self.site}/")

    def ask(self, question: str) -> None:
        """Type a question and press the button, then wait for the papers."""
        self.box.fill(question)
        self.page.get_by_role("button", name=self.words("ask"), exact=True).click()
        self.is_asked(question)

    def is_asked(self, question: str) -> None:
        """Wait until the papers of a question are there."""
        expect(self.page).to_have_title(f"{question} · nonmun")
        self.settles()
        expect(self.hits.first).to_be_visible()

    def settles(self) -> None:
        """Wait until nothing that is shown is still looked for."""
        expect(self.page.locator("#main")).to_be_visible()
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)
        for words in (Words("ko"), Words("en")):
            expect(self.status(words("loading"))).to_have_count(0)

    def scrolls_through(self) -> None:
        """Scroll to the end and back: what is further down is laid out when it comes near."""
        self.page.evaluate(
            """async () => {
              const frame = () => new Promise((done) => requestAnimationFrame(done));
              for (let top = 0; top < document.documentElement.scrollHeight; top += innerHeight) {
                scrollTo(0, top);
                await frame();
                await frame();
              }
              scrollTo(0, 0);
              await frame();
            }"""
        )

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("searchbox", name=self.words("placeholder"))

    @property
    def hits(self) -> Locator:
        return self.page.locator("#main [data-paper]")

    @property
    def chart(self) -> Locator:
        return self.page.locator(".chart")

    @property
    def canvas(self) -> Locator:
        return self.page.get_by_role("application", name=self.words("mapTitle"))

    def ids(self) -> list[str]:
        """The papers that are shown, in order."""
        found: list[str] = self.hits.evaluate_all("all => all.map(one => one.dataset.paper)")
        return found

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=self.words(name), exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=self.words(name), exact=True)

    def region(self, name: str) -> Locator:
        return self.page.get_by_role("region", name=self.words(name), exact=True)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=self.words(name), exact=True)

    def status(self, text: str) -> Locator:
        return self.page.get_by_role("status").filter(has_text=text)

    @property
    def alert(self) -> Locator:
        return self.page.get_by_role("alert")

    def open_filters(self) -> None:
        """Show the filters if they are folded."""
        shown = self.page.locator("details.filters")
        if shown.get_attribute("open") is None:
            shown.locator("summary").click()

    def pixels(self) -> str:
        """What the map looks like."""
        found: str = self.chart.locator("canvas").evaluate("canvas => canvas.toDataURL()")
        return found

    def changes(self, before: str) -> None:
        """Wait until the map looks different."""
        self.page.wait_for_function(
            "before => document.querySelector('.chart canvas').toDataURL() !== before", arg=before
        )

    def hold(self, pattern: str) -> Held:
        """Keep requests waiting."""
        return Held(self.page, pattern)

    def rewrite(self, pattern: str, change: Rewrite) -> None:
        """Let replies pass, changed."""

        def handle(route: Route) -> None:
            reply = route.fetch()
            body = reply.json()
            change(body)
            route.fulfill(response=reply, json=body)

        self.page.route(pattern, handle)

    def fail(self, pattern: str, status: int, detail: str, headers: Headers | None = None) -> None:
        """Have requests fail as the service would tell of it."""
        body = json.dumps({"title": "", "status": status, "detail": detail, "errors": []})
        self.watch.expect(f"status of {status}")

        def handle(route: Route) -> None:
            route.fulfill(
                status=status, content_type="application/problem+json", body=body, headers=headers
            )

        self.page.route(pattern, handle)
