"""What a command does when it is told to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from rag.commands.stopping import TERMINATED, clean_when_terminated


def _tell() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _told(cleaning: Callable[[], None]) -> None:
    with clean_when_terminated():
        try:
            _tell()
        finally:
            cleaning()


def test_the_block_is_left_and_cleans_up() -> None:
    cleaned: list[bool] = []
    with pytest.raises(SystemExit) as stop:
        _told(lambda: cleaned.append(True))
    assert stop.value.code == TERMINATED == 143
    assert cleaned


def test_an_exit_that_is_lost_on_the_way_is_one_all_the_same() -> None:
    def lose() -> None:
        with clean_when_terminated():
            try:
                _tell()
            except SystemExit:
                raise ImportError("initialization failed") from None

    with pytest.raises(SystemExit) as stop:
        lose()
    assert stop.value.code == TERMINATED


def test_who_is_told_twice_is_not_disturbed_in_cleaning_up() -> None:
    cleaned: list[bool] = []

    def clean() -> None:
        _tell()
        cleaned.append(True)

    with pytest.raises(SystemExit):
        _told(clean)
    assert cleaned


def test_an_exit_that_got_lost_can_be_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([100.0, 100.0, 109.0, 111.0, 111.0])
    monkeypatch.setattr("rag.commands.stopping.time.monotonic", lambda: next(now))
    with clean_when_terminated():
        with pytest.raises(SystemExit):
            _tell()
        _tell()
        with pytest.raises(SystemExit):
            _tell()


def test_afterwards_all_is_as_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with clean_when_terminated():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
