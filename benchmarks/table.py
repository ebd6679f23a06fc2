"""Markdown tables, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from index.threads import cpu_count

PACKAGES = ("numpy", "torch", "faiss-cpu", "kiwipiepy", "bm25s", "fastapi", "uvicorn")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def publish(text: str, page: Path | None, name: str) -> None:
    """Put what was measured into its place in a page, or print it.

    Args:
        text: Of it.
        page: Where `<!-- measured by NAME -->` and, after it, `<!-- end -->` stand; `None` prints.
        name: Of the module that measured.

    Raises:
        ValueError: The page has no such place.
    """
    if page is None:
        print(text)
        return
    begin, end = f"<!-- measured by {name} -->", "<!-- end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page} has no place for {name}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def machine() -> str:
    """One line on what everything was measured on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{model}, {cpu_count()} CPUs, {memory:.0f} GiB, {platform.system()},"
        f" Python {platform.python_version()}, {packages}"
    )


def milliseconds(call: Callable[[int], object], runs: int) -> tuple[float, float]:
    """Median and 95th percentile of a call's time; it is given the number of the run."""
    taken = []
    for run in range(runs):
        begin = perf_counter()
        call(run)
        taken.append((perf_counter() - begin) * 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=20)[18]
