"""BM25 of some documents: their scores are those that they have among all, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from index.arrays import Ragged
from index.lexical.bm25 import Bm25
from index.lexical.gathered import GatheredBm25

TERMS, DOCUMENTS = 50, 300
RANDOM = np.random.default_rng(0)
TEXTS = [RANDOM.integers(0, TERMS, RANDOM.integers(0, 40)).tolist() for _ in range(DOCUMENTS)]
ROWS = np.array([0, 3, 7, 50, 51, 299])


@pytest.fixture(scope="module")
def whole() -> Bm25:
    return Bm25.build(TEXTS, TERMS)


@pytest.fixture(scope="module")
def some(whole: Bm25) -> GatheredBm25:
    own = [np.unique(np.array(TEXTS[row], np.int32)) for row in ROWS]
    terms = Ragged.of(own, np.zeros(0, np.int32))
    weights = whole.weights_of(np.repeat(ROWS, terms.lengths), terms.values.astype(np.int64))
    return GatheredBm25(whole.count, whole.frequencies, whole.sums, terms, weights)


def test_the_weights_of_terms_are_those_that_scores_are_made_of(whole: Bm25) -> None:
    for row in range(0, DOCUMENTS, 7):
        terms = np.unique(TEXTS[row]).astype(np.int64)
        weights = whole.weights_of(np.full(len(terms), row), terms)
        alone = [whole.scores([term])[row] for term in terms.tolist()]
        assert weights.tolist() == alone
    assert len(whole.weights_of(np.zeros(0, np.int64), np.zeros(0, np.int64))) == 0


def test_the_sums_are_those_of_all_scores(whole: Bm25) -> None:
    wanted = [float(whole.scores([term]).astype(np.float64).sum()) for term in range(TERMS)]
    assert whole.sums == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("query", [[], [4], [4, 4, 9], [1, 2, 3, 4, 5, 6, 7, 8], [TERMS - 1]])
def test_scores_are_the_same_to_the_bit(whole: Bm25, some: GatheredBm25, query: list[int]) -> None:
    assert some.scores(query).tobytes() == whole.scores(query)[ROWS].tobytes()


def test_weighted_scores_are_the_same(whole: Bm25, some: GatheredBm25) -> None:
    terms = np.array([2, 5, 11, 30])
    weights = np.array([0.5, 0.1, 0.7, 0.2], np.float32)
    wanted = whole.weighted(terms, weights)[ROWS]
    assert some.weighted(terms, weights) == pytest.approx(wanted, abs=1e-6)


def test_terms_are_as_frequent_as_among_all(whole: Bm25, some: GatheredBm25) -> None:
    assert some.count == DOCUMENTS
    assert [some.frequency(term) for term in range(TERMS)] == whole.frequencies.tolist()
    own = np.unique(TEXTS[7]).astype(np.int64)
    place = ROWS.tolist().index(7)
    found = some.weights_of(np.full(len(own), place), own)
    assert found.tolist() == whole.weights_of(np.full(len(own), 7), own).tolist()
