"""Take the README's pictures of the page, over the sample digests: `make pictures`.

It needs a Chromium and a font with Hangul.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

from benchmarks.browser import ARGUMENTS, find_browser
from benchmarks.process import running
from index.build import build
from index.store import Store

FOLDER = Path(__file__).parent / "images"
SAMPLES = Path(__file__).parents[1] / "index" / "samples"


class Picture(NamedTuple):
    """What is shown, how large, and to whom."""

    name: str
    address: str
    ready: str  # a selector of what has to be there
    width: int
    height: int
    locale: str
    theme: str


PICTURES = (
    Picture(
        "ask.ko",
        "?q=사람의 선호를 보상 모델 없이 바로 학습하는 방법은?",
        ".chart[data-lit]",
        1440,
        900,
        "ko-KR",
        "light",
    ),
    Picture(
        "ask.en",
        "?q=How are long documents read without running out of memory?",
        ".chart[data-lit]",
        1440,
        900,
        "en-US",
        "light",
    ),
    Picture("map", "?q=강화 학습&view=map", ".chart[data-lit]", 1440, 900, "ko-KR", "dark"),
    Picture("paper", "?paper=2005.11401", ".similar .hit", 1440, 900, "en-US", "light"),
)


def take(browser: Browser, url: str, picture: Picture) -> None:
    """Take one picture."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        locale=picture.locale,
        color_scheme="dark" if picture.theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{url}/{picture.address}", wait_until="networkidle")
    page.wait_for_selector(picture.ready)
    page.screenshot(path=FOLDER / f"{picture.name}.png")
    context.close()


def main() -> None:
    """Build, serve, look."""
    FOLDER.mkdir(exist_ok=True)
    executable = find_browser()
    if executable is None:
        sys.exit("no Chromium is installed")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        build([SAMPLES], Store(data))
        with running(data) as service, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
            for picture in PICTURES:
                take(browser, service.url, picture)
                print(FOLDER / f"{picture.name}.png")
            browser.close()


if __name__ == "__main__":
    main()
