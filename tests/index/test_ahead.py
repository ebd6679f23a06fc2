"""What is computed ahead of a search: the same to the bit, used once it is there, bounded."""

from __future__ import annotations

import pytest

from index import ahead
from index.snapshot import Snapshot
from index.store import Store
from rag.filters import Filters
from rag.search import NO_FILTERS, Searcher

QUERIES = [
    "보상 모델 없이 선호 데이터로 학습하는 방법",
    "how is attention computed without the whole matrix?",
    "검색한 문서를 참고해 답하는 모델은 무엇인가",
    "LoRA",
    "低ランク行列による微調整",
]


@pytest.fixture
def own(store: Store) -> Snapshot:
    return store.open_live()


@pytest.mark.parametrize("filters", [NO_FILTERS, Filters(sections=("What's New",))])
@pytest.mark.parametrize("together", [1, 2, 5])
def test_a_search_finds_the_same_to_the_bit(
    searcher: Searcher, own: Snapshot, together: int, filters: Filters
) -> None:
    prepared = Searcher(own)
    for begin in range(0, len(QUERIES), together):
        prepared.prepare(QUERIES[begin : begin + together])
    for text in QUERIES:
        found, alone = (
            prepared.search(text, filters=filters),
            searcher.search(text, filters=filters),
        )
        assert found.hits == alone.hits
        assert found.query.vector is not None
        assert alone.query.vector is not None
        assert found.query.vector.tobytes() == alone.query.vector.tobytes()
        assert found.query.tokens is not None
        assert alone.query.tokens is not None
        assert found.query.tokens.table.tobytes() == alone.query.tokens.table.tobytes()


def test_a_search_computes_nothing_that_was(own: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    searcher = Searcher(own)
    searcher.prepare(QUERIES)
    with monkeypatch.context() as patch:
        patch.setattr(ahead, "embedded", lambda *_: pytest.fail("embedded again"))
        patch.setattr(ahead, "_tokens", lambda *_: pytest.fail("tokens made again"))
        for text in QUERIES:
            assert searcher.search(text).hits
        with pytest.raises(pytest.fail.Exception, match="again"):
            searcher.snapshot.ahead.near(own, "another", searcher.settings.candidates)


def test_another_number_of_candidates_is_computed_by_itself(own: Snapshot) -> None:
    own.prepare_queries(QUERIES, 10)
    near = own.ahead.near(own, QUERIES[0], 12)
    assert near.passages.rows.shape == (1, 12)


def test_either_form_of_a_text_is_prepared_as_it_is_searched_for(own: Snapshot) -> None:
    import unicodedata

    searcher = Searcher(own)
    searcher.prepare([unicodedata.normalize("NFD", QUERIES[0])])
    assert searcher.snapshot.ahead._near.get((QUERIES[0], searcher.settings.candidates))


def test_no_more_is_kept_than_a_few(own: Snapshot) -> None:
    for number in range(3 * ahead.KEPT):
        own.prepare_queries([f"{QUERIES[0]} {number}"], 10)
    assert len(own.ahead._near._values) == len(own.ahead._tokens._values) == ahead.KEPT
