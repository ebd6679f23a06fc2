"""Rows of different lengths, and lists of terms, against plain lists."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from index.arrays import Ragged
from index.lexical import Term, TermLists

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
@given(texts=WORDS, others=WORDS, data=st.data())
def test_lists_of_terms_keep_their_words_whatever_their_numbers(
    texts: list[list[str]], others: list[list[str]], data: st.DataObject
) -> None:
    joined = TermLists.of_words(texts).joined(TermLists.of_words(others))
    every = texts + others
    assert [joined.words(row) for row in range(len(joined))] == every
    assert joined.used() == {word for text in every for word in text}
    numbers = {word: number for number, word in enumerate(sorted(joined.used()))}
    again = joined.renumbered(numbers)
    assert [again.words(row) for row in range(len(again))] == every
    assert again.numbers.tolist() == [numbers[word] for text in every for word in text]
    if every:
        chosen = data.draw(st.lists(st.integers(0, len(every) - 1), max_size=6))
        taken = joined.take(np.array(chosen, np.int64))
        assert [taken.words(row) for row in range(len(taken))] == [every[row] for row in chosen]
        assert taken.used() == {word for row in chosen for word in every[row]}


def test_places_go_with_their_terms() -> None:
    terms = [[Term("가", 0, 1), Term("나", 5, 9)], [], [Term("가", 2, 3)]]
    lists = TermLists.of(terms).take(np.array([2, 0]))
    assert lists.lists.row(0)[:, 1:].tolist() == [[2, 1]]
    assert lists.lists.row(1)[:, 1:].tolist() == [[0, 1], [5, 4]]
