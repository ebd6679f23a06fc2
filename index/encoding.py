"""Where a build's texts get their vectors and tokens: in this process, or wherever else.

What is kept of them, and what they teach, is the build's business (`index/computing.py`). Whoever
computes them elsewhere, such as on the machines of a cluster, does what `Encoding` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged
from index.encoders import Encoder, MultiVectorEncoder, Tokens, Vectors
from index.late import TokenSpace
from index.passages import plain, plain_places

Ints = npt.NDArray[np.int64]
Done = Callable[[int], None]

BLOCK = 2**16  # texts that an encoder is given at once; it sorts them by length

_NO_TOKENS = np.zeros((0, 3), np.uint16)
_NO_IDS = np.zeros(0, np.int32)


class Encoded(NamedTuple):
    """What was computed of some texts.

    Attributes:
        rows: (texts,) which of the texts that were given these are, in any order.
        vectors: (texts, the encoder's dimension), of length 1, as `Encoder.encode_document`
            gives them; no map was applied.
        tokens: (tokens, 3) of each text, uint16, as `LateIndex.write` takes them: the centroid
            of each token, and its first character and the one after its last in the text as it
            was given. `None` where no tokens were asked for.
        seen: (different tokens,) of each text, int32: their numbers in the vocabulary, ascending.
            `None` where no tokens were asked for.
    """

    rows: Ints
    vectors: Vectors
    tokens: Ragged | None = None
    seen: Ragged | None = None


class Encoding(Protocol):
    """Gives many texts their vectors and tokens."""

    @property
    def encoder(self) -> Encoder:
        """Open in this process: for a few texts, titles as queries among them."""

    @property
    def late_encoder(self) -> MultiVectorEncoder | None:
        """Open in this process: for the few texts that a `TokenSpace` is learned from.

        `None` where late interaction is off.
        """

    def encode(
        self, texts: Sequence[str], space: TokenSpace | None, on_done: Done
    ) -> Iterator[Encoded]:
        """Encode texts, block by block.

        Args:
            texts: As the papers have them: passages with their line ends and bullets, and titles.
                What encoders read is `plain(text)`; tokens are placed back into the text itself,
                by `plain_places(text)`. There may be millions, which are read from disk when
                they are asked for, one by one: none should be kept, and each asked for once.
            space: Where tokens are laid down and coded; `None` where there are to be none.
            on_done: Called, in the thread that iterates, with the number of texts done since
                its last call; all calls together count every text once.

        Yields:
            Every text once, in blocks of any size and in any order; the same texts have the
            same vectors and tokens each time. The caller copies what it needs before it asks for
            the next block, so that few blocks are in memory at a time.

        Raises:
            EncoderError: They can't be computed.
        """


class LocalEncoding:
    """`Encoding` in this process."""

    def __init__(self, encoder: Encoder, late_encoder: MultiVectorEncoder | None) -> None:
        self.encoder = encoder
        self.late_encoder = late_encoder

    def encode(
        self, texts: Sequence[str], space: TokenSpace | None, on_done: Done
    ) -> Iterator[Encoded]:
        """Encode up to BLOCK texts at a time, as they are given; see `Encoding`."""
        for begin in range(0, len(texts), BLOCK):
            some = [texts[row] for row in range(begin, min(begin + BLOCK, len(texts)))]
            for found in self._encode(some, space, on_done):
                yield found._replace(rows=found.rows + begin)

    def _encode(
        self, texts: Sequence[str], space: TokenSpace | None, on_done: Done
    ) -> Iterator[Encoded]:
        lines = [plain(text) for text in texts]
        late = self.late_encoder
        if late is None or space is None:
            vectors = self.encoder.encode_document(lines, on_done)
            yield Encoded(np.arange(len(texts)), vectors)
        elif id(late) == id(self.encoder):  # one network makes both, and all at once
            for rows, tokens in late.encode_document_tokens(lines, space.basis, on_done):
                own = [texts[row] for row in rows]
                found = tokens.texts
                if found is None:
                    found = self.encoder.encode_document([lines[row] for row in rows])
                yield Encoded(np.array(rows, np.int64), found, *code(own, tokens, space))
        else:
            coded = [
                (rows, *code([texts[row] for row in rows], tokens, space))
                for rows, tokens in late.encode_document_tokens(lines, space.basis)
            ]
            vectors = self.encoder.encode_document(lines, on_done)
            for rows, kept, seen in coded:
                yield Encoded(np.array(rows, np.int64), vectors[rows], kept, seen)


def code(texts: Sequence[str], tokens: Tokens, space: TokenSpace) -> tuple[Ragged, Ragged]:
    """What is kept of the tokens of some texts: `Encoded.tokens` and `Encoded.seen`.

    Args:
        texts: As the papers have them.
        tokens: Of the same texts, in the same order, made plain; laid down by the space's basis.
        space: Has the centroids.
    """
    codes = space.code(tokens.vectors)
    ends = np.cumsum([0, *tokens.lengths.tolist()]).tolist()
    coded, seen = [], []
    for text, (start, end) in zip(texts, pairwise(ends), strict=True):
        spans = np.array(plain_places(text))[tokens.spans[start:end]]
        coded.append(np.column_stack([codes[start:end], spans]).astype(np.uint16))
        seen.append(np.unique(tokens.ids[start:end]).astype(np.int32))
    return Ragged.of(coded, _NO_TOKENS), Ragged.of(seen, _NO_IDS)
