"""How many threads there are to be."""

from __future__ import annotations

import os
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


def test_without_a_limit_there_is_one_for_each_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    assert threads.cpu_count() == 8
