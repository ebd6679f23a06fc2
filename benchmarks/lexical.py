"""The choices of the lexical leg: bm25s or tantivy, and how much of Kiwi to load."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from time import perf_counter

import numpy as np
import tantivy
from kiwipiepy import Kiwi

from benchmarks.table import milliseconds, table
from index.lexical import Analyzer
from index.lexical.bm25 import Bm25
from index.snapshot import Snapshot
from index.threads import cpu_count

_OURS: dict[str, object] = {"load_multi_dict": False, "load_typo_dict": False}
KIWI: tuple[dict[str, object], ...] = (
    _OURS,
    {},
    {**_OURS, "load_default_dict": False},
    {**_OURS, "model_type": "cong-global"},
)

_CHILD = """
import json, re, sys, time
from kiwipiepy import Kiwi
def rss():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read()).group(1)) / 1024
texts = json.load(sys.stdin)
before = rss()
begin = time.perf_counter()
kiwi = Kiwi(num_workers={workers}, **{options})
kiwi.tokenize("준비")
load = time.perf_counter() - begin
memory = rss() - before
begin = time.perf_counter()
for _ in kiwi.tokenize(texts): pass
rate = sum(map(len, texts)) / (time.perf_counter() - begin)
print(json.dumps([load, memory, rate]))
"""


def measure_bm25(snapshot: Snapshot, queries: Sequence[str]) -> str:
    """Scores of all passages by bm25s; the first thousand by tantivy."""
    lexicon = snapshot.lexicon
    passages = [
        [term.text for term in lexicon.passage_terms(row)]
        for row in range(snapshot.manifest.passages)
    ]
    terms = [[term.text for term in lexicon.analyzer.analyze(query).terms] for query in queries]
    numbers = [lexicon.numbers(query) for query in terms]

    begin = perf_counter()
    ids = [lexicon.numbers(passage) for passage in passages]
    ours = Bm25.build(ids, max(max(passage, default=0) for passage in ids) + 1)
    built = perf_counter() - begin
    query = milliseconds(lambda run: ours.scores(numbers[run % len(numbers)]), 300)

    begin = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        searcher, schema, index = _tantivy(passages, folder)
        other_built = perf_counter() - begin

        def find(run: int) -> list[int]:
            words = [tantivy.Query.term_query(schema, "terms", t) for t in terms[run % len(terms)]]
            parsed = tantivy.Query.boolean_query([(tantivy.Occur.Should, word) for word in words])
            hits = searcher.search(parsed, 1_000).hits
            return [searcher.doc(address)["row"][0] for _, address in hits]

        def find_only(run: int) -> object:
            words = [tantivy.Query.term_query(schema, "terms", t) for t in terms[run % len(terms)]]
            parsed = tantivy.Query.boolean_query([(tantivy.Occur.Should, word) for word in words])
            return searcher.search(parsed, 1_000)

        other_query = milliseconds(find_only, 300)
        agree = []
        for run in range(len(queries)):
            scores = ours.scores(numbers[run])
            best = np.argsort(-scores, kind="stable")[: min(10, np.count_nonzero(scores))]
            if len(best):
                agree.append(len(set(best.tolist()) & set(find(run)[:10])) / len(best))
        del index
    return table(
        ["BM25 over passages", "bm25s: the scores of all", "tantivy: the first 1,000"],
        [
            ["index", f"{built:.1f} s", f"{other_built:.1f} s"],
            [
                "a query, median / p95",
                f"{query[0]:.2f} / {query[1]:.2f} ms",
                f"{other_query[0]:.2f} / {other_query[1]:.2f} ms",
            ],
            ["the first ten in common", f"{np.mean(agree):.3f}", ""],
        ],
    )


def _tantivy(
    passages: Sequence[Sequence[str]], folder: str
) -> tuple[tantivy.Searcher, tantivy.Schema, tantivy.Index]:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("terms", tokenizer_name="whitespace")
    builder.add_integer_field("row", stored=True)
    schema = builder.build()
    index = tantivy.Index(schema, path=folder)
    writer = index.writer(heap_size=128_000_000, num_threads=1)
    for row, passage in enumerate(passages):
        writer.add_document(tantivy.Document(terms=[" ".join(passage)], row=[row]))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index.searcher(), schema, index


def measure_kiwi(
    snapshot: Snapshot, questions: Sequence[tuple[str, str]], sections: int = 2_000
) -> str:
    """What Kiwi's dictionaries and models cost, and what they find.

    Args:
        snapshot: Its texts are analysed.
        questions: Each with the id of the paper that answers it.
        sections: How many passages to time the analysis on.
    """
    step = max(1, snapshot.manifest.passages // sections)
    texts = [snapshot.passage(row).text for row in range(0, snapshot.manifest.passages, step)]
    rows = []
    for options in KIWI:
        code = _CHILD.replace("{workers}", str(cpu_count())).replace("{options}", repr(options))
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
        )
        load, memory, rate = json.loads(done.stdout)
        found = _found(snapshot, options, questions) if questions else "not measured"
        name = ", ".join(f"{key}={value}" for key, value in options.items()) or "default"
        rows.append(
            [
                f"`{name}`",
                f"{load:.1f} s",
                f"{memory:.0f} MB",
                f"{rate:,.0f}",
                found,
            ]
        )
    head = ["Kiwi", "load", "memory", "characters a second", "recall@10, MRR@10 of BM25"]
    return table(head, rows)


def _found(
    snapshot: Snapshot, options: dict[str, object], questions: Sequence[tuple[str, str]]
) -> str:
    """How often BM25 over whole papers has the right one among the first ten."""
    analyzer = Analyzer(Kiwi(num_workers=cpu_count(), **options))
    papers = [snapshot.paper(row) for row in range(len(snapshot))]
    texts = ["\n".join([p.title, *(section.text for section in p.sections)]) for p in papers]
    terms = [[term.text for term in found.terms] for found in analyzer.analyze_all(texts)]
    numbers = {term: n for n, term in enumerate(sorted({t for one in terms for t in one}))}
    index = Bm25.build([[numbers[t] for t in one] for one in terms], len(numbers))
    ranks = []
    for question, paper in questions:
        asked = [t.text for t in analyzer.analyze(question).terms]
        scores = index.scores([numbers[t] for t in asked if t in numbers])
        row = snapshot.row_of(paper)
        if row is not None:
            ranks.append(1 + int((scores > scores[row]).sum()) if scores[row] else len(scores))
    recall = np.mean([rank <= 10 for rank in ranks])
    mrr = np.mean([1 / rank if rank <= 10 else 0 for rank in ranks])
    return f"{recall:.3f}, {mrr:.3f}"
