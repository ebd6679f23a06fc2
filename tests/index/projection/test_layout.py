"""Vectors -> places: like ones near each other, the same ones always in the same places."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest

from index.projection.layout import fitted, lay_out

Floats = npt.NDArray[np.float32]

GROUPS, EACH = 6, 15
SCRIPT = """
import hashlib, numpy as np
from index.projection.layout import lay_out
from index.projection.topics import find_topics
vectors = np.random.default_rng(3).normal(size=(80, 24)).astype(np.float32)
places = lay_out(vectors)
topics = find_topics(places)
found = (places, topics.fine, topics.parents)
print(hashlib.sha256(b"".join(one.tobytes() for one in found)).hexdigest())
"""


def grouped(groups: int = GROUPS, each: int = EACH) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Vectors around a few directions that have nothing to do with each other."""
    random = np.random.default_rng(1)
    own = np.repeat(np.arange(groups), each)
    centres = np.eye(groups, 40)
    vectors = centres[own] + 0.15 * random.normal(size=(len(own), 40))
    return vectors.astype(np.float32), own


def nearest(points: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.int64]:
    apart = ((points[:, None] - points[None]) ** 2).sum(2)
    np.fill_diagonal(apart, np.inf)
    return np.argsort(apart, axis=1)[:, :count]


def test_papers_of_one_kind_lie_together() -> None:
    vectors, own = grouped()
    places = lay_out(vectors)
    assert places.shape == (len(vectors), 2)
    assert places.dtype == np.float32
    assert (own[nearest(places, 5)] == own[:, None]).mean() > 0.98


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 15, 31])
def test_few_papers_have_places_too(count: int) -> None:
    places = lay_out(np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32))
    assert places.shape == (count, 2)
    assert (np.abs(places) <= 1).all()
    assert len(np.unique(places, axis=0)) == count
    if count > 1:
        assert np.ptp(places, axis=0).max() == pytest.approx(2)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_papers_that_say_the_same_have_places_too(count: int) -> None:
    assert np.isfinite(lay_out(np.ones((count, 8), np.float32))).all()


def test_both_sides_keep_their_scale() -> None:
    places = fitted(np.array([[10.0, 5.0], [30.0, 5.0], [20.0, 10.0]]))
    np.testing.assert_allclose(places, [[-1, -0.25], [1, -0.25], [0, 0.25]])


def test_processes_give_the_same_places_to_the_bit() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, threads in (("1", "1"), ("2", "4"))
    }
    assert len(found) == 1
