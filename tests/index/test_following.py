"""When a folder is followed: once for every change, and not while somebody writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from index.following import SECONDS, State, changes, state_of


def _states(*names: str) -> Iterator[State]:
    for name in names:
        yield frozenset({(name, (1,))})
    raise KeyboardInterrupt


def _seen(*names: str) -> list[str]:
    states = _states(*names)
    found = []
    try:
        for state in changes(lambda: next(states), wait=lambda _: None):
            found += [name for name, _ in state]
    except KeyboardInterrupt:
        pass
    return found


def test_the_first_state_is_told_at_once() -> None:
    assert _seen("a") == ["a"]


def test_a_change_is_told_once_when_it_has_settled() -> None:
    assert _seen("a", "a", "a", "b", "b", "b", "b") == ["a", "b"]
    assert _seen("a", "b", "c", "d", "d", "d") == ["a", "d"]


def test_what_goes_back_to_what_it_was_is_no_change() -> None:
    assert _seen("a", "b", "a", "a", "a") == ["a"]


def test_it_waits_before_each_look_but_the_first() -> None:
    done: list[str | float] = []
    names = iter("aabbb")

    def look() -> State:
        name = next(names, None)
        if name is None:
            raise KeyboardInterrupt
        done.append(name)
        return frozenset({(name, (1,))})

    states = changes(look, done.append)
    with suppress(KeyboardInterrupt):
        for state in states:
            done += [f"build {name}" for name, _ in state]
    s = SECONDS
    assert done == ["a", "build a", s, "a", s, "b", s, "b", "build b", s, "b", s]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "2024-05-01.md").write_text("하나", encoding="utf-8")
    return tmp_path


def test_every_kind_of_change_is_seen(folder: Path) -> None:
    path = folder / "2024-05-01.md"
    seen = [state_of([folder])]

    def changed() -> None:
        assert state_of([folder]) not in seen
        seen.append(state_of([folder]))

    (folder / "2024-05-02.md").write_text("둘", encoding="utf-8")
    changed()
    path.write_text("하나 더", encoding="utf-8")
    changed()
    os.utime(path, ns=(1, 1))  # as long as before
    changed()
    path.rename(folder / "2024-05-03.md")
    changed()
    (folder / "2024-05-02.md").unlink()
    changed()
    (folder / "golden.jsonl").write_text("{}", encoding="utf-8")
    changed()


def test_what_no_build_reads_is_no_change(folder: Path) -> None:
    before = state_of([folder])
    (folder / "notes.txt").write_text("쪽지", encoding="utf-8")
    (folder / ".hidden.md").write_text("숨은 글", encoding="utf-8")
    assert state_of([folder]) == before


def test_files_beside_count_even_before_they_are_there(folder: Path) -> None:
    beside = folder / "list.json"
    before = state_of([folder], [beside])
    beside.write_text("[]", encoding="utf-8")
    assert state_of([folder], [beside]) != before
