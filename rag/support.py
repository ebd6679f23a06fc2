"""How much of a sentence's meaning a passage has, in whatever languages the two are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from index.late import LateQuery
from index.passages import plain
from index.snapshot import Snapshot

Floats = npt.NDArray[np.float32]
T = TypeVar("T")

log = logging.getLogger(__name__)

# Cosine of two tokens that mean the same, more or less. Of answers that people wrote, nine in ten
# find half of their tokens' weight in the passage that answers; of other passages of the same
# subject one in four, of random ones one in thirty (docs/decisions.md).
_ALIKE = 0.5
_FEWEST_CENTROIDS = 256  # so few papers that tokens are told apart by fewer are no evidence
_SURE_COSINE = 0.6  # of a sentence and a passage that says the same, without tokens


class Support:
    """Compares sentences with passages of a snapshot: by tokens, without them as a whole."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def share(self, sentence: str, passage: int) -> float:
        """The share of a sentence's meaning that a passage has: 0 to 1; 0 if nothing can tell."""
        ways = self._token_share, self._cosine_share
        found = _first(*(lambda way=way: way(sentence, passage) for way in ways))
        return 0.0 if found is None else round(max(0.0, min(1.0, found)), 4)

    def best_span(self, sentence: str, passage: int, spans: list[tuple[int, int]]) -> int:
        """Which of a passage's spans is nearest to a sentence, by its place in the list."""
        if len(spans) < 2:
            return 0
        ways = self._token_scores, self._cosine_scores
        found = _first(*(lambda way=way: way(sentence, passage, spans) for way in ways))
        return 0 if found is None else int(np.argmax(found))

    def _token_share(self, sentence: str, passage: int) -> float | None:
        query = self._tokens(sentence)
        if query is None or self._snapshot.late is None:
            return None
        best = self._snapshot.late.tokens.best(query, passage)
        return float(query.weights[best >= _ALIKE].sum())

    def _token_scores(
        self, sentence: str, passage: int, spans: list[tuple[int, int]]
    ) -> Floats | None:
        query = self._tokens(sentence)
        if query is None or self._snapshot.late is None:
            return None
        return self._snapshot.late.tokens.span_scores(query, passage, spans)

    def _tokens(self, sentence: str) -> LateQuery | None:
        """A sentence's tokens; `None` without any."""
        late = self._snapshot.late
        if late is None or len(late.space.centroids) < _FEWEST_CENTROIDS:
            return None
        return late.space.query(late.encoder.encode_query_tokens(sentence, late.space.basis))

    def _cosine_share(self, sentence: str, passage: int) -> float:
        """By the encoder as it comes."""
        vector = self._snapshot.encoder.encode_query([sentence])
        vectors = np.vstack([vector, self._snapshot.vectors.vectors[[passage]]])
        if self._snapshot.learned.map is not None:
            vectors = self._snapshot.learned.map.undo(vectors)
        return float(vectors[1] @ vectors[0]) / _SURE_COSINE

    def _cosine_scores(self, sentence: str, passage: int, spans: list[tuple[int, int]]) -> Floats:
        text = self._snapshot.passage(passage).text
        vectors = self._snapshot.encoder.encode_document([plain(text[a:b]) for a, b in spans])
        scores: Floats = vectors @ self._snapshot.encoder.encode_query([sentence])[0]
        return scores


def _first(*ways: Callable[[], T | None]) -> T | None:
    """What the first way gives that gives anything."""
    for way in ways:
        try:
            found = way()
        # Whatever an encoder raises: the search has told of it, and the next may work.
        except Exception as error:
            log.warning("sentences can't be compared: %s", error)
            continue
        if found is not None:
            return found
    return None
