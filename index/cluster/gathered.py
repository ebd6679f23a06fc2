"""Papers of a cluster that are gathered for a question, as a snapshot of their own.

It has some papers of the corpus, and knows of the corpus what brings their scores to the scale of
all. What ranks and reads a snapshot on disk does the same with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged
from index.blocks import Blocks
from index.cluster.facts import CorpusFacts, TermFacts
from index.cluster.parcels import Parcel, joined
from index.errors import ClusterError
from index.glossary import Glossary
from index.labels import Mask, fold_name
from index.late import LateIndex
from index.learned import Learned
from index.lexical import Lexicon
from index.lexical.gathered import GatheredBm25
from index.manifest import Manifest
from index.moments import Distribution, Moments
from index.paper_index import PaperIndex
from index.parts import Parts
from index.projection import Projection
from index.records import Records
from index.scoring import Leg
from index.vectors import FaissIndex, Neighbours

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Known(NamedTuple):
    """What is known of a whole corpus.

    Attributes:
        folder: Where its small files are.
        manifest: Of the snapshot that was pushed.
        learned: What the build has learned.
        glossary: What terms are called in another language.
        lexicon: The vocabulary, without papers.
        facts: What brings scores to scale.
        distribution: Of the vectors of passages.
        projection: Places of all papers on a map.
    """

    folder: Path
    manifest: Manifest
    learned: Learned
    glossary: Glossary
    lexicon: Lexicon
    facts: CorpusFacts
    distribution: Distribution
    projection: Projection


class Scales(NamedTuple):
    """What brings the scores of gathered papers to the scale of the corpus, for one question.

    Attributes:
        papers: How BM25 of all papers is distributed; `None` takes those at hand for all.
        passages: The same of passages.
        beyond: What the cosine of no passage exceeds that was not found.
        beyond_allowed: The same of those that may be found.
        failed: Legs that the store did not search, and why.
    """

    papers: Moments | None = None
    passages: Moments | None = None
    beyond: float | None = None
    beyond_allowed: float | None = None
    failed: Mapping[Leg, ClusterError] = MappingProxyType({})


class GatheredVectors:
    """`VectorIndex` of the passages at hand."""

    def __init__(self, vectors: Floats, scales: Scales) -> None:
        self._index = FaissIndex(vectors)
        self._scales = scales

    @property
    def is_exact(self) -> bool:
        """Whether every search finds the nearest of those at hand."""
        return True

    @property
    def vectors(self) -> Floats:
        """All vectors at hand."""
        return self._index.vectors

    def search(self, queries: Floats, k: int, allowed: Mask | None = None) -> Neighbours:
        """Find the nearest at hand, and say what all others are given."""
        found = self._index.search(queries, k, allowed)
        beyond = self._scales.beyond if allowed is None else self._scales.beyond_allowed
        if beyond is None:
            return found
        return found._replace(beyond=np.full(len(queries), beyond, np.float32))


class FewLabels:
    """`Labelled`, of so few rows that each is looked at."""

    def __init__(self, labels: Sequence[Sequence[str]]) -> None:
        self._labels = labels

    @property
    def names(self) -> list[str]:
        """All labels, in the order of their folded names."""
        held = {name for own in self._labels for name in own}
        return sorted(held, key=lambda name: (fold_name(name), name))

    def by_count(self) -> list[str]:
        """The labels, those of the most rows first."""
        counts: dict[str, int] = dict.fromkeys(self.names, 0)
        for own in self._labels:
            for name in set(own):
                counts[name] += 1
        return sorted(counts, key=lambda name: -counts[name])

    def rows_named(self, folded: Collection[str]) -> Mask:
        """Which rows have a label with one of some names."""
        wanted = set(folded)
        return self._rows(lambda name: name in wanted)

    def rows_between(self, first: str, last: str) -> Mask:
        """Which rows have a label from one name to another."""
        return self._rows(lambda name: first <= name <= last)

    def _rows(self, holds: Callable[[str], bool]) -> Mask:
        return np.array([any(holds(fold_name(n)) for n in own) for own in self._labels], np.bool_)


class Listed:
    """`Labelled`, of which only the names are here."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take names, those of the most rows first."""
        self._names = names

    @property
    def names(self) -> list[str]:
        """All labels, in the order of their folded names."""
        return sorted(self._names, key=lambda name: (fold_name(name), name))

    def by_count(self) -> list[str]:
        """The labels, those of the most rows first."""
        return list(self._names)

    def rows_named(self, folded: Collection[str]) -> Mask:
        """No rows: they are elsewhere."""
        return np.zeros(0, np.bool_)

    def rows_between(self, first: str, last: str) -> Mask:
        """No rows: they are elsewhere."""
        return np.zeros(0, np.bool_)


def parts_of(known: Known, parcels: Sequence[Parcel], scales: Scales) -> Parts:
    """The parts of a snapshot of some papers, in the order in which they are given."""
    counts = [len(one.sections) for one in parcels]
    table = np.empty((sum(counts), 5), np.int32)
    table[:, 0] = np.repeat(np.arange(len(parcels)), counts)
    table[:, 1:] = joined([one.table for one in parcels], np.int32, 4)
    vectors = joined([one.vectors for one in parcels], np.float32, known.manifest.dimension)
    records, ends = (
        [one.record for one in parcels],
        np.cumsum([0, *(len(p.record) for p in parcels)]),
    )
    facts = known.facts
    return Parts(
        ids=[one.id for one in parcels],
        records=Records(b"".join(records), ends),
        votes=np.array([one.votes for one in parcels], np.int32),
        authors=FewLabels([one.authors for one in parcels]),
        dates=FewLabels([one.dates for one in parcels]),
        findings=[finding for one in parcels for finding in one.findings],
        table=table,
        sections=FewLabels([(name,) for one in parcels for name in one.sections]),
        sentences=_ragged(
            joined([one.sentences for one in parcels], np.int32, 2),
            (count for one in parcels for count in one.sentence_counts),
        ),
        vectors=GatheredVectors(vectors, scales),
        distribution=known.distribution,
        titles=_papers([one.title for one in parcels], facts.titles),
        latent=_papers([one.latent for one in parcels], facts.latent),
        centres=_papers([one.centre for one in parcels], facts.centres),
        lexicon=_lexicon(known, parcels, scales),
        glossary=known.glossary,
        late=None if known.learned.tokens is None else _late(parcels),
        learned=known.learned,
        projection=known.projection,
        failed=scales.failed,
    )


def _papers(vectors: Sequence[bytes], distribution: Distribution | None) -> PaperIndex | None:
    if distribution is None:
        return None
    own = joined(vectors, np.float32, len(distribution.mean))
    return PaperIndex(FaissIndex(own), distribution)


def _lexicon(known: Known, parcels: Sequence[Parcel], scales: Scales) -> Lexicon:
    papers = _ragged(
        joined([one.weighed for one in parcels], np.int32),
        (len(one.weighed) // 4 for one in parcels),
    )
    passages = _ragged(
        joined([one.passage_weighed for one in parcels], np.int32),
        (count for one in parcels for count in one.passage_counts),
    )
    return known.lexicon.over(
        _bm25(known.facts.papers, papers, [one.weights for one in parcels]),
        _bm25(known.facts.passages, passages, [one.passage_weights for one in parcels]),
        _ragged(
            joined([one.terms for one in parcels], np.int32, 3),
            (count for one in parcels for count in one.term_counts),
        ),
        _words([one.title_terms for one in parcels]),
        _words([one.name_terms for one in parcels]),
        scales.papers,
        scales.passages,
    )


def _words(lists: Sequence[bytes]) -> Ragged:
    return _ragged(joined(lists, np.int32, 1), (len(own) // 4 for own in lists))


def _bm25(facts: TermFacts, terms: Ragged, weights: Sequence[bytes]) -> GatheredBm25:
    return GatheredBm25(
        facts.count, facts.frequencies, facts.sums, terms, joined(weights, np.float32)
    )


def _late(parcels: Sequence[Parcel]) -> LateIndex:
    """The tokens of all passages, and after them of all titles."""
    passages, titles = [], []
    passage_counts: list[int] = []
    title_counts: list[int] = []
    for one in parcels:
        tokens = np.frombuffer(one.tokens, "<u2").reshape(-1, 3)
        last = len(tokens) - one.token_counts[-1]
        passages.append(tokens[:last])
        titles.append(tokens[last:])
        passage_counts += one.token_counts[:-1]
        title_counts.append(one.token_counts[-1])
    tokens = np.concatenate([np.zeros((0, 3), np.uint16), *passages, *titles])
    texts = _ragged(tokens, [*passage_counts, *title_counts])
    blocks = Blocks.of(Ragged(np.ascontiguousarray(texts.values[:, 0]), texts.offsets))
    return LateIndex(blocks, Ragged(texts.values[:, 1:], texts.offsets))


def _ragged(values: npt.NDArray[np.generic], counts: Iterable[int]) -> Ragged:
    return Ragged(values, np.cumsum([0, *counts], dtype=np.int64))
