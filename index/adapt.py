"""The encoder learns the corpus: a linear map from the papers' own pairs.

Every paper holds pairs for free: its English title and each of its Korean passages, and any two
of its passages. A map of the encoder's vectors is learned from them (InfoNCE, van den Oord et
al. 2018, arXiv:1807.03748, with the other papers of a batch as negatives), for any encoder; it is
kept only where it finds more papers by titles that it has not seen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from index.arrays import load_arrays, save_arrays
from index.encoders import Encoder, Vectors
from index.threads import cpu_count

Rows = npt.NDArray[np.int64]

_NAME = re.compile(r"^[^:]{1,60}:\s+(?=\S)")

FEWEST = 200  # papers; what fewer teach does not carry over to others
_BATCH = 512
_RATE = 1e-3
_TEMPERATURE = 0.05
_WARM_UP = 20
_PASSAGES = 0.5  # the weight of pairs of passages beside pairs with titles
# How far to go from no map to the learned one (Wortsman et al. 2022, arXiv:2109.01903): what
# lies between keeps more of what the encoder knew. The best for papers that are held out is kept.
_SHARES = (0.25, 0.5, 0.75, 1.0)
_SURE = 2.0  # standard errors that a map has to gain, since the best of several is chosen
_COSINES = 2**26  # of titles and passages that are computed at once
STEPS_A_SECOND = 20  # of two cores that are busy with nothing else


@dataclass(frozen=True)
class LinearMap:
    """`(x - mean) @ matrix`, brought to length 1 again."""

    mean: Vectors
    matrix: Vectors

    def __call__(self, vectors: Vectors) -> Vectors:
        """Map vectors: (rows, dimension)."""
        mapped = (vectors - self.mean) @ self.matrix
        length = np.linalg.norm(mapped, axis=1, keepdims=True)
        unit: Vectors = (mapped / np.maximum(length, 1e-9)).astype(np.float32)
        return unit

    def undo(self, vectors: Vectors) -> Vectors:
        """What vectors of length 1 were before they were mapped: (rows, dimension).

        A mapped vector v is a multiple of (x - mean) @ matrix; so x = mean + s·d with d the
        product of v and the matrix's inverse, and |x| = 1 leaves one s above 0.
        """
        mean = self.mean.astype(np.float64)
        steps = vectors @ self._inverse
        squares, along = (steps * steps).sum(1), steps @ mean
        rest = mean @ mean - 1
        lengths = (np.sqrt(along * along - squares * rest) - along) / squares
        plain: Vectors = (mean + lengths[:, None] * steps).astype(np.float32)
        return plain

    @cached_property
    def _inverse(self) -> npt.NDArray[np.float64]:
        return np.linalg.inv(self.matrix.astype(np.float64))

    def tempered(self, share: float) -> LinearMap:
        """The map that goes only a share of the way."""
        identity = np.eye(len(self.matrix), dtype=np.float32)
        return LinearMap(self.mean, identity + np.float32(share) * (self.matrix - identity))

    @property
    def fingerprint(self) -> str:
        """A hash of its numbers."""
        return hashlib.sha256(self.mean.tobytes() + self.matrix.tobytes()).hexdigest()[:16]

    def write(self, folder: Path) -> None:
        """Write what `open` reads."""
        save_arrays(folder, mean=self.mean, matrix=self.matrix)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `write` wrote."""
        return cls(**load_arrays(folder, "mean", "matrix"))


class AdaptedEncoder:
    """An `Encoder` whose vectors go through a map."""

    def __init__(self, encoder: Encoder, linear: LinearMap) -> None:
        self.inner = encoder
        self._map = linear

    @property
    def dimension(self) -> int:
        """As before the map."""
        return self.inner.dimension

    @property
    def fingerprint(self) -> str:
        """Of the encoder and the map."""
        return f"{self.inner.fingerprint}+{self._map.fingerprint}"

    def encode_document(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages: (texts, dimension)."""
        return self._map(self.inner.encode_document(texts, on_batch))

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        """Embed queries: (texts, dimension)."""
        return self._map(self.inner.encode_query(texts))

    def prepare_queries(self, texts: Sequence[str]) -> None:
        """As the encoder does; the map goes over one query at a time."""
        self.inner.prepare_queries(texts)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What is learned from.

    Attributes:
        titles: (papers, dimension), without names, encoded as queries are.
        passages: (passages, dimension).
        owners: (passages,) the row of each passage's paper, ascending.
        held_out: (papers,) which papers only validate.
    """

    titles: Vectors
    passages: Vectors
    owners: Rows
    held_out: npt.NDArray[np.bool_]


class Adapted(NamedTuple):
    """What came of learning.

    Attributes:
        map: `None` where validation did not improve, or there was too little to learn from.
        before: Mean reciprocal rank of the held-out papers by their titles, without a map.
        after: The same with the best map that was tried.
    """

    map: LinearMap | None
    before: float
    after: float


def without_name(title: str) -> str:
    """A title without the name before its colon, which stands in the text as it is."""
    return _NAME.sub("", title)


def hold_out(ids: Sequence[str], share: float) -> npt.NDArray[np.bool_]:
    """Which papers are kept from learning: about `share`, the same in every corpus."""
    places = (hashlib.sha256(name.encode()).digest()[:4] for name in ids)
    return np.array([int.from_bytes(place, "big") < share * 2**32 for place in places], np.bool_)


def adapt(pairs: Pairs, budget_s: float, on_step: Callable[[int], None] | None = None) -> Adapted:
    """Learn a map.

    Args:
        pairs: Of a whole corpus.
        budget_s: About how long it may take on two cores; turned into a number of steps, so
            that the same budget gives the same map on a slower machine too.
        on_step: Called with 1 after every step.
    """
    steps = steps_of(budget_s)
    present = np.bincount(pairs.owners, minlength=len(pairs.titles)) > 0
    learners = np.flatnonzero(~pairs.held_out & present)
    validators = np.flatnonzero(pairs.held_out & present)
    if len(learners) < FEWEST or len(validators) < FEWEST // 10 or not steps:
        return Adapted(None, 0.0, 0.0)
    before = _validate(pairs, validators, None)
    learned = _learn(pairs, learners, steps, on_step)
    found = [learned.tempered(share) for share in _SHARES]
    after = [_validate(pairs, validators, one) for one in found]
    best = int(np.argmax([ranks.mean() for ranks in after]))
    gain = after[best] - before
    better = gain.mean() > _SURE * gain.std() / len(gain) ** 0.5
    return Adapted(found[best] if better else None, float(before.mean()), float(after[best].mean()))


def steps_of(budget_s: float) -> int:
    """How many steps a budget allows; more than 200 begin to learn the papers by heart."""
    return min(200, int(budget_s * STEPS_A_SECOND))


def _learn(
    pairs: Pairs, learners: Rows, steps: int, on_step: Callable[[int], None] | None
) -> LinearMap:
    """The map after so many steps."""
    import torch
    from torch.nn.functional import cross_entropy, normalize

    torch.set_num_threads(cpu_count())
    mean = pairs.passages.mean(0)
    titles = torch.from_numpy(pairs.titles - mean)
    passages = torch.from_numpy(pairs.passages - mean)
    matrix = torch.eye(passages.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([matrix], lr=_RATE)
    chosen = _Chooser(pairs.owners, learners)
    batch = min(_BATCH, len(learners))
    for step in range(steps):
        rate = min(1, (step + 1) / _WARM_UP) * (1 - step / steps)
        for group in optimizer.param_groups:
            group["lr"] = _RATE * rate
        papers, one, other = chosen.draw(batch)
        named = normalize(titles[papers] @ matrix, dim=1)
        first = normalize(passages[one] @ matrix, dim=1)
        second = normalize(passages[other] @ matrix, dim=1)
        right = torch.arange(batch)
        by_title = named @ first.T / _TEMPERATURE
        loss = cross_entropy(by_title, right) + 0.5 * cross_entropy(by_title.T, right)
        several = torch.from_numpy(one != other)  # a passage is no pair with itself
        if several.any():
            by_passage = second[several] @ first.T / _TEMPERATURE
            loss = loss + _PASSAGES * cross_entropy(by_passage, right[several])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if on_step:
            on_step(1)
    return LinearMap(mean, matrix.detach().numpy())


class _Chooser:
    """Draws batches: every paper once before any twice, with two of its passages."""

    def __init__(self, owners: Rows, learners: Rows) -> None:
        self._random = np.random.default_rng(0)
        self._learners = learners
        last = int(owners[-1]) + 2 if len(owners) else 1
        self._first = np.searchsorted(owners, np.arange(last))
        self._rest = np.zeros(0, np.int64)

    def draw(self, batch: int) -> tuple[Rows, Rows, Rows]:
        """Rows of papers, and for each of two passages, which may be the same."""
        if len(self._rest) < batch:
            self._rest = self._random.permutation(self._learners)
        papers, self._rest = self._rest[:batch], self._rest[batch:]
        first = self._first[papers]
        counts = self._first[papers + 1] - first
        one, other = (first + self._random.integers(0, counts) for _ in range(2))
        return papers, one, other


def _validate(pairs: Pairs, papers: Rows, linear: LinearMap | None) -> npt.NDArray[np.float64]:
    """Reciprocal ranks of some papers, found by their titles among all papers: (papers,)."""
    titles, passages = pairs.titles[papers], pairs.passages
    if linear is not None:
        titles, passages = linear(titles), linear(passages)
    starts = np.flatnonzero(np.diff(pairs.owners, prepend=-1))
    columns = np.searchsorted(pairs.owners[starts], papers)
    ranks = np.empty(len(papers), np.int64)
    step = max(1, _COSINES // max(len(passages), 1))
    for begin in range(0, len(papers), step):
        some = slice(begin, begin + step)
        best = np.maximum.reduceat(titles[some] @ passages.T, starts, axis=1)
        own = best[np.arange(len(best)), columns[some]]
        ranks[some] = (best > own[:, None]).sum(1) + 1
    reciprocal: npt.NDArray[np.float64] = 1 / ranks
    return reciprocal
