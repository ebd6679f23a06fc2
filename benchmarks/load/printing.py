"""What was measured, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.load.client import Target
from benchmarks.load.crowd import Crowd
from benchmarks.load.figures import Spread, Tally, memory, shown
from benchmarks.load.leaving import Leaving
from benchmarks.load.mixed import Mixed
from benchmarks.load.overload import Overload
from benchmarks.load.slow import Cut, Slow
from benchmarks.load.steady import Overhead, Throughput
from benchmarks.table import table

_SPREAD = ("requests", "median", "p95", "p99", "errors")


def throughputs(measured: Sequence[Throughput], target: Target) -> str:
    """Rows by number of clients."""
    rows = [
        [one.clients, f"{one.rate:.1f}", *_cells(one.tally), one.tally.degraded] for one in measured
    ]
    head = ["clients in a closed loop", "searches a second", *_SPREAD, "degraded"]
    share = max(one.client_share for one in measured)
    return (
        f"{table(head, rows)}\n\nNo question is asked twice. The clients themselves used up to"
        f" {share:.0%} of a CPU. Memory of the service: {memory(target.pid):.0f} MB."
    )


def overhead(measured: Overhead) -> str:
    """The two, and their ratio."""
    rows = [
        ["`POST /v1/search`", *_times(measured.http)],
        ["the search alone, in a process", *_times(measured.alone)],
    ]
    return (
        table(["one client", *_SPREAD[:-1]], rows)
        + f"\n\nBy turns in one run, by medians: {measured.ratio:.2f} times"
        f" ({measured.http.median - measured.alone.median:.1f} ms). Errors:"
        f" {shown(measured.tally.errors)}."
    )


def overload(measured: Overload) -> str:
    """What was accepted, what was refused, and how soon it was over."""
    rows = [
        ["accepted", f"{measured.rate:.1f}", *_times(measured.tally.spread)],
        ["refused (503)", "", *_times(measured.refused)],
    ]
    recovered = (
        "not within the time that was given"
        if measured.recovered_s is None
        else f"after {measured.recovered_s:.1f} s"
    )
    return (
        table(["", "a second", *_SPREAD[:-1]], rows)
        + f"\n\nUp to {measured.times:.0f} times the capacity of {measured.capacity:.1f} searches a"
        f" second: {measured.arrived:,} requests sent, {measured.unsent:,} more were due while too"
        f" many were under way. {measured.share_refused:.0%} were refused, {_without(measured)}."
        f" {measured.given_up:,} had no reply when the load ended. Other errors:"
        f" {shown(measured.tally.errors)}. Full speed again: {recovered}. Memory:"
        f" {measured.memory_before:.0f} MB before, {measured.memory_most:.0f} MB at the most,"
        f" {measured.memory_after:.0f} MB afterwards."
    )


def mixed(measured: Mixed, seconds: float) -> str:
    """What clients saw of the switches."""
    return (
        f"8 clients for {seconds:.0f} s, half of their requests searches, the others questions,"
        f" similar papers and papers, while another version is made live {measured.swaps} times:"
        f" {len(measured.tally.taken):,} replies, {measured.rate:.1f} a second,"
        f" {measured.tally.spread}; refused {len(measured.tally.refused)}, other errors:"
        f" {shown(measured.tally.errors)}. Memory: {measured.memory_begin:.0f} MB after the first"
        f" tenth or so, {measured.memory_most:.0f} MB at the most, {measured.memory_end:.0f} MB at"
        " the end."
    )


def slow(measured: Slow) -> str:
    """Normal clients, and slow ones."""
    rows = [
        ["alone", *_cells(measured.before)],
        ["beside the slow ones", *_cells(measured.beside)],
    ]
    lines = [table(["4 normal clients", *_SPREAD], rows)]
    lines += [f"- {name}: {_cut(cut)}" for name, cut in measured.cut.items()]
    return (
        lines[0]
        + f"\n\nA byte a second, for {measured.seconds:.0f} s, in headers, bodies, and reading:\n\n"
        + "\n".join(lines[1:])
        + "\n\nReaders see it only once they have read what the kernel holds for them."
        f" {measured.held} sockets more were held at the end. Memory:"
        f" {measured.memory_before:.0f} MB before, {measured.memory_after:.0f} MB then."
    )


def leaving(measured: Leaving) -> str:
    """What those who left did."""
    normal = (
        "never again"
        if measured.normal_after_s is None
        else f"{measured.normal_after_s:.1f} s later"
    )
    counted = ", ".join(
        f"`{name}` {value:.0f}"
        for name, value in sorted(measured.counted.items())
        if not name.startswith("http_")
    )
    return (
        f"{measured.left} clients left in the middle of a request within {measured.seconds:.1f} s."
        f" A normal one meanwhile: {len(measured.beside.taken)} replies,"
        f" {measured.beside.spread}, errors: {shown(measured.beside.errors)}. Searches took about"
        f" as long as before {normal}: median {measured.before_ms:.1f} ms before,"
        f" {measured.after_ms:.1f} ms after. {measured.held} sockets more were held then. Memory:"
        f" {measured.memory_before:.0f} MB before, {measured.memory_after:.0f} MB after."
        f" Counters that rose: {counted or 'none but those of replies'}."
    )


def crowd(measured: Crowd) -> str:
    """What a crowd of connections did."""
    rows = [
        ["alone", *_cells(measured.before)],
        ["beside the others, over the connection it had", *_cells(measured.beside)],
        ["another, over a new one for every few searches", *_cells(measured.newcomers)],
    ]
    return (
        table(["a normal client", *_SPREAD], rows)
        + f"\n\n{measured.opened:,} of {measured.wanted:,} connections were opened within"
        f" {measured.opening_s:.1f} s and left. {measured.left_s:.0f} s later the service held"
        f" {measured.held:,} sockets more than before, and {measured.still_open:,} of the"
        f" connections were open; {measured.held_after:,} sockets more 2 s after all had gone."
        f" Memory: {measured.memory_before:.0f} MB before, {measured.memory_beside:.0f} MB with"
        " them."
    )


def _without(measured: Overload) -> str:
    if not measured.tally.refused:
        return "none with `Retry-After`"
    if not measured.tally.without_retry:
        return "all with `Retry-After`"
    return f"{measured.tally.without_retry:,} without `Retry-After`"


def _cut(cut: Cut) -> str:
    if not cut.after:
        return f"none of {cut.count} was cut off"
    return (
        f"{len(cut.after)} of {cut.count} were cut off, after {min(cut.after):.0f} to"
        f" {max(cut.after):.0f} s, {cut.served} with a reply"
    )


def _times(spread: Spread) -> list[str]:
    times = (spread.median, spread.p95, spread.p99)
    return [f"{spread.count:,}", *(f"{one:.1f} ms" if spread.count else "" for one in times)]


def _cells(tally: Tally) -> list[str]:
    errors = tally.errors.copy()
    if tally.refused:
        errors["503"] = len(tally.refused)
    return [*_times(tally.spread), shown(errors)]
