"""Labels of rows: which rows have which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.labels import Labels

ROWS = [["Kim Minji", "Ada Lovelace"], [], ["Ada Lovelace"], ["이수진", "이수진"]]


def written(folder: Path, rows: list[list[str]]) -> Labels:
    Labels.write(rows, folder / "labels.json", folder / "labels.npy")
    return Labels.open(folder / "labels.json", folder / "labels.npy")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (lambda name: name == "Ada Lovelace", [True, False, True, False]),
        (lambda name: name == "이수진", [False, False, False, True]),
        (lambda name: " " in name, [True, False, True, False]),
        (lambda name: True, [True, False, True, True]),
        (lambda name: False, [False, False, False, False]),
    ],
)
def test_rows_are_found_by_their_labels(
    tmp_path: Path, wanted: Callable[[str], bool], expected: list[bool]
) -> None:
    assert written(tmp_path, ROWS).rows_with(wanted).tolist() == expected


def test_each_name_is_asked_about_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def wanted(name: str) -> bool:
        asked.append(name)
        return True

    written(tmp_path, ROWS).rows_with(wanted)
    assert sorted(asked) == ["Ada Lovelace", "Kim Minji", "이수진"]


def test_any_iterable_of_labels_is_written(tmp_path: Path) -> None:
    files = tmp_path / "labels.json", tmp_path / "labels.npy"
    Labels.write([iter(["a", "b"]), ("b",), {"c"}], *files)
    labels = Labels.open(*files)
    assert labels.rows_with(lambda name: name == "b").tolist() == [True, True, False]


@pytest.mark.parametrize("rows", [[], [[]], [[], [], []]], ids=str)
def test_no_labels(tmp_path: Path, rows: list[list[str]]) -> None:
    labels = written(tmp_path, rows)
    assert list(labels.names) == []
    assert labels.rows_with(lambda name: True).tolist() == [False] * len(rows)


@given(
    rows=st.lists(st.lists(st.sampled_from(["a", "b", "", "A", "가"]) | st.text(), max_size=5)),
    wanted=st.sets(st.sampled_from(["a", "b", "", "A", "가", "absent"])),
)
def test_any_labels_are_written_and_opened_again(rows: list[list[str]], wanted: set[str]) -> None:
    with TemporaryDirectory() as folder:
        labels = written(Path(folder), rows)
    assert set(labels.names) == {name for row in rows for name in row}
    assert len(labels.names) == len(set(labels.names))
    expected = [any(name in wanted for name in row) for row in rows]
    assert labels.rows_with(lambda name: name in wanted).tolist() == expected
    for name in labels.names:
        assert labels.rows_with(name.__eq__).tolist() == [name in row for row in rows]
