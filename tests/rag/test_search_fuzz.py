"""Searching for anything: it is searched for, or refused as a query."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import QueryError
from rag.legs import Status
from rag.search import Found, Searcher, has_word
from tests.index.lexical.test_query_fuzz import KOREAN, PATTERNS, TEXT, UNSEEN

QUICK = settings(derandomize=True, deadline=None, max_examples=40)
THOROUGH = settings(derandomize=True, deadline=None, max_examples=1_500)
LIMIT_S = 2.0  # of the process's own time
LENGTH = 2_000  # characters, as many as the service takes
QUESTIONS = st.sampled_from(
    [
        "보상 모델 없이 선호 데이터로 학습하는 방법",
        "낮은 순위의 행렬만 학습하는 미세 조정은?",
        "검색한 문서를 참고해 답하는 모델",
        "how is attention computed without the whole matrix?",
    ]
)


def ids(found: Found) -> list[tuple[str, float]]:
    return [(hit.paper.id, hit.score) for hit in found.hits]


def searched(searcher: Searcher, examples: settings) -> None:
    @examples
    @given(TEXT | st.text(st.characters(categories=["Cs", "Lo", "Mn", "Cf", "Zs", "Nd"])))
    def anything(text: str) -> None:
        try:
            found = searcher.search(text, 5)
        except QueryError as error:
            assert not has_word(text) or any("\ud800" <= c <= "\udfff" for c in text)
            str(error).encode()
            return
        assert Status.FAILED not in found.legs.values()
        for hit in found.hits:
            for one in hit.passages:
                ends = [0, *(end for span in one.highlights for end in span)]
                assert ends == sorted(ends)
                assert ends[-1] <= len(one.passage.text)

    anything()


def test_anything_is_searched_for_or_refused(searcher: Searcher) -> None:
    searched(searcher, QUICK)


@pytest.mark.slow
def test_anything_at_all_is_searched_for_or_refused(searcher: Searcher) -> None:
    searched(searcher, THOROUGH)


@QUICK
@given(st.text())
def test_a_word_is_a_letter_or_a_digit(text: str) -> None:
    assert has_word(text) == any(unicodedata.category(c)[0] in "L" or c.isalnum() for c in text)


@pytest.mark.parametrize("where", ["{0}", "{0}모델", "모델{0}", "모델 {0} 학습"])
def test_half_a_character_is_refused(searcher: Searcher, where: str) -> None:
    for half in "\ud800\udbff\udc00\udfff":
        with pytest.raises(QueryError) as refused:
            searcher.search(where.format(half))
        str(refused.value).encode()


@QUICK
@given(question=QUESTIONS, more=KOREAN)
def test_both_forms_of_hangul_find_the_same(searcher: Searcher, question: str, more: str) -> None:
    text = f"{question} {more}"
    apart = unicodedata.normalize("NFD", text)
    assert ids(searcher.search(apart)) == ids(searcher.search(text))


@QUICK
@given(
    question=QUESTIONS,
    put=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(UNSEEN)), min_size=1, max_size=5),
)
def test_what_cannot_be_seen_finds_the_same(
    searcher: Searcher, question: str, put: list[tuple[int, str]]
) -> None:
    changed = question
    for at, mark in put:
        changed = changed[:at] + mark + changed[at:]
    assert ids(searcher.search(changed)) == ids(searcher.search(question))


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_no_shape_takes_long(searcher: Searcher, pattern: str) -> None:
    searcher.search("준비")
    text = pattern * (LENGTH // len(pattern))
    begin = time.process_time()
    try:
        searcher.search(text)
    except QueryError:
        assert not has_word(text)
    assert time.process_time() - begin < LIMIT_S
