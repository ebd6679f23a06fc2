"""The page in a headless Chromium: `python -m benchmarks.browser --data DIR`."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request, Route, ViewportSize, sync_playwright

from benchmarks.process import Service, running
from benchmarks.table import machine, table

QUESTIONS = (
    "긴 문맥을 다루는 방법은?",
    "How are large language models aligned with human preferences?",
    "拡散モデルで画像を速く作る方法",
    "적은 데이터로 모델을 미세 조정하는 방법",
    "What makes vision language models hallucinate less?",
)
MANY = 20_000
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_SIZE: ViewportSize = {"width": 1440, "height": 900}
_VISITS = 5
_MOVES = 60
# When the first paper was on the screen: two frames after it was put into the page.
_WATCH = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(".hit")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => performance.mark("bench:shown")));
}).observe(document, { childList: true, subtree: true });
"""
_FRAMES = """
() => {
  const frames = (window.frames_ = []);
  let last = performance.now();
  const tick = (now) => {
    frames.push(now - last);
    last = now;
    window.ticking = requestAnimationFrame(tick);
  };
  requestAnimationFrame((now) => { last = now; window.ticking = requestAnimationFrame(tick); });
}
"""


def section(data: Path) -> str:
    """Measure the page over an index and write what was measured."""
    with running(data) as service, sync_playwright() as playwright:
        executable = find_browser()
        if executable is None:
            return "No Chromium is installed."
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        try:
            return _measure(browser, service)
        finally:
            browser.close()


def find_browser() -> str | None:
    """Where a Chromium is installed; `None` where none is."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def _measure(browser: Browser, service: Service) -> str:
    size, requests, first = _first_view(browser, service)
    shown = [_shown(browser, service, question) for question in QUESTIONS for _ in range(3)]
    chart = service.get("map")
    papers = len(chart["papers"]["ids"])
    mapped = [_map_drawn(browser, service) for _ in range(_VISITS)]
    rows = [
        ["first view, packed", f"{size / 1000:.1f} kB in {requests} requests"],
        ["first view, drawn after", _spread(first)],
        ["first result, after the reply", _spread(shown)],
        [f"map of {papers:,} papers, drawn after the page is opened", _spread(mapped)],
    ]
    for points, made in ((papers, chart), (MANY, _enlarged(chart, MANY))):
        frames = _frames(browser, service, made)
        rows.append([f"a frame while {points:,} points are zoomed and moved", _spread(frames)])
    return table([f"Chromium {browser.version}, headless, without a GPU", ""], rows)


def _spread(taken: Sequence[float]) -> str:
    median, most = statistics.median(taken), max(taken)
    p95 = statistics.quantiles(taken, n=20, method="inclusive")[18]
    return f"median {median:.0f}, p95 {p95:.0f}, most {most:.0f} ms"


@contextmanager
def _page(browser: Browser) -> Iterator[Page]:
    """A page that nothing was kept for; what waits in it here is a string, which it forbids."""
    context = browser.new_context(viewport=_SIZE, locale="ko-KR", bypass_csp=True)
    try:
        yield context.new_page()
    finally:
        context.close()


def _first_view(browser: Browser, service: Service) -> tuple[int, int, list[float]]:
    """Bytes of all replies with their heads, how many, and when the start was drawn."""
    drawn, sizes = [], []
    for _ in range(_VISITS):
        with _page(browser) as page:
            seen: list[Request] = []
            page.on("requestfinished", _keeping(seen))
            page.goto(service.url, wait_until="networkidle")
            page.wait_for_selector(".examples")
            sizes = [one.sizes() for one in seen]
            timing = page.evaluate("performance.getEntriesByType('paint').at(-1).startTime")
            drawn.append(float(timing))
    size = sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes)
    return size, len(sizes), drawn


def _keeping(seen: list[Request]) -> Callable[[Request], None]:
    return lambda one: seen.append(one)  # a function can be given attributes, a method can't


def _shown(browser: Browser, service: Service, question: str) -> float:
    with _page(browser) as page:
        page.add_init_script(_WATCH)
        page.goto(service.url)
        page.fill("#q", question)
        page.press("#q", "Enter")
        page.wait_for_function("performance.getEntriesByName('bench:shown').length")
        return float(
            page.evaluate(
                """() => {
                  const shown = performance.getEntriesByName("bench:shown")[0].startTime;
                  const replies = performance.getEntriesByName("nonmun:reply");
                  const before = replies.filter((one) => one.startTime < shown);
                  return shown - before.at(-1).startTime;
                }"""
            )
        )


def _map_drawn(browser: Browser, service: Service) -> float:
    with _page(browser) as page:
        page.goto(f"{service.url}/?view=map")
        page.wait_for_function("performance.getEntriesByName('nonmun:map').length")
        return float(page.evaluate("performance.getEntriesByName('nonmun:map')[0].startTime"))


def _enlarged(chart: dict[str, Any], many: int) -> dict[str, Any]:
    """The map with as many papers, each beside one that there is."""
    chance = random.Random(0)
    papers = chart["papers"]
    rows = [number % len(papers["ids"]) for number in range(many)]
    made = {name: [values[row] for row in rows] for name, values in papers.items()}
    made["ids"] = [f"{name}-{number}" for number, name in enumerate(made["ids"])]
    for axis in ("x", "y"):
        made[axis] = [value + chance.gauss(0, 0.01) for value in made[axis]]
    return {**chart, "papers": made}


def _frames(browser: Browser, service: Service, chart: dict[str, Any]) -> list[float]:
    """Milliseconds from one frame to the next while the map is zoomed and moved."""

    def give(route: Route) -> None:
        route.fulfill(body=json.dumps(chart), content_type="application/json")

    with _page(browser) as page:
        page.route("**/v1/map", give)
        page.goto(f"{service.url}/?view=map")
        page.wait_for_function("performance.getEntriesByName('nonmun:map').length")
        box = page.locator(".chart canvas").bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.evaluate(_FRAMES)
        for move in range(_MOVES):
            page.mouse.wheel(0, -80 if move < _MOVES / 2 else 80)
        page.mouse.down()
        for move in range(_MOVES):
            page.mouse.move(x + 3 * move, y + 2 * move)
        page.mouse.up()
        page.evaluate("() => cancelAnimationFrame(window.ticking)")
        return [float(one) for one in page.evaluate("() => window.frames_")]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.browser", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a published version")
    options = parser.parse_args()
    print(f"## Page\n\n{machine()}\n\n{section(options.data)}")


if __name__ == "__main__":
    main()
