"""The greatest of many scores, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from index.greatest import kth_greatest, top_rows

COUNTS = [12, 49_999, 50_001, 70_003]


def scores_of(count: int, kind: str) -> np.ndarray:
    random = np.random.default_rng(count)
    if kind == "different":
        return random.normal(size=count).astype(np.float32)
    if kind == "few values":
        return random.integers(0, 5, count).astype(np.float32)
    if kind == "equal":
        return np.full(count, 0.5, np.float32)
    ascending: np.ndarray = np.arange(count, dtype=np.float32)
    return ascending if kind == "ascending" else ascending[::-1].copy()


KINDS = ["different", "few values", "equal", "ascending", "descending"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("k", [1, 5, 10, 1_000])
def test_the_kth_greatest_is_that_of_a_sorted_array(count: int, kind: str, k: int) -> None:
    scores = scores_of(count, kind)
    k = min(k, count)
    assert kth_greatest(scores, k) == np.sort(scores)[-k]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("k", [1, 5, 10, 1_000])
def test_the_top_rows_have_the_greatest_scores(count: int, kind: str, k: int) -> None:
    scores = scores_of(count, kind)
    rows = top_rows(scores, k)
    assert len(set(rows.tolist())) == len(rows) == min(k, count)
    assert np.sort(scores[rows]).tolist() == np.sort(scores)[-k:].tolist()


def test_the_scores_stay_as_they_were() -> None:
    scores = scores_of(70_003, "different")
    before = scores.copy()
    kth_greatest(scores, 10)
    top_rows(scores, 10)
    assert (scores == before).all()
