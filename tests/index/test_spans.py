"""Spans of many texts at once, against a loop over each text alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from index.arrays import Ragged
from index.spans import Span, kept, merged, touched, tuples

SPAN = st.tuples(st.integers(0, 30), st.integers(0, 6)).map(lambda one: (one[0], sum(one)))
TEXTS = st.lists(st.tuples(st.lists(SPAN, max_size=6), st.lists(SPAN, max_size=4)), max_size=5)


def ragged(texts: Sequence[Sequence[Span]]) -> Ragged:
    rows = [np.array(spans, np.int32).reshape(-1, 2) for spans in texts]
    return Ragged.of(rows, np.zeros((0, 2), np.int32))


def merge(spans: Sequence[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


@given(TEXTS)
def test_spans_come_back_as_tuples(texts: list[tuple[list[Span], list[Span]]]) -> None:
    spans = [own for own, _ in texts]
    assert tuples(ragged(spans)) == [tuple(own) for own in spans]


@given(TEXTS)
def test_spans_that_touch_or_overlap_are_made_one(
    texts: list[tuple[list[Span], list[Span]]],
) -> None:
    spans = [own for own, _ in texts]
    assert tuples(merged(ragged(spans))) == [merge(own) for own in spans]


def test_spans_that_only_come_near_stay_apart() -> None:
    some = [[(4, 6), (0, 2), (2, 3), (5, 9), (7, 8), (10, 12)], [], [(0, 1)]]
    assert tuples(merged(ragged(some))) == [((0, 3), (4, 9), (10, 12)), (), ((0, 1),)]


@given(TEXTS)
def test_a_span_is_touched_by_what_it_shares_a_part_with(
    texts: list[tuple[list[Span], list[Span]]],
) -> None:
    found = touched(ragged([own for own, _ in texts]), ragged([by for _, by in texts]))
    wanted = [
        any(first < end and last > start for first, last in by)
        for own, by in texts
        for start, end in own
    ]
    assert found.tolist() == wanted


@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=5))
def test_items_that_a_mask_has_are_kept_in_their_rows(masks: list[list[bool]]) -> None:
    numbers = iter(range(100))
    rows = [[next(numbers) for _ in mask] for mask in masks]
    held = Ragged.of([np.array(row, np.int64) for row in rows], np.zeros(0, np.int64))
    found = kept(held, np.array([one for mask in masks for one in mask], np.bool_))
    assert [found.row(at).tolist() for at in range(len(found))] == [
        [one for one, wanted in zip(row, mask, strict=True) if wanted]
        for row, mask in zip(rows, masks, strict=True)
    ]
