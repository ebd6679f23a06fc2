"""Texts get their vectors and tokens block by block, as the encoders would give them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from index import encoding
from index.encoders import Basis, Tokens, Vectors
from index.encoding import LocalEncoding
from index.late import TokenSpace
from index.passages import plain
from tests.quick_encoder import QuickEncoder

TEXTS = [
    "가 나 다",
    "- 모형은 검색을 한다.\n- 둘째 줄",
    "…",
    "A model, of retrieval.\n\n  Two lines",
    *(f"{number}번 글은 {number % 3}을 말한다" for number in range(7)),
]


class Apart(QuickEncoder):
    """A multi-vector encoder beside another encoder; in batches of three, the last text first."""

    def encode_document_tokens(
        self,
        texts: Sequence[str],
        basis: Basis | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[Sequence[int], Tokens]]:
        for end in range(len(texts), 0, -3):
            rows = list(range(max(0, end - 3), end))
            own = [self.encode_query_tokens(texts[row], basis) for row in rows]
            vectors, ids, spans, lengths = (
                np.concatenate([one[part] for one in own]) for part in range(4)
            )
            if on_batch:
                on_batch(len(rows))
            yield rows, Tokens(vectors, ids, spans, lengths)


@pytest.fixture(scope="module")
def space() -> TokenSpace:
    return TokenSpace.learn(QuickEncoder(), [plain(text) for text in TEXTS])


def encode(
    local: LocalEncoding, space: TokenSpace | None
) -> tuple[Vectors, list[np.ndarray], list[np.ndarray], int]:
    """All vectors, tokens and different tokens in the order of TEXTS, and how many were counted."""
    counted: list[int] = []
    vectors = np.full((len(TEXTS), local.encoder.dimension), np.nan, np.float32)
    tokens: dict[int, np.ndarray] = {}
    seen: dict[int, np.ndarray] = {}
    for block in local.encode(TEXTS, space, counted.append):
        vectors[block.rows] = block.vectors
        for at, row in enumerate(block.rows.tolist()):
            if block.tokens is not None and block.seen is not None:
                assert row not in tokens
                tokens[row], seen[row] = block.tokens.row(at), block.seen.row(at)
    return vectors, [tokens[row] for row in sorted(tokens)], list(seen.values()), sum(counted)


@pytest.mark.parametrize("block", [4, 100])
@pytest.mark.parametrize("apart", [False, True], ids=["one network", "two networks"])
def test_blocks_are_what_the_encoders_give_text_by_text(
    monkeypatch: pytest.MonkeyPatch, space: TokenSpace, block: int, *, apart: bool
) -> None:
    monkeypatch.setattr(encoding, "BLOCK", block)
    one = QuickEncoder()
    vectors, tokens, seen, counted = encode(LocalEncoding(one, Apart() if apart else one), space)
    np.testing.assert_allclose(vectors, one.encode_document([plain(text) for text in TEXTS]))
    assert counted == len(TEXTS) == len(tokens) == len(seen)
    for text, own in zip(TEXTS, tokens, strict=True):
        alone = one.encode_query_tokens(plain(text), space.basis)
        assert own.dtype == np.uint16
        assert own[:, 0].tolist() == space.code(alone.vectors).tolist()
        words = [text[start:end] for start, end in own[:, 1:].tolist()]
        assert words == [plain(text)[start:end] for start, end in alone.spans.tolist()]
    ids = [set(one.encode_query_tokens(plain(text)).ids.tolist()) for text in TEXTS]
    assert sorted(map(sorted, ids)) == sorted(own.tolist() for own in seen)


def test_without_a_space_there_are_vectors_alone() -> None:
    one = QuickEncoder()
    for late in (None, one):
        (block,) = LocalEncoding(one, late).encode(TEXTS, None, lambda _: None)
        assert (block.tokens, block.seen) == (None, None)
        assert block.rows.tolist() == list(range(len(TEXTS)))
