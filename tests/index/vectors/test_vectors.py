"""The contract of the vector indexes, against brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.vectors import FaissIndex, VectorIndex


def _unit(seed: int, rows: int, dimension: int = 24) -> np.ndarray:
    vectors: np.ndarray = (
        np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


VECTORS = _unit(0, 500)
QUERIES = _unit(1, 20)


@pytest.fixture(params=["faiss"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> VectorIndex:
    FaissIndex.write(VECTORS, tmp_path)
    return FaissIndex.open(tmp_path)


@pytest.mark.parametrize("queries", [QUERIES, QUERIES[:1]])
@pytest.mark.parametrize("k", [1, 10, 500])
def test_the_nearest_are_those_of_brute_force(
    index: VectorIndex, queries: np.ndarray, k: int
) -> None:
    found = index.search(queries, k)
    exact = queries @ VECTORS.T
    order = np.argsort(-exact, axis=1)[:, :k]
    assert (found.rows == order).all()
    assert found.scores == pytest.approx(np.take_along_axis(exact, order, 1), abs=1e-5)


def test_only_allowed_rows_are_found(index: VectorIndex) -> None:
    allowed = np.random.default_rng(2).random(500) < 0.1
    found = index.search(QUERIES, 10, allowed)
    exact = np.where(allowed, QUERIES @ VECTORS.T, -np.inf)
    assert (found.rows == np.argsort(-exact, axis=1)[:, :10]).all()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_no_more_come_back_than_are_allowed(index: VectorIndex, count: int) -> None:
    allowed = np.zeros(500, np.bool_)
    allowed[[7, 300, 499][:count]] = True
    found = index.search(QUERIES, 10, allowed)
    assert found.rows.shape == (len(QUERIES), count)
    assert set(found.rows.ravel().tolist()) == set(np.flatnonzero(allowed).tolist())


def test_no_more_come_back_than_there_are(index: VectorIndex) -> None:
    assert index.search(QUERIES, 10_000).rows.shape == (len(QUERIES), 500)


def test_no_queries_find_nothing(index: VectorIndex) -> None:
    assert index.search(QUERIES[:0], 10).rows.shape == (0, 10)


def test_the_vectors_come_back_and_cannot_be_written_to(index: VectorIndex) -> None:
    assert (index.vectors == VECTORS).all()
    with pytest.raises(ValueError, match="read-only"):
        index.vectors[0, 0] = 1


def test_the_vectors_are_mapped_not_read(tmp_path: Path) -> None:
    FaissIndex.write(VECTORS, tmp_path)
    vectors = FaissIndex.open(tmp_path).vectors
    base: object = vectors
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
