"""Whether passages are found by their own text, in every way that a question is compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from index.passages import plain
from index.snapshot import Snapshot

SAMPLE = 16  # passages
NEAREST = 10
_SAME_VECTOR = 0.99  # the least cosine; batches of other lengths change the last digits
_TIE = 1e-3  # of cosines; passages that say the same have one vector
_SAME_TOKENS = 0.99  # the least share; where two centroids are as near, either may be coded
# Different terms from which on a passage comes first for them. A shorter one's may stand more
# densely in others, which then rightly come before it.
_TELLING = 10


class Sampled(NamedTuple):
    """What came of asking for passages by their own text.

    Attributes:
        texts: How many.
        found: How many of them by all that was asked.
        failures: How the others were not found, with their ids.
    """

    texts: int
    found: int
    failures: list[str]


def ask_own_texts(snapshot: Snapshot) -> Sampled:
    """Ask for some passages: by their text encoded anew, and by their terms.

    Raises:
        EncoderError: An encoder can't be loaded.
    """
    rows = sample(snapshot.manifest.passages)
    passages = [snapshot.passage(row) for row in rows]
    texts = [plain(passage.text) for passage in passages]
    other, far = _by_vector(snapshot, rows, texts)
    lost = {
        "have a vector that is not their text's": other,
        f"are not among the {NEAREST} nearest to their own text": far,
        "are not found by their own terms": [row for row in rows if not _by_terms(snapshot, row)],
        "have tokens that are not their text's": _by_tokens(snapshot, rows, texts),
    }
    ids = {row: passage.id for row, passage in zip(rows, passages, strict=True)}
    failures = [
        f"{len(some)} of {len(rows)} passages {how}: {', '.join(ids[row] for row in some)}"
        for how, some in lost.items()
        if some
    ]
    found = len(set(rows).difference(*lost.values()))
    return Sampled(len(rows), found, failures)


def sample(count: int) -> list[int]:
    """Up to SAMPLE of so many rows, evenly spread, the first and the last among them."""
    spread = np.linspace(0, count - 1, min(SAMPLE, count))
    return [int(row) for row in np.round(spread)]


def _by_vector(
    snapshot: Snapshot, rows: Sequence[int], texts: Sequence[str]
) -> tuple[list[int], list[int]]:
    """The rows whose vector is not their text's, and those that are not near to their text."""
    vectors = snapshot.encoder.encode_document(texts)
    cosines = np.einsum("ij,ij->i", vectors, snapshot.vectors.vectors[rows])
    nearest = snapshot.vectors.search(vectors, NEAREST)
    there = (nearest.rows == np.array(rows)[:, None]).any(1)
    there |= np.abs(nearest.scores[:, -1] - cosines) <= _TIE
    places = np.array(rows)
    return places[~(cosines >= _SAME_VECTOR)].tolist(), places[~there].tolist()


def _by_terms(snapshot: Snapshot, row: int) -> bool:
    """Whether each of a passage's terms finds it, and all of them before nearly all others."""
    lexicon = snapshot.lexicon
    terms = lexicon.numbers(term.text for term in lexicon.passage_terms(row))
    different = list(dict.fromkeys(terms))
    if not all(lexicon.score_passages([term])[row] > 0 for term in different):
        return False
    if len(different) < _TELLING:
        return True
    scores = lexicon.score_passages(terms)
    better = np.flatnonzero(scores > scores[row])
    # One that says all of it too, and more than once, may well come first.
    having = [lexicon.score_passages([term])[better] > 0 for term in different]
    return len(better) - int(np.all(having, axis=0).sum()) < NEAREST


def _by_tokens(snapshot: Snapshot, rows: Sequence[int], texts: Sequence[str]) -> list[int]:
    """The rows whose tokens, coded anew, are others; none where hardly any is."""
    late = snapshot.late
    if late is None:
        return []
    tokens, same, others = 0, 0, []
    centroids = late.space.centroids
    batches = late.encoder.encode_document_tokens(texts, late.space.basis)
    for places, batch in batches:
        codes = late.space.code(batch.vectors)
        ends = np.cumsum([0, *batch.lengths.tolist()]).tolist()
        for place, (start, end) in zip(places, pairwise(ends), strict=True):
            old, new = late.tokens.coded(rows[place]).codes, codes[start:end]
            equal = 0
            if len(old) == len(new):
                # Between two centroids that are all but one, rounding decides.
                cosines = np.einsum("ij,ij->i", centroids[old], centroids[new])
                equal = int(((old == new) | (cosines >= _SAME_VECTOR)).sum())
            tokens, same = tokens + max(len(old), len(new)), same + equal
            if equal < max(len(old), len(new)):
                others.append(rows[place])
    return sorted(others) if same < _SAME_TOKENS * tokens else []
