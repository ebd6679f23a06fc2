"""Bootstrap intervals of means and of paired differences, against another implementation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import scipy.stats

from rag.intervals import RESAMPLES, Interval, compare, interval


def _scipy(*samples: Sequence[float]) -> tuple[float, float]:
    """The ends by another implementation, of the mean or the paired difference of means."""
    found = scipy.stats.bootstrap(
        samples,
        lambda *drawn, axis: np.mean(drawn[0] - (drawn[1] if len(drawn) > 1 else 0), axis=axis),
        n_resamples=RESAMPLES,
        method="percentile",
        paired=len(samples) > 1,
        rng=np.random.default_rng(0),
    )
    return found.confidence_interval.low, found.confidence_interval.high


def test_the_ends_are_those_of_another_implementation() -> None:
    values = np.random.default_rng(5).random(40).tolist()
    found = interval(values)
    assert found.mean == pytest.approx(sum(values) / 40)
    assert (found.low, found.high) == pytest.approx(_scipy(values))


def test_a_constant_is_sure() -> None:
    for value in (0.0, 0.1, 1.0):
        found = interval([value] * 7)
        assert (found.mean, found.low, found.high) == pytest.approx((value,) * 3)
    assert interval([0.5]) == Interval(0.5, 0.5, 0.5)


def test_fewer_questions_are_less_sure() -> None:
    widths = [one.high - one.low for one in (interval([0, 1] * n) for n in (5, 50, 500))]
    assert widths[0] > 2 * widths[1] > 4 * widths[2] > 0
    assert widths[2] == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(1000), rel=0.1)


def test_about_95_of_100_hold_the_truth() -> None:
    draws = np.random.default_rng(7).binomial(1, 0.7, (300, 60))
    found = [interval(row.tolist()) for row in draws]
    held = sum(one.low <= 0.7 <= one.high for one in found) / len(found)
    assert 0.91 <= held <= 0.98


def test_what_does_not_apply_is_left_out() -> None:
    assert interval([1.0, None, 0.0, None]) == interval([1.0, 0.0])
    with pytest.raises(ValueError, match="none in 2 questions"):
        interval([None, None])


def test_a_difference_is_of_pairs() -> None:
    random = np.random.default_rng(9)
    a = random.random(30).tolist()
    b = [one - 0.1 + random.normal(0, 0.02) for one in a]  # only pairs tell them apart
    found = compare(a, b)
    assert found.mean == pytest.approx((sum(a) - sum(b)) / 30)
    assert (found.low, found.high) == pytest.approx(_scipy(a, b))
    assert 0 < found.low < found.high
    alone = interval(a)
    assert found.high - found.low < (alone.high - alone.low) / 5
    other = compare(b, a)
    assert (other.mean, other.low, other.high) == pytest.approx(
        (-found.mean, -found.high, -found.low)
    )


def test_a_difference_needs_both_values() -> None:
    assert compare([1.0, None, 1.0, 0.5], [0.5, 1.0, None, 0.5]) == interval([0.5, 0.0])
    with pytest.raises(ValueError, match="these are 2 and 1"):
        compare([1.0, 0.0], [1.0])
    with pytest.raises(ValueError, match="none in 1 questions"):
        compare([1.0], [None])


def test_every_resample_of_two_questions_by_hand() -> None:
    # Means of two draws from 0 and 1 are 0, .5, .5 and 1: a quarter of them at each end.
    assert interval([0.0, 1.0]) == Interval(0.5, 0.0, 1.0)
