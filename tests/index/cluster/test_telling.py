"""What is wrong with a store is logged, and not once a question."""

from __future__ import annotations

import logging

import pytest

from index.cluster.telling import AGAIN_S, Telling
from index.errors import ClusterError


def test_the_same_is_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    telling = Telling(lambda: now)

    def logged() -> int:
        with caplog.at_level(logging.ERROR):
            for name in ("one", "two", "one"):
                telling.tell(ClusterError(f"{name} is gone"))
        return len(caplog.messages)

    assert logged() == 2
    now = AGAIN_S - 0.1
    assert logged() == 2
    now = AGAIN_S
    assert logged() == 4


def test_no_more_is_remembered_than_a_few() -> None:
    telling = Telling()
    for number in range(1_000):
        telling.tell(ClusterError(str(number)))
    assert len(telling._until) <= 100
