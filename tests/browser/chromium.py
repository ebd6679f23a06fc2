"""The browser that the tests drive: Debian's, started anew for each module."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def path_of_browser() -> str:
    """Where a Chromium is; without one the test is skipped, but not in CI."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        reason = f"no browser is installed: none of {', '.join(_NAMES)}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; CI has to run these tests")
        pytest.skip(f"{reason}; `make browser` may install one")
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser until the block ends."""
    path = path_of_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()
