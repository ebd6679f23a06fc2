"""Centroids against groups that are known, and the nearest of them against numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from index.vectors import centroids, nearest

Floats = npt.NDArray[np.float32]


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    made: Floats = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return made


def grouped(groups: int, each: int, noise: float, seed: int = 0) -> tuple[Floats, Floats]:
    """Directions at right angles to each other, and points around them, in no order."""
    random = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(random.normal(size=(groups + 4, groups + 4)))
    directions = turned[:groups]
    points = np.repeat(directions, each, axis=0)
    points = points + noise * random.normal(size=points.shape)
    return unit(directions), unit(random.permutation(points))


class TestCentroids:
    # With many groups k-means may start with two points of one and none of another; two can't go
    # wrong for long.
    def test_groups_that_are_well_apart_are_found(self) -> None:
        directions, points = grouped(2, 200, 0.02)
        found = centroids(points, 2)
        cosines = found @ directions.T
        assert sorted(cosines.argmax(1).tolist()) == [0, 1]
        assert cosines.max(1).min() > 0.999

    def test_a_group_has_a_centroid_near_it_where_there_are_enough(self) -> None:
        directions, points = grouped(8, 60, 0.02)
        found = centroids(points, 40)
        assert (found @ directions.T).max(0).min() > 0.999

    def test_one_centroid_is_the_mean_direction(self) -> None:
        _, points = grouped(3, 50, 0.1)
        mean = points.mean(0, dtype=np.float64)
        assert centroids(points, 1)[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)

    def test_centroids_are_no_worse_than_points_taken_at_random(self) -> None:
        points = unit(np.random.default_rng(1).normal(size=(600, 8)))
        found = centroids(points, 20)
        chosen = points[np.random.default_rng(2).permutation(600)[:20]]
        assert (points @ found.T).max(1).mean() > (points @ chosen.T).max(1).mean()

    def test_as_many_centroids_as_points_are_the_points(self) -> None:
        points = unit(np.random.default_rng(3).normal(size=(12, 5)))
        found = centroids(points, 12)
        assert (points @ found.T).max(1) == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize(("rows", "count"), [(1, 1), (2, 1), (50, 7), (500, 125)])
    def test_there_are_as_many_as_asked_for_and_of_length_one(self, rows: int, count: int) -> None:
        points = unit(np.random.default_rng(4).normal(size=(rows, 6)))
        found = centroids(points, count)
        assert found.shape == (count, 6)
        assert found.dtype == np.float32
        assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)

    def test_points_that_are_all_the_same_have_centroids_too(self) -> None:
        points = unit(np.ones((40, 6)))
        found = centroids(points, 10)
        assert (found @ points[0]) == pytest.approx(1, abs=1e-2)

    def test_the_same_points_give_the_same_centroids_to_the_bit(self) -> None:
        points = unit(np.random.default_rng(5).normal(size=(2_000, 16)))
        assert centroids(points, 50).tobytes() == centroids(points.copy(), 50).tobytes()

    def test_the_points_stay_as_they_were(self) -> None:
        _, points = grouped(3, 50, 0.1)
        before = points.copy()
        centroids(points, 5)
        assert (points == before).all()

    def test_rows_that_do_not_follow_one_another_in_memory_are_read_rightly(self) -> None:
        points = unit(np.random.default_rng(6).normal(size=(200, 8)))
        turned = np.asfortranarray(points)
        assert centroids(turned, 9).tobytes() == centroids(points, 9).tobytes()


class TestNearest:
    @pytest.mark.parametrize(("rows", "points"), [(1, 1), (3, 40), (700, 40), (40, 700)])
    def test_it_is_the_highest_dot_product(self, rows: int, points: int) -> None:
        random = np.random.default_rng(rows)
        vectors = random.normal(size=(rows, 10)).astype(np.float32)
        places = random.normal(size=(points, 10)).astype(np.float32)  # of any length
        wanted = (vectors.astype(np.float64) @ places.T).argmax(1)
        found = nearest(vectors, places)
        assert found.dtype == np.int64
        assert found.tolist() == wanted.tolist()

    def test_no_vectors_are_near_to_nothing(self) -> None:
        found = nearest(np.zeros((0, 10), np.float32), np.eye(10, dtype=np.float32))
        assert found.shape == (0,)
        assert found.dtype == np.int64

    def test_rows_that_do_not_follow_one_another_in_memory_are_read_rightly(self) -> None:
        random = np.random.default_rng(8)
        vectors = random.normal(size=(50, 10)).astype(np.float32)
        points = random.normal(size=(30, 10)).astype(np.float32)
        found = nearest(np.asfortranarray(vectors), np.asfortranarray(points)[:, :])
        assert found.tolist() == nearest(vectors, points).tolist()
