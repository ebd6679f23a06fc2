"""How many threads there are to be."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from index import threads


@pytest.fixture(autouse=True)
def _eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("350000 100000", 3),
        ("50000 100000", 1),
        ("6400000 100000", 8),
        ("", 8),
    ],
)
def test_a_containers_limit_makes_them_fewer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, expected: int
) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(limit, encoding="ascii")
    monkeypatch.setattr(threads, "_QUOTA", quota)
    assert threads.cpu_count() == expected


def test_work_beside_gives_or_raises_what_it_does_where_it_is_waited_for() -> None:
    began, go = threading.Event(), threading.Event()

    def work() -> int:
        began.set()
        assert go.wait(10)
        return threading.get_ident()

    wait = threads.beside(work)
    assert began.wait(10)  # nobody waits yet
    go.set()
    assert wait() != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        threads.beside(lambda: 1 // 0)()


def test_without_a_limit_there_is_one_for_each_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    assert threads.cpu_count() == 8
