"""Arrays that grow, in memory and in files without a name."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import columns
from index.arrays import Ragged
from index.columns import Column, RaggedColumn, allocate

LIKE = np.zeros((0, 2), np.int32)
BLOCKS = st.lists(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=5))


@pytest.fixture(params=[0, 40, 2**20])
def in_memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many bytes stay in memory: none, a few, all."""
    monkeypatch.setattr(columns, "IN_MEMORY", request.param)
    return int(request.param)


@pytest.mark.usefixtures("in_memory")
def test_a_column_has_what_was_added_to_it(tmp_path: Path) -> None:
    column = Column(LIKE, tmp_path)
    wanted: list[list[int]] = []
    assert column.values.shape == (0, 2)
    for size in (0, 3, 1, 0, 7, 2):
        before, copy = column.values, column.values.tolist()
        rows = np.arange(2 * size).reshape(size, 2) + len(wanted)
        column.extend(rows)
        wanted += rows.tolist()
        assert column.values.tolist() == wanted == list(column.each())
        assert column.values.dtype == np.int32
        assert len(column) == len(wanted)
        assert before.tolist() == copy
    assert not list(tmp_path.iterdir())


@settings(max_examples=30, deadline=None)
@given(blocks=st.lists(BLOCKS, max_size=4))
def test_ragged_rows_are_as_lists(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[list[list[tuple[int, int]]]]
) -> None:
    folder = tmp_path_factory.mktemp("column")
    for most in (0, 40, 2**20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(columns, "IN_MEMORY", most)
            column = RaggedColumn(LIKE, folder)
            for block in blocks:
                rows = [np.array(row, np.int32).reshape(-1, 2) for row in block]
                # As blocks of a larger one come: its offsets begin anywhere.
                whole = Ragged.of([np.zeros((2, 2), np.int32), *rows], LIKE)
                column.extend(Ragged(whole.values[2:], whole.offsets[1:]))
            found = [column.rows.row(at).tolist() for at in range(len(column))]
        assert found == [[list(item) for item in row] for block in blocks for row in block]


def test_an_array_is_zeros_that_can_be_filled(tmp_path: Path, in_memory: int) -> None:
    array = allocate((30, 4), np.float32, tmp_path)
    assert not array.any()
    array[[3, 29]] = 1.5
    assert array.sum() == 12
    assert isinstance(array.base, np.memmap) == (in_memory < array.nbytes)
    assert not list(tmp_path.iterdir())


def test_without_a_folder_all_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "IN_MEMORY", 0)
    column = Column(LIKE)
    column.extend(np.ones((5, 2)))
    for array in (column.values, allocate((9,), np.int64, None)):
        assert not isinstance(array.base, np.memmap)


def test_a_full_disk_is_an_error_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(columns, "IN_MEMORY", 0)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        allocate((9,), np.int64, tmp_path)
