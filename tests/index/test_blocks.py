"""The greatest of a table's rows among the codes of texts, against a loop over the codes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.arrays import Ragged
from index.blocks import BLOCK, Blocks, group_max

LENGTHS = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 0, 3 * BLOCK, 5 * BLOCK + 7, 2]
CODES = 300


def make_texts(lengths: list[int], seed: int = 0) -> Ragged:
    random = np.random.default_rng(seed)
    rows = [random.integers(0, CODES, length).astype(np.uint16) for length in lengths]
    return Ragged.of(rows, np.zeros(0, np.uint16))


def make_table(columns: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(1, 256, (CODES, columns)).astype(np.uint8)


@given(
    st.lists(st.integers(0, 4 * BLOCK), min_size=1, max_size=8),
    st.lists(st.integers(0, 7), max_size=12),
    st.integers(1, 9),
)
@settings(deadline=None)
def test_the_greatest_is_that_of_all_codes(
    lengths: list[int], chosen: list[int], columns: int
) -> None:
    texts, table = make_texts(lengths), make_table(columns)
    rows = np.array([row % len(lengths) for row in chosen], np.int64)
    found = Blocks.of(texts).greatest(table, rows)
    assert found.dtype == np.uint8
    assert found.shape == (len(rows), columns)
    for row, greatest in zip(rows.tolist(), found.tolist(), strict=True):
        some = [table[code].tolist() for code in texts.row(row)]
        assert greatest == [max(column, default=0) for column in zip(*some, strict=True)] or (
            not some and greatest == [0] * columns
        )


def test_a_text_takes_as_few_blocks_as_hold_it() -> None:
    blocks = Blocks.of(make_texts(LENGTHS))
    assert np.diff(blocks.offsets).tolist() == [-(-length // BLOCK) for length in LENGTHS]
    assert blocks.codes.shape == (blocks.offsets[-1], BLOCK)
    assert blocks.codes.dtype == np.uint16


def test_a_block_holds_no_code_of_another_text() -> None:
    texts = make_texts(LENGTHS)
    blocks = Blocks.of(texts)
    for row in range(len(texts)):
        held = blocks.codes[blocks.offsets[row] : blocks.offsets[row + 1]]
        assert set(held.ravel().tolist()) == set(texts.row(row).tolist())


@pytest.mark.parametrize("lengths", [[], [0, 0]])
def test_where_there_are_no_codes_there_is_nothing(lengths: list[int]) -> None:
    blocks = Blocks.of(make_texts(lengths))
    found = blocks.greatest(make_table(3), np.arange(len(lengths)))
    assert found.tolist() == [[0, 0, 0]] * len(lengths)


def test_groups_may_be_empty() -> None:
    rows = np.array([[1, 9], [5, 2], [3, 3]], np.uint8)
    firsts, sizes = np.array([0, 0, 2, 2]), np.array([0, 2, 0, 1])
    assert group_max(rows, firsts, sizes).tolist() == [[0, 0], [5, 9], [0, 0], [3, 3]]


@given(
    st.lists(st.integers(0, 40), max_size=30),
    st.integers(1, 5),
    st.sampled_from(["uint8", "float32"]),
)
def test_the_greatest_of_groups_is_that_of_each(sizes: list[int], columns: int, kind: str) -> None:
    lengths = np.array(sizes, np.int64)
    firsts = np.cumsum(lengths) - lengths
    rows = np.random.default_rng(1).integers(0, 256, (sum(sizes), columns)).astype(kind)
    found = group_max(rows, firsts, lengths)
    assert found.dtype == rows.dtype
    for row, first, size in zip(found, firsts, sizes, strict=True):
        wanted = rows[first : first + size].max(0) if size else np.zeros(columns)
        assert row.tolist() == wanted.tolist()


@given(st.lists(st.integers(0, 3 * BLOCK), min_size=1, max_size=8), st.data())
def test_texts_come_back_without_what_fills_their_blocks_up(
    lengths: list[int], data: st.DataObject
) -> None:
    texts = make_texts(lengths)
    rows = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=9)), np.int64)
    found = Blocks.of(texts).texts(rows, texts.lengths[rows])
    wanted = texts.take(rows)
    assert found.values.dtype == np.uint16
    assert found.values.tolist() == wanted.values.tolist()
    assert found.offsets.tolist() == wanted.offsets.tolist()
