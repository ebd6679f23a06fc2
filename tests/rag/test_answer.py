"""Answers over the sample digests: cited word for word, or none."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rag.answer import NOTHING, AnswerKind, Asked, ask
from rag.filters import Filters
from rag.search import Searcher
from rag.settings import AnswerGroup

QUESTIONS = [
    "보상 모델 없이 선호를 학습하는 방법은?",
    "how is a low rank update added to frozen weights for fine-tuning?",
    "화면의 아무 물체나 분할하는 모델은?",
    "What does the paper on tree of thoughts search over?",
    "音声認識のために弱い教師データを使う研究は?",
]


def _files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode("utf-8") for path in folder.glob("*.md")}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_quote_is_exactly_the_passages_and_the_files(
    searcher: Searcher, samples: Path, question: str
) -> None:
    asked = ask(searcher, question)
    assert asked.answerable
    assert asked.answer.kind is AnswerKind.EXTRACTIVE
    (citation,) = asked.answer.citations
    hit = next(hit for hit in asked.found.hits if hit.paper.id == citation.paper)
    passage = next(one.passage for one in hit.passages if one.passage.id == citation.passage)
    assert citation.quote == passage.text[citation.start : citation.end]
    text = _files(samples)[citation.source.file]
    assert text[citation.source.start : citation.source.end] == citation.quote
    assert "[1]" in asked.answer.text


def test_the_sentence_that_answers_is_chosen(searcher: Searcher) -> None:
    asked = ask(searcher, "직접 선호 최적화(DPO)는 보상 모델을 어떻게 다루나?")
    assert asked.answer.citations[0].paper == "2305.18290"
    assert "보상" in asked.answer.text


@pytest.mark.parametrize(
    "question",
    [
        "김치찌개를 끓일 때 돼지고기를 먼저 볶아야 하나요?",
        "what time does the pharmacy near the station close on Sundays",
        "Wie hoch ist der Eiffelturm?",
    ],
)
def test_what_these_papers_are_not_about_is_not_answered(searcher: Searcher, question: str) -> None:
    asked = ask(searcher, question)
    assert not asked.answerable
    assert asked.answer.kind is AnswerKind.NONE
    assert asked.answer.text == NOTHING
    assert asked.answer.citations == ()
    assert asked.found.hits  # the nearest papers still come


def test_confidence_is_the_share_of_titles_that_match_worse(searcher: Searcher) -> None:
    asked = ask(searcher, QUESTIONS[0])
    levels = searcher.snapshot.manifest.title_scores
    cosine = asked.found.query.best_cosine
    assert cosine is not None
    share = sum(level <= cosine for level in levels) / len(levels)
    assert asked.confidence == pytest.approx(share, abs=1e-4)


def test_how_sure_to_be_is_a_setting(searcher: Searcher) -> None:
    never = AnswerGroup(min_confidence=1.0)
    question = "물체를 분할하는 모델"
    confidence = ask(searcher, question).confidence
    assert 0.05 < confidence < 1
    assert not ask(searcher, question, settings=never).answerable


def test_filters_that_nothing_passes_leave_nothing_to_answer_with(searcher: Searcher) -> None:
    asked = ask(searcher, QUESTIONS[0], filters=Filters(ids=("x",)))
    assert asked.answer.kind is AnswerKind.NONE
    assert (asked.confidence, asked.found.hits) == (0.0, ())


def test_an_answer_comes_without_the_dense_leg(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken for the test")

    monkeypatch.setattr("index.fusion.score_dense", fail)
    asked: Asked = ask(searcher, "DPO와 보상 모델")
    assert asked.answer.kind is AnswerKind.EXTRACTIVE
    assert asked.found.query.best_cosine is None
    assert asked.confidence >= 0.6  # the words alone vouch for it


@pytest.mark.parametrize("leg", ["lexical", "latent", "late"])
def test_an_answer_comes_without_any_other_leg(
    searcher: Searcher, samples: Path, leg: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken for the test")

    monkeypatch.setattr(f"index.fusion.score_{leg}", fail)
    asked = ask(searcher, QUESTIONS[0])
    (citation,) = asked.answer.citations
    assert citation.paper == "2305.18290"
    text = _files(samples)[citation.source.file]
    assert text[citation.source.start : citation.source.end] == citation.quote


def test_words_vouch_where_the_best_paper_has_most_of_them(searcher: Searcher) -> None:
    for name in ("DPO", "LoRA", "RoPE", "vLLM"):
        asked = ask(searcher, name)
        assert asked.answerable
        assert asked.confidence == 1.0
    # Of these words the best paper has few, and the meaning is no paper's here.
    assert not ask(searcher, "화성에 사는 고양이를 위한 LLM은?").answerable


def test_coverage_is_the_share_of_the_words_by_rarity(searcher: Searcher) -> None:
    question = "LoRA 어댑터의 행렬 xylophone"
    asked = ask(searcher, question)
    snapshot = searcher.snapshot
    rows = range(len(snapshot))
    held = [snapshot.words_of(row) for row in rows]

    def rarity(word: str) -> float:
        having = sum(word in words for words in held)
        return math.log(1 + (len(rows) - having + 0.5) / (having + 0.5))

    words = set(asked.found.query.words)
    best = held[asked.found.hits[0].row]
    share = sum(rarity(word) for word in words & best) / sum(map(rarity, words))
    assert "xylophon" in words
    assert asked.confidence == pytest.approx(share, abs=1e-4)
