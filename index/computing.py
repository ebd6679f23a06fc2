"""What a build computes with encoders: vectors, tokens, and what they teach of the corpus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from index.adapt import Adapted, LinearMap, Pairs, adapt, hold_out, steps_of, without_name
from index.arrays import evenly
from index.content import Content
from index.encoding import Encoding
from index.late import SAMPLE, TokenSpace
from index.latent_papers import learn_latent
from index.learned import Facts, Learned
from index.papers import Paper
from index.passages import plain
from index.progress import Progress
from index.settings import LearnSettings

Ints = npt.NDArray[np.int64]

# Papers that a map is learned from: of more, some at even distances. In 200 steps of 512 papers
# each is seen twice at most, and those that validate are compared with the passages of all.
MOST = 50_000
_AT_ONCE = 2**15  # vectors that are mapped


class Computing:
    """Gives the content of papers its vectors and tokens."""

    def __init__(
        self,
        content: Content,
        papers: Sequence[Paper],
        encoding: Encoding,
        progress: Progress,
    ) -> None:
        """Compute the content of papers.

        Args:
            content: Has analysed them.
            papers: All of the build.
            encoding: Gives texts their vectors and tokens.
            progress: Told about every stage.
        """
        self._content = content
        self._papers = papers
        self._encoding = encoding
        self._progress = progress

    def counts(self) -> tuple[int, int]:
        """How many passages are to be encoded, and how many are known."""
        new = known = 0
        for paper in self._papers:
            rows = self._content.rows_of(paper)
            own = len(self._content.new_rows(rows))
            new, known = new + own, known + len(rows) - own
        return new, known

    def learn(self, settings: LearnSettings) -> Learned:
        """Compute everything, learn from it, and apply what was learned; all content is new."""
        space = None
        late = self._encoding.late_encoder
        if late is not None:
            self._progress.stage("tokens", 1)
            new = self._content.new
            # Those that `learn` would take of all.
            step = max(1, new.passages // SAMPLE)
            space = TokenSpace.learn(late, [plain(new[r]) for r in range(0, new.passages, step)])
        self._encode(space)
        if space is not None:
            space = space.with_rarity(self._frequencies(space), len(self._papers))
        if not settings.budget_s:
            return Learned(tokens=space, facts=Facts(len(self._papers)))
        held_out = hold_out([paper.id for paper in self._papers], settings.held_out)
        adapted = self._adapt(settings, held_out)
        if adapted.map is not None:
            self._map(adapted.map, 0, self._content.new.passages)
            self._map(adapted.map, self._content.new.passages, len(self._content.new))
        facts = Facts(len(self._papers), round(adapted.before, 4), round(adapted.after, 4))
        self._progress.stage("latent", 1)
        latent = learn_latent(self._content, self._papers, held_out)
        return Learned(space, adapted.map, latent, facts=facts)

    def apply(self, learned: Learned) -> Learned:
        """Compute what is new, with what was learned before."""
        self._encode(learned.tokens)
        if learned.map is not None:
            self._map(learned.map, 0, len(self._content.new))
        return learned

    def _encode(self, space: TokenSpace | None) -> None:
        """Give vectors and tokens to the new passages and titles."""
        new = self._content.new
        self._progress.stage("encode", len(new))
        new.expect(self._encoding.encoder.dimension)
        for found in self._encoding.encode(new, space, self._progress.advance):
            new.keep(found)

    def _frequencies(self, space: TokenSpace) -> Ints:
        """How many papers have each token: (vocabulary,)."""
        counts = np.zeros(len(space.rarity), np.int64)
        for paper in self._papers:
            rows = self._content.new_rows(self._content.rows_of(paper))
            if rows:
                counts[self._content.new.seen_in(rows)] += 1
        return counts

    def _adapt(self, settings: LearnSettings, held_out: npt.NDArray[np.bool_]) -> Adapted:
        sample = evenly(len(self._papers), MOST)
        names: list[str] = []
        rows: list[int] = []
        owners: list[int] = []
        for number, paper in enumerate(map(self._papers.__getitem__, sample.tolist())):
            own = self._content.new_rows(self._content.rows_of(paper))
            names.append(without_name(paper.title))
            rows += own
            owners += [number] * len(own)
        self._progress.stage("adapt", steps_of(settings.budget_s))
        pairs = Pairs(
            self._encoding.encoder.encode_query(names),
            self._content.new.vectors_of(np.array(rows, np.int64)),
            np.array(owners, np.int64),
            held_out[sample],
        )
        return adapt(pairs, settings.budget_s, self._progress.advance)

    def _map(self, linear: LinearMap, first: int, last: int) -> None:
        """Take the vectors of some of the new texts through the map."""
        vectors = self._content.new.vectors
        for begin in range(first, last, _AT_ONCE):
            own = slice(begin, min(begin + _AT_ONCE, last))
            vectors[own] = linear(vectors[own])
