"""New papers lie where those lie that they are most like, and never on top of one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.projection import placing
from index.projection.layout import lay_out
from index.projection.placing import place
from tests.index.projection.test_layout import grouped

NEAR = 0.02


def by_hand(alike: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The mean of the ten most similar, weighted by exp(8 · similarity), where all lie near."""
    order = sorted(range(len(places)), key=lambda row: -alike[row])[:10]
    weights = [float(np.exp(8 * alike[row])) for row in order]
    mean: np.ndarray = np.average(places[order].astype(float), axis=0, weights=weights)
    return mean


def test_a_paper_lies_at_the_weighted_mean_of_those_it_is_most_like() -> None:
    random = np.random.default_rng(0)
    places = (random.uniform(-1, 1, (60, 2)) * 0.04 + 0.3).astype(np.float32)
    alike = random.uniform(0, 1, (7, 60)).astype(np.float32)
    wanted = [by_hand(row, places) for row in alike]
    np.testing.assert_allclose(place(alike, places), wanted, atol=NEAR / 2)


@given(st.lists(st.lists(st.integers(0, 5), min_size=7, max_size=7), min_size=1), st.integers(1, 7))
def test_of_equally_similar_ones_the_first_are_taken(rows: list[list[int]], count: int) -> None:
    alike = np.array(rows, np.float32)
    wanted = np.argsort(-alike, axis=1, kind="stable")[:, :count]
    assert [found.tolist() for found in placing._nearest(alike, count)] == wanted.tolist()


def test_neighbours_in_two_parts_do_not_pull_it_between_them() -> None:
    places = np.array([[-0.8, 0.0]] * 6 + [[0.8, 0.0]] * 4, np.float32)
    alike = np.full((1, 10), 0.5, np.float32)
    np.testing.assert_allclose(place(alike, places), [[-0.8, 0.0]], atol=NEAR)
    alike[0, 6:] = 0.9
    np.testing.assert_allclose(place(alike, places), [[0.8, 0.0]], atol=NEAR)


def test_papers_that_are_left_out_come_to_lie_among_their_like() -> None:
    vectors, own = grouped()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    new = np.arange(len(vectors)) % 5 == 0
    places = lay_out(vectors[~new])
    found = place(vectors[new] @ vectors[~new].T, places)
    apart = ((found[:, None] - places[None]) ** 2).sum(2)
    assert (own[~new][apart.argmin(1)] == own[new]).all()


def test_none_lies_on_top_of_another() -> None:
    places = np.zeros((3, 2), np.float32)
    found = place(np.ones((50, 3), np.float32), places)
    assert len(np.unique(found, axis=0)) == 50
    assert not (found == 0).all(1).any()
    np.testing.assert_allclose(found, 0, atol=NEAR)


@pytest.mark.parametrize("x", [-1.0, 1.0])
def test_all_stay_on_the_map(x: float) -> None:
    places = np.full((2, 2), x, np.float32)
    found = place(np.ones((40, 2), np.float32), places)
    assert (np.abs(found) <= 1).all()
    assert len(np.unique(found, axis=0)) == 40


def test_the_only_paper_there_is_has_company() -> None:
    found = place(np.ones((2, 1), np.float32), np.zeros((1, 2), np.float32))
    assert found.shape == (2, 2)


def test_the_same_papers_lie_in_the_same_places() -> None:
    random = np.random.default_rng(0)
    places = random.uniform(-1, 1, (60, 2)).astype(np.float32)
    alike = random.uniform(0, 1, (7, 60)).astype(np.float32)
    assert (place(alike, places) == place(alike.copy(), places.copy())).all()
