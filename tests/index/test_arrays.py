"""Rows of different lengths, and lists of terms, against plain lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import arrays
from index.arrays import Chosen, Ragged, evenly, load_mapped, load_scattered, save_blocks
from index.lexical import Term, TermLists, Vocabulary

ROWS = st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=5)
WORDS = st.lists(st.lists(st.sampled_from(["가", "나", "gpt", "4o", "é"]), max_size=4), max_size=5)
LIKE = np.zeros(0, np.int64)


def _ragged(rows: list[list[int]]) -> Ragged:
    return Ragged.of([np.array(row, np.int64) for row in rows], LIKE)


def _lists(ragged: Ragged) -> list[list[int]]:
    return [ragged.row(number).tolist() for number in range(len(ragged))]


@settings(max_examples=50, deadline=None)
@given(rows=ROWS, others=ROWS, data=st.data())
def test_rows_are_taken_and_joined_as_lists_are(
    rows: list[list[int]], others: list[list[int]], data: st.DataObject
) -> None:
    assert _lists(_ragged(rows)) == rows
    assert _ragged(rows).lengths.tolist() == [len(row) for row in rows]
    joined = _ragged(rows).joined(_ragged(others))
    assert _lists(joined) == rows + others
    if rows + others:
        chosen = data.draw(st.lists(st.integers(0, len(rows + others) - 1), max_size=6))
        taken = joined.take(np.array(chosen, np.int64))
        assert _lists(taken) == [(rows + others)[row] for row in chosen]


@settings(max_examples=50, deadline=None)
@given(parts=st.lists(ROWS, min_size=1, max_size=4), block=st.integers(1, 5), data=st.data())
def test_rows_are_chosen_of_several_parts_block_by_block(
    parts: list[list[list[int]]], block: int, data: st.DataObject
) -> None:
    every = [row for part in parts for row in part]
    rows = data.draw(st.lists(st.integers(0, len(every) - 1), max_size=9)) if every else []
    chosen = Chosen([_ragged(part) for part in parts], np.array(rows, np.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "BLOCK", block)
        blocks = list(chosen.blocks())
    assert [row for one in blocks for row in _lists(one)] == [every[row] for row in rows]
    assert [len(one) for one in blocks[:-1]] == [block] * (len(blocks) - 1)
    assert len(chosen) == len(rows)
    assert np.diff(chosen.offsets).tolist() == [len(every[row]) for row in rows]


@settings(max_examples=50, deadline=None)
@given(rows=ROWS, block=st.integers(1, 5))
def test_blocks_of_rows_are_the_rows(rows: list[list[int]], block: int) -> None:
    whole = Ragged.of([np.zeros(2, np.int64)] * 3, LIKE).joined(_ragged(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "BLOCK", block)
        blocks = list(whole.blocks())
    assert [row for one in blocks for row in _lists(one)] == [[0, 0]] * 3 + rows


@pytest.mark.parametrize("shape", [(0,), (7,), (7, 3), (0, 3)])
@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.float32, np.int64])
@pytest.mark.parametrize("size", [1, 3, 9])
def test_an_array_in_blocks_is_the_file_that_numpy_writes(
    tmp_path: Path, shape: tuple[int, ...], dtype: type[np.generic], size: int
) -> None:
    whole = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    blocks = [whole[begin : begin + size] for begin in range(0, len(whole), size)]
    np.save(tmp_path / "whole.npy", whole)
    save_blocks(tmp_path / "blocks.npy", whole[:0], len(whole), blocks)
    assert (tmp_path / "blocks.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux tells of its maps")
def test_of_rows_that_are_read_here_and_there_no_more_is_read(tmp_path: Path) -> None:
    wanted = np.arange(100_000, dtype=np.float32).reshape(-1, 10)
    path = tmp_path / "rows.npy"
    np.save(path, wanted)

    def advised() -> list[bool]:
        maps = Path("/proc/self/smaps").read_text(encoding="utf-8").split(str(path))[1:]
        return ["rr" in one.partition("VmFlags:")[2].partition("\n")[0].split() for one in maps]

    plain = load_mapped(path)
    assert advised() == [False]
    scattered = load_scattered(path)
    assert sorted(advised()) == [False, True]
    assert np.array_equal(scattered, wanted)
    assert np.array_equal(plain, wanted)


@pytest.mark.parametrize("count", [2, 4])
def test_rows_that_are_missing_or_too_many_are_an_error(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match=f"x.npy was to have {count} rows and has 3"):
        save_blocks(tmp_path / "x.npy", LIKE, count, [np.zeros(2, np.int64), np.zeros(1, np.int64)])


@given(count=st.integers(0, 300), most=st.integers(1, 100))
def test_some_rows_are_taken_at_even_distances(count: int, most: int) -> None:
    rows = evenly(count, most)
    assert len(rows) == min(count, most)
    if count <= most:
        assert rows.tolist() == list(range(count))
    else:
        assert rows[0] == 0
        assert rows[-1] < count
        assert set(np.diff(rows).tolist()) <= {count // most, count // most + 1}


@settings(max_examples=50, deadline=None)
@given(texts=WORDS, others=WORDS, data=st.data())
def test_lists_of_terms_keep_their_words_whatever_their_numbers(
    texts: list[list[str]], others: list[list[str]], data: st.DataObject
) -> None:
    vocabulary = Vocabulary(["나", "other"])
    lists = [vocabulary.word_lists(some) for some in (texts, others)]
    every = texts + others
    assert len(vocabulary) == len({"나", "other", *(word for text in every for word in text)})
    assert [vocabulary.numbers[term] for term in vocabulary.terms] == list(range(len(vocabulary)))
    joined = TermLists(vocabulary.terms, lists[0].joined(lists[1]))
    assert [joined.words(row) for row in range(len(joined))] == every
    if every:
        chosen = data.draw(st.lists(st.integers(0, len(every) - 1), max_size=6))
        taken = joined.take(np.array(chosen, np.int64))
        assert [taken.words(row) for row in range(len(taken))] == [every[row] for row in chosen]


def test_places_go_with_their_terms() -> None:
    terms = [[Term("가", 0, 1), Term("나", 5, 9)], [], [Term("가", 2, 3)]]
    lists = TermLists.of(terms).take(np.array([2, 0]))
    assert lists.lists.row(0)[:, 1:].tolist() == [[2, 1]]
    assert lists.lists.row(1)[:, 1:].tolist() == [[0, 1], [5, 4]]
