"""Regions of the layout: small ones within large ones, and where their labels stand."""

from __future__ import annotations

import numpy as np
import pytest

from index.projection.layout import Floats
from index.projection.topics import densest, find_topics


def islands(count: int, each: int) -> Floats:
    random = np.random.default_rng(2)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    centres = 0.8 * np.column_stack([np.cos(angles), np.sin(angles)])
    scattered = np.repeat(centres, each, axis=0) + random.normal(0, 0.02, (count * each, 2))
    return scattered.astype(np.float32)


def test_no_region_spans_two_islands() -> None:
    places = islands(4, 25)
    topics = find_topics(places)
    assert topics.fine.shape == (100,)
    own = np.repeat(np.arange(4), 25)
    for region in range(len(topics.parents)):
        assert len(set(own[topics.fine == region])) == 1


def test_regions_are_numbered_by_their_large_ones_the_largest_first() -> None:
    topics = find_topics(np.random.default_rng(0).uniform(-1, 1, (400, 2)).astype(np.float32))
    assert len(topics.parents) == 25
    assert set(topics.fine.tolist()) == set(range(25))
    assert (np.diff(topics.parents) >= 0).all()
    assert (np.diff(np.bincount(topics.broad)) <= 0).all()
    assert 4 <= len(np.unique(topics.parents)) <= 8


@pytest.mark.parametrize("count", [1, 2, 3, 5, 15])
def test_few_papers_have_few_regions(count: int) -> None:
    topics = find_topics(np.random.default_rng(0).uniform(-1, 1, (count, 2)).astype(np.float32))
    assert 1 <= len(topics.parents) <= count
    assert topics.parents.min() == 0
    assert (np.bincount(topics.fine, minlength=len(topics.parents)) > 0).all()


def test_papers_in_one_place_are_one_region() -> None:
    topics = find_topics(np.zeros((30, 2), np.float32))
    assert topics.fine.tolist() == [0] * 30
    assert topics.parents.tolist() == [0]


def test_a_label_stands_where_most_lie() -> None:
    crowd: Floats = islands(1, 30) - np.array([0.5, 0.0], np.float32)
    places = np.concatenate([crowd, np.array([[-1, -1], [-0.9, 0.7], [0, 1], [-1, 1]], np.float32)])
    x, y = densest(places)
    assert (x, y) == pytest.approx((0.3, 0.0), abs=0.02)
    assert densest(np.array([[0.5, 0.25]], np.float32)) == (0.5, 0.25)
