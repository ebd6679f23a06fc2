"""Labels of rows: which rows have which."""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.labels import LabelFiles, Labels, fold_name

ROWS = [
    ["Kim Minji", "Ada Lovelace"],
    [],
    ["Ada Lovelace"],
    ["이수진", "이수진"],
    ["ada  LOVELACE"],
]
NAMES = ["a", "b", "", "A", "가", unicodedata.normalize("NFD", "가"), "ẞ", "ss", "Pat O’Brien"]


def files(folder: Path) -> LabelFiles:
    names = ("names.bin", "names.offsets.npy", "labels.npy", "labels.offsets.npy")
    return LabelFiles(*(folder / name for name in names))


def written(folder: Path, rows: list[list[str]]) -> Labels:
    Labels.write(rows, files(folder))
    return Labels.open(files(folder), len(rows))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"Ada Lovelace"}, [True, False, True, False, True]),
        ({"이수진"}, [False, False, False, True, False]),
        ({"kim minji", "이수진"}, [True, False, False, True, False]),
        ({"kim", "이수", "이수진아", "", "zz"}, [False] * 5),
        (set(), [False] * 5),
    ],
)
def test_rows_are_found_by_their_labels(
    tmp_path: Path, names: set[str], expected: list[bool]
) -> None:
    folded = {fold_name(name) for name in names}
    assert written(tmp_path, ROWS).rows_named(folded).tolist() == expected


def test_few_names_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = written(tmp_path, [[f"name {number}"] for number in range(1_000)])
    asked: list[str] = []

    def fold(name: str) -> str:
        asked.append(name)
        return fold_name(name)

    monkeypatch.setattr("index.labels.fold_name", fold)
    assert np.flatnonzero(labels.rows_named({"name 613"})).tolist() == [613]
    assert len(asked) <= 2 * 10


def test_any_iterable_of_labels_is_written(tmp_path: Path) -> None:
    Labels.write([iter(["a", "b"]), ("b",), {"c"}], files(tmp_path))
    labels = Labels.open(files(tmp_path), 3)
    assert labels.rows_named({"b"}).tolist() == [True, True, False]


def test_labels_come_by_how_many_rows_have_them(tmp_path: Path) -> None:
    rows = [["b", "c"], ["B", "a"], ["b"], ["a", "C"]]
    assert written(tmp_path, rows).by_count() == ["a", "b", "B", "C", "c"]


@pytest.mark.parametrize("rows", [[], [[]], [[], [], []]], ids=str)
def test_no_labels(tmp_path: Path, rows: list[list[str]]) -> None:
    labels = written(tmp_path, rows)
    assert labels.names == labels.by_count() == []
    assert labels.rows_named({"", "a"}).tolist() == [False] * len(rows)
    assert labels.rows_between("", "z").tolist() == [False] * len(rows)


def test_days_that_a_row_has_do_not_add_up(tmp_path: Path) -> None:
    labels = written(tmp_path, [["2024-01-01", "2024-03-01"]])
    assert labels.rows_between("2024-02-01", "2024-02-28").tolist() == [False]
    assert labels.rows_between("2024-02-01", "9999-99-99").tolist() == [True]
    assert labels.rows_between("2024-04-01", "2024-02-01").tolist() == [False]


@given(
    rows=st.lists(st.lists(st.sampled_from(NAMES) | st.text(), max_size=5)),
    wanted=st.sets(st.sampled_from([*NAMES, "absent"])),
)
def test_any_labels_are_written_and_opened_again(rows: list[list[str]], wanted: set[str]) -> None:
    with TemporaryDirectory() as folder:
        labels = written(Path(folder), rows)
        assert sorted(labels.names) == sorted({name for row in rows for name in row})
        folded = {fold_name(name) for name in wanted}
        expected = [any(fold_name(name) in folded for name in row) for row in rows]
        assert labels.rows_named(folded).tolist() == expected
        for name in map(fold_name, labels.names):
            expected = [name in map(fold_name, row) for row in rows]
            assert labels.rows_named({name}).tolist() == expected


DAYS = st.integers(0, 40).map(lambda days: str(date(2024, 1, 20) + timedelta(days)))


@given(rows=st.lists(st.lists(DAYS, max_size=3)), first=DAYS, last=DAYS)
def test_rows_between_two_days_have_one_of_them(
    rows: list[list[str]], first: str, last: str
) -> None:
    with TemporaryDirectory() as folder:
        labels = written(Path(folder), rows)
        expected = [any(first <= day <= last for day in row) for row in rows]
        assert labels.rows_between(first, last).tolist() == expected


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"labels": np.array([0, 1, 2, 5, 0], np.int32)}, "has other rows than the 3 there are"),
        ({"labels": np.array([0, 1, -1, 1, 0], np.int32)}, "has other rows"),
        ({"labels": np.array([0, 1, 2, 1, 0], np.int64)}, "has no rows"),
        ({"labels": np.zeros((5, 2), np.int32)}, "has no rows"),
        ({"labels.offsets": np.array([0, 5])}, "has other labels than names.bin"),
        ({"labels.offsets": np.array([0, 1, 4])}, "offsets should go from 0 to 5"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, change: dict[str, np.ndarray], wrong: str
) -> None:
    Labels.write([["a"], ["a", "b"], ["a", "b"]], files(tmp_path))
    for name, array in change.items():
        np.save(tmp_path / f"{name}.npy", array)
    with pytest.raises(ValueError, match=wrong):
        Labels.open(files(tmp_path), 3)
