"""What a build computes with encoders: vectors, tokens, and what they teach of the corpus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from index.adapt import Adapted, LinearMap, Pairs, adapt, hold_out, steps_of, without_name
from index.content import Content, Cut, Title
from index.encoding import Encoding
from index.late import TokenSpace
from index.learned import Facts, Learned
from index.lexical import LatentSpace
from index.papers import Paper
from index.passages import plain
from index.progress import Progress
from index.settings import LearnSettings
from index.writing import text_terms

Ints = npt.NDArray[np.int64]


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
        texts = dict.fromkeys(section.text for paper in papers for section in paper.sections)
        self._cuts = [
            (text[cut.span[0] : cut.span[1]], cut)
            for text in texts
            for row in content.sections[text]
            if (cut := content.new(row)) is not None
        ]
        # The different tokens of each passage that was encoded, by its cut.
        self._seen: dict[int, Ints] = {}

    def counts(self) -> tuple[int, int]:
        """How many passages are to be encoded, and how many are known."""
        new = [
            self._content.new(row) is not None
            for paper in self._papers
            for row in self._content.rows_of(paper)
        ]
        return sum(new), len(new) - sum(new)

    def learn(self, settings: LearnSettings) -> Learned:
        """Compute everything, learn from it, and apply what was learned; all content is new."""
        space = None
        late = self._encoding.late_encoder
        if late is not None:
            self._progress.stage("tokens", 1)
            space = TokenSpace.learn(late, [plain(text) for text, _ in self._cuts])
        self._encode(space, None)
        if space is not None:
            space = space.with_rarity(self._frequencies(space), len(self._papers))
        if not settings.budget_s:
            return Learned(tokens=space, facts=Facts(len(self._papers)))
        held_out = hold_out([paper.id for paper in self._papers], settings.held_out)
        adapted = self._adapt(settings, held_out)
        if adapted.map is not None:
            self._map(adapted.map)
        facts = Facts(len(self._papers), round(adapted.before, 4), round(adapted.after, 4))
        return Learned(space, adapted.map, self._latent(held_out), facts=facts)

    def apply(self, learned: Learned) -> Learned:
        """Compute what is new, with what was learned before."""
        self._encode(learned.tokens, learned.map)
        return learned

    def _encode(self, space: TokenSpace | None, linear: LinearMap | None) -> None:
        """Give vectors and tokens to the passages and titles that have none yet."""
        new = [*self._cuts, *self._titles()]
        self._progress.stage("encode", len(new))
        texts = [text for text, _ in new]
        vectors = np.empty((len(texts), self._encoding.encoder.dimension), np.float32)
        for found in self._encoding.encode(texts, space, self._progress.advance):
            vectors[found.rows] = found.vectors
            for at, row in enumerate(found.rows.tolist()):
                one = new[row][1]
                if found.tokens is not None:
                    one.tokens = found.tokens.row(at)
                if found.seen is not None:
                    self._seen[id(one)] = found.seen.row(at)
        if linear is not None:
            vectors = linear(vectors)
        for (_, one), vector in zip(new, vectors, strict=True):
            one.vector = vector

    def _titles(self) -> list[tuple[str, Cut | Title]]:
        """The new titles, by their text."""
        names = dict.fromkeys(paper.title for paper in self._papers)
        found = ((name, self._content.new_title(name)) for name in names)
        return [(name, title) for name, title in found if title is not None]

    def _frequencies(self, space: TokenSpace) -> Ints:
        """How many papers have each token: (vocabulary,)."""
        counts = np.zeros(len(space.rarity), np.int64)
        for paper in self._papers:
            cuts = self._cuts_of(paper)
            if cuts:
                counts[np.unique(np.concatenate([self._seen[id(cut)] for cut in cuts]))] += 1
        return counts

    def _cuts_of(self, paper: Paper) -> list[Cut]:
        """A paper's passages, those that are new."""
        cuts = map(self._content.new, self._content.rows_of(paper))
        return [cut for cut in cuts if cut is not None]

    def _adapt(self, settings: LearnSettings, held_out: npt.NDArray[np.bool_]) -> Adapted:
        owned = [
            (row, cut) for row, paper in enumerate(self._papers) for cut in self._cuts_of(paper)
        ]
        names = [without_name(paper.title) for paper in self._papers]
        self._progress.stage("adapt", steps_of(settings.budget_s))
        pairs = Pairs(
            self._encoding.encoder.encode_query(names),
            np.array([cut.vector for _, cut in owned], np.float32),
            np.array([row for row, _ in owned], np.int64),
            held_out,
        )
        return adapt(pairs, settings.budget_s, self._progress.advance)

    def _map(self, linear: LinearMap) -> None:
        """Take all vectors through the map."""
        cuts: list[Cut | Title] = [cut for _, cut in self._cuts]
        titles = [title for _, title in self._titles()]
        for holders in (cuts, titles):
            mapped = linear(np.array([one.vector for one in holders], np.float32))
            for one, vector in zip(holders, mapped, strict=True):
                one.vector = vector

    def _latent(self, held_out: npt.NDArray[np.bool_]) -> LatentSpace | None:
        self._progress.stage("latent", 1)
        titles = [
            [] if held else self._content.title_terms(paper.title)
            for paper, held in zip(self._papers, held_out, strict=True)
        ]
        return LatentSpace.learn(text_terms(self._papers, self._content), titles)
