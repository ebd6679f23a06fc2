"""Of a store that is gone, one tries at a time."""

from __future__ import annotations

from index.cluster.gate import HOLD_S, Gate


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_all_try_what_is_there() -> None:
    gate = Gate(5, Clock())
    assert [gate.opens() for _ in range(3)] == [True] * 3
    gate.worked()
    assert gate.opens()


def test_nobody_tries_for_a_moment_and_then_one_does() -> None:
    clock = Clock()
    gate = Gate(5, clock)
    gate.failed()
    assert not gate.opens()
    clock.now += HOLD_S
    assert [gate.opens() for _ in range(3)] == [True, False, False]
    gate.failed()
    assert not gate.opens()
    clock.now += HOLD_S
    assert gate.opens()
    gate.worked()
    assert [gate.opens() for _ in range(3)] == [True] * 3


def test_one_that_never_says_how_it_went_keeps_nobody_for_ever() -> None:
    clock = Clock()
    gate = Gate(5, clock)
    gate.failed()
    clock.now += HOLD_S
    assert gate.opens()
    clock.now += 5 + HOLD_S
    assert [gate.opens() for _ in range(2)] == [True, False]
