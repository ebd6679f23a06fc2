"""A browser for each module, a site for all, and a page for whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from index.store import Store
from tests.browser.chromium import launched, path_of_browser
from tests.browser.reader import Reader
from tests.browser.site import Site, publish
from tests.browser.watching import REPORT_VIOLATIONS, Watch
from tests.services import Service

PATIENCE_MS = 15_000  # two cores may be busy with other tests
WIDE = (1440, 900)

Open = Callable[..., Reader]

expect.set_options(timeout=PATIENCE_MS)


# Not for the session: as long as it lives, no other test of the process may run an event loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def published(samples: Path, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    path_of_browser()  # nothing is built for nobody
    return publish(samples, store, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def site(published: Store) -> Iterator[Site]:
    with Service(published.folder) as service:
        yield Site(service, published)


@pytest.fixture
def open_page(chromium: Browser, site: Site) -> Iterator[Open]:
    """Opens pages; when the test is over, none may have done what a page must not."""
    readers: list[Reader] = []

    def open_page(
        language: str = "ko",
        size: tuple[int, int] = WIDE,
        url: str = site.url,
        **options: Any,
    ) -> Reader:
        locale = {"ko": "ko-KR", "en": "en-US"}[language]
        width, height = size
        context = chromium.new_context(
            locale=locale,
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(REPORT_VIOLATIONS)
        page = context.new_page()
        readers.append(Reader(page, url, Watch(page, url), language))
        return readers[-1]

    yield open_page
    for reader in readers:
        reader.page.context.close()
    for reader in readers:
        reader.watch.check()


@pytest.fixture
def reader(open_page: Open) -> Reader:
    """A page in Korean on a wide screen."""
    return open_page()
