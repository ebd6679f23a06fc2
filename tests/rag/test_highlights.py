"""What a passage shares with a query, marked in its text: words, and what means the same."""

from __future__ import annotations

import re

import pytest

from index.snapshot import Snapshot
from rag.filters import Filters
from rag.search import PassageHit, Searcher
from rag.settings import SearchGroup

SAM, DPO, WHISPER, DDPM = "2304.02643", "2305.18290", "2212.04356", "2006.11239"
QUERIES = [
    "GPT4o LLM 대조 학습",
    "How can a picture be divided into objects?",
    "ノイズを少しずつ取り除いて画像を生成する拡散モデル",
    "Wie wird Sprache erkannt?",
    "보상 모델을 따로 학습하지 않고 선호 데이터로 언어 모델을 정렬하는 방법",
    "16x16 1,750억 28.4 0.5%",
    "ｆｕｌｌ ｗｉｄｔｈ İ ﬁ 🤗 model",
    "모",
]


def _marked(hit: PassageHit) -> set[str]:
    return {hit.passage.text[start:end] for start, end in hit.highlights}


def _passages(searcher: Searcher, query: str, paper: str = "") -> list[PassageHit]:
    filters = Filters(ids=(paper,) if paper else ())
    hits = searcher.search(query, 100, 20, filters).hits
    return [passage for hit in hits for passage in hit.passages]


@pytest.fixture(scope="module")
def wordy(snapshot: Snapshot) -> Searcher:
    """Without late interaction: what is marked are words."""
    return Searcher(snapshot, SearchGroup.model_validate({"weights": {"late": 0}}))


@pytest.mark.parametrize("query", QUERIES)
def test_spans_lie_within_the_text_in_order_and_apart(searcher: Searcher, query: str) -> None:
    found = _passages(searcher, query)
    assert len(found) == searcher.snapshot.manifest.passages
    for hit in found:
        last = -1
        for start, end in hit.highlights:
            assert last < start < end <= len(hit.passage.text)
            last = end


@pytest.mark.parametrize("query", QUERIES)
def test_a_span_begins_and_ends_with_a_term(searcher: Searcher, query: str) -> None:
    for hit in _passages(searcher, query):
        terms = list(searcher.snapshot.lexicon.passage_terms(hit.row))
        starts, ends = {term.start for term in terms}, {term.end for term in terms}
        for start, end in hit.highlights:
            assert start in starts
            assert end in ends


@pytest.mark.parametrize(
    ("question", "paper", "words"),
    [
        ("How can a picture be divided into objects?", SAM, {"분할", "객체"}),
        ("Who recognizes voices and speech?", WHISPER, {"음성", "인식"}),
        ("noise is gradually removed until pictures appear", DDPM, {"잡음", "이미지"}),
    ],
)
def test_an_english_question_marks_korean_words(
    searcher: Searcher, wordy: Searcher, question: str, paper: str, words: set[str]
) -> None:
    hit = _passages(searcher, question, paper)[0]
    # No word of the question stands in the passage, and without their meaning none is found.
    asked = set(re.findall("[a-z]{3,}", question.lower()))
    assert not asked & set(re.findall("[a-z]+", hit.passage.text.lower()))
    assert words <= _marked(hit)
    (without,) = (one for one in _passages(wordy, question, paper) if one.row == hit.row)
    assert not words & _marked(without)


def test_a_korean_question_marks_what_the_papers_call_it_in_english(wordy: Searcher) -> None:
    marked = {text for hit in _passages(wordy, "보상 모델", DPO) for text in _marked(hit)}
    assert {"보상", "모델", "reward", "model"} <= marked


def test_without_late_interaction_only_words_and_their_translations_are_marked(
    wordy: Searcher,
) -> None:
    query = "GPT4o LLM 대조 학습"
    found = _passages(wordy, query)
    seen = {text.lower() for hit in found for text in _marked(hit)}
    assert {"대조", "학습", "contrastive", "learning"} & seen
    words = ("gpt", "4o", "llm", "대조", "학습", "contrastive", "learning")
    assert all(any(word in text for word in words) for text in seen)


def test_every_word_that_is_shared_is_marked(searcher: Searcher, snapshot: Snapshot) -> None:
    query = "강화 학습으로 언어 모델을 정렬하는 방법"
    words = set(snapshot.lexicon.words_of(query))
    for hit in _passages(searcher, query):
        for term in snapshot.lexicon.passage_terms(hit.row):
            if term.text in words:
                assert any(a <= term.start and term.end <= b for a, b in hit.highlights)


def test_a_late_leg_that_fails_leaves_the_words(
    searcher: Searcher, wordy: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken for the test")

    wanted = {hit.row: hit.highlights for hit in _passages(wordy, QUERIES[0])}
    monkeypatch.setattr("index.late.LateIndex.scores", fail)
    monkeypatch.setattr("index.late.LateIndex.matches", fail)
    assert {hit.row: hit.highlights for hit in _passages(searcher, QUERIES[0])} == wanted
