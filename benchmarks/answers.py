"""How far answers can be trusted: what they cite, when there is none, and what a model makes up."""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.table import table
from index.papers import Source
from index.questions import Question
from rag.answer import Asked, ask
from rag.citing import AnswerKind
from rag.composing import Composer
from rag.evaluation import cites_right
from rag.generation import OpenAIWriter, WriterSettings, prompt
from rag.search import Searcher
from tests.rag.generation.small_model import NAME, AfterExamples, missing, serve_small_model

GENERATED = 200  # answers of the small model
_SECONDS = 60.0
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")
_ROUNDS = 3
_SHOWN = 400  # characters of passages: the small model takes Korean for three tokens a letter


def measure(searcher: Searcher, corpus: Path, questions: Sequence[Question]) -> str:
    """The section of the page."""
    asked = [ask(searcher, question.text) for question in questions]
    pairs = list(zip(questions, asked, strict=True))
    parts = [_citations(searcher, corpus, pairs)]
    parts += [_curve(pairs), _calibration(pairs)] if questions else []
    parts += [_extra_time(searcher, [question.text for question in questions])]
    parts += [_doubts(searcher), _generated(searcher, questions)]
    return "\n\n".join(part for part in parts if part)


def _citations(searcher: Searcher, corpus: Path, pairs: Sequence[tuple[Question, Asked]]) -> str:
    known = [(question, reply) for question, reply in pairs if question.known_item]
    texts: dict[str, str] = {}

    def in_file(source: Source) -> str:
        if source.file not in texts:
            texts[source.file] = (corpus / source.file).read_bytes().decode("utf-8")
        return texts[source.file][source.start : source.end]

    passages = {}
    for row in range(len(searcher.snapshot.owners)):
        passage = searcher.snapshot.passage(row)
        passages[passage.id] = passage.text
    cited = [one for _, reply in pairs for one in reply.answer.citations]
    exact = sum(
        one.quote == passages[one.passage][one.start : one.end] == in_file(one.source)
        for one in cited
    )
    lines = [f"{exact} of {len(cited)} citations are word for word in the passage and the digest."]
    if known:
        right = statistics.fmean(cites_right(*pair) for pair in known)
        first = statistics.fmean(
            bool(reply.answer.citations and reply.answer.citations[0].paper in question.relevant)
            for question, reply in known
        )
        papers = statistics.fmean(
            len({one.paper for one in reply.answer.citations}) for _, reply in known
        )
        lines.append(
            f"Of {len(known)} questions with one right paper, {right:.3f} of the answers cite it,"
            f" {first:.3f} first; they cite {papers:.2f} papers on average."
        )
    return " ".join(lines)


def _curve(pairs: Sequence[tuple[Question, Asked]]) -> str:
    """Risk and coverage: who answers only what is surest is wrong less often."""
    pairs = [pair for pair in pairs if pair[0].known_item or pair[0].kind is not None]
    if not pairs:
        return ""
    ordered = sorted(pairs, key=lambda pair: -pair[1].confidence)
    rows = []
    for coverage in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        some = ordered[: max(1, round(coverage * len(ordered)))]
        nothing = statistics.fmean(question.kind is not None for question, _ in some)
        wrong = statistics.fmean(not _would_serve(*pair) for pair in some)
        rows.append(
            [f"{coverage:.0%}", f"{some[-1][1].confidence:.2f}", f"{nothing:.3f}", f"{wrong:.3f}"]
        )
    head = ["answered", "down to a confidence of", "unanswerable among them", "risk"]
    return (
        "Risk and coverage, all questions by confidence; risk is the share of the answered ones"
        " that nothing answers or whose right paper is not among the first three found:\n\n"
        + table(head, rows)
    )


def _would_serve(question: Question, reply: Asked) -> bool:
    first = [hit.paper.id for hit in reply.found.hits[:3]]
    return bool(question.relevant) and any(paper in question.relevant for paper in first)


def _calibration(pairs: Sequence[tuple[Question, Asked]]) -> str:
    kinds: dict[str, list[float]] = {}
    for question, reply in pairs:
        name = question.kind or ("broad" if not question.known_item else "answerable")
        kinds.setdefault(name, []).append(reply.confidence)
    refused = {
        name: statistics.fmean(
            not reply.answerable
            for question, reply in pairs
            if (question.kind or ("broad" if not question.known_item else "answerable")) == name
        )
        for name in kinds
    }
    answerable = kinds.get("answerable", [])
    strict = float(np.quantile(answerable, 0.05)) if answerable else 0.0
    rows = [
        [
            name,
            len(values),
            f"{refused[name]:.3f}",
            f"{statistics.fmean(value < strict for value in values):.3f}",
            *(f"{np.quantile(values, q):.2f}" for q in (0.05, 0.25, 0.5, 0.75, 0.95)),
        ]
        for name, values in sorted(kinds.items())
    ]
    head = ["questions", "n", "refused", "where 5% of the answerable are", "confidence: 5%"]
    return "Confidence by kind of question:\n\n" + table(
        [*head, "25%", "median", "75%", "95%"], rows
    )


def _extra_time(searcher: Searcher, texts: Sequence[str]) -> str:
    """What an answer costs over the search it begins with; by turns, so that noise hits both."""
    if not texts:
        return ""
    extra, whole = [], []
    for run in range(_ROUNDS):
        for number, text in enumerate(texts):
            # Another text each time: the encoder keeps what it computed for the last ones.
            times = []
            for call, mark in ((searcher.search, " "), (lambda t: ask(searcher, t), "  ")):
                begin = time.perf_counter()
                call(f"{text}{mark}{'.' * (run + number % 2)}")
                times.append((time.perf_counter() - begin) * 1000)
            extra.append(times[1] - times[0])
            whole.append(times[0])
    return (
        f"`ask` takes {statistics.median(extra):.1f} ms more than `search`"
        f" ({statistics.median(whole):.1f} ms), medians of {len(extra)} pairs."
    )


def _doubts(searcher: Searcher) -> str:
    flags = Counter(
        flag for _, flag in {(one.paper, one.flag) for one in searcher.snapshot.findings}
    )
    found = ", ".join(f"{count} {flag}" for flag, count in sorted(flags.items())) or "none"
    return f"Flags on {len(searcher.snapshot):,} papers: {found}."


@dataclass
class _Tally:
    """What became of generated answers."""

    kinds: Counter[str]
    kept: int = 0
    unsupported: int = 0
    faults: int = 0


def _generated(searcher: Searcher, questions: Sequence[Question]) -> str:
    """Whether what reaches the reader is in what it cites, as another check sees it."""
    if missing():
        return f"Generated answers were not measured: {missing()}."
    tally = _Tally(Counter())
    begin = time.perf_counter()
    with serve_small_model() as url, patch.object(prompt, "ALL_CHARS", _SHOWN):
        writer = OpenAIWriter(WriterSettings(url, NAME, max_tokens=60))
        composer = Composer(AfterExamples(writer), _SECONDS)
        for text in _texts(searcher, questions):
            _tally(tally, ask(searcher, text, composer=composer))
            if tally.kinds.total() >= GENERATED:
                break
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(tally.kinds.items()))
    minutes = (time.perf_counter() - begin) / 60
    return (
        f"A model of 135 million parameters ({NAME}) was asked for {tally.kinds.total()} answers,"
        f" with {_SHOWN} characters of passages each ({minutes:.0f} minutes): {kinds}. {tally.kept}"
        f" of its sentences were kept and {tally.unsupported} removed. Of those kept,"
        f" {tally.faults} have no citation, one out of range, or a number that is in none of the"
        " passages they cite."
    )


def _texts(searcher: Searcher, questions: Sequence[Question]) -> Iterator[str]:
    yield from (question.text for question in questions if question.kind is None)
    for row in range(0, len(searcher.snapshot), 17):
        yield searcher.snapshot.paper(row).title


def _tally(tally: _Tally, reply: Asked) -> None:
    answer = reply.answer
    if answer.kind is AnswerKind.NONE:
        return
    name = "generated" if answer.kind is AnswerKind.GENERATED else f"extractive ({answer.fallback})"
    tally.kinds[name] += 1
    tally.unsupported += answer.unsupported
    if answer.kind is not AnswerKind.GENERATED:
        return
    passages = {hit.passage.id: hit for one in reply.found.hits for hit in one.passages}
    titles = {hit.paper.id: hit.paper.title for hit in reply.found.hits}
    known = {one.number: one for one in answer.citations}
    for sentence, marks in re.findall(r"(.+?)((?:\[\d+\])+)(?:\s|$)", answer.text):
        tally.kept += 1
        numbers = [int(one) for one in re.findall(r"\d+", marks)]
        cited = [known[number] for number in numbers if number in known]
        held = " ".join(passages[one.passage].passage.text + titles[one.paper] for one in cited)
        said = set(_NUMBER.findall(sentence))
        if len(cited) != len(numbers) or not cited or not said <= set(_NUMBER.findall(held)):
            tally.faults += 1
    if re.sub(r"(.+?)((?:\[\d+\])+)(?:\s|$)", "", answer.text).strip():
        tally.faults += 1  # something stands there without a citation
