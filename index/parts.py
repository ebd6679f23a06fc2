"""What an open snapshot is made of: read from its files, or given by whoever has it elsewhere."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged, load_mapped
from index.elsewhere import Elsewhere
from index.errors import NonmunError
from index.glossary import Glossary
from index.labels import LabelFiles, Labels, Mask
from index.late import LateIndex
from index.learned import Learned
from index.lexical import Lexicon
from index.manifest import LAYOUT, Manifest
from index.moments import Distribution
from index.paper_index import PaperIndex
from index.projection import Projection
from index.quality.findings import Finding, read_findings
from index.records import Records
from index.scoring import Leg
from index.vectors import FaissIndex, IndexFacts, VectorIndex


class Labelled(Protocol):
    """Labels of rows, as `Labels` has them."""

    @property
    def names(self) -> list[str]:
        """All labels, in the order of their folded names."""

    def by_count(self) -> list[str]:
        """The labels, those of the most rows first."""

    def rows_named(self, folded: Collection[str]) -> Mask:
        """Which rows have a label with one of some names, as `fold_name` gives them: (rows,)."""

    def rows_between(self, first: str, last: str) -> Mask:
        """Which rows have a label from one name to another, both included: (rows,)."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a snapshot; all that have a row a paper have as many rows.

    Attributes:
        ids: Of the papers.
        records: The papers, as JSON.
        votes: (papers,) -1 where nobody has counted them.
        authors: Of the papers.
        dates: Of the papers, as ISO 8601 writes them.
        findings: Doubts about papers.
        table: (passages, 5) where each passage stands, as `PassageRow` has it.
        sections: Of the passages: their names.
        sentences: (sentences, 2) of each passage: spans of its text.
        vectors: Of the passages.
        distribution: Of these vectors.
        titles: `None` where there are none.
        latent: Papers in the latent space; `None` where there is none.
        centres: What each paper is about as a whole; `None` where that is computed when it is
            asked for.
        lexicon: Terms of papers and passages.
        glossary: What terms are called in another language.
        late: Tokens of all passages, and after them of all titles; `None` where there are none.
        learned: What a build has learned of the corpus.
        projection: Places of papers on a map.
        failed: Legs that can't be run, and why.
        elsewhere: Where the papers are, if they are not here.
        stand_for_all: How many papers, the last ones, are there to bring the scores of the others
            to the scale of a whole corpus; they are never found.
        trouble: Why these are searched for what is elsewhere, where that can't be asked.
    """

    ids: Sequence[str]
    records: Records
    votes: npt.NDArray[np.int32]
    authors: Labelled
    dates: Labelled
    findings: Sequence[Finding]
    table: npt.NDArray[np.int32]
    sections: Labelled
    sentences: Ragged
    vectors: VectorIndex
    distribution: Distribution
    titles: PaperIndex | None
    latent: PaperIndex | None
    centres: PaperIndex | None
    lexicon: Lexicon
    glossary: Glossary
    late: LateIndex | None
    learned: Learned
    projection: Projection
    failed: Mapping[Leg, NonmunError] = field(default_factory=dict)
    elsewhere: Elsewhere | None = None
    stand_for_all: int = 0
    trouble: str | None = None

    @classmethod
    def open(cls, folder: Path, manifest: Manifest) -> Self:
        """Map the files of a snapshot's folder.

        Raises:
            OSError: One can't be read.
            ValueError: One is something else.
        """
        files = _Files(folder, manifest)
        learned = Learned.open(folder / LAYOUT.learned)
        parts = cls(
            ids=json.loads((folder / LAYOUT.ids).read_text(encoding="utf-8")),
            records=Records.open(folder / LAYOUT.papers, folder / LAYOUT.paper_offsets),
            votes=files.array(LAYOUT.votes),
            authors=files.labels("authors", manifest.papers),
            dates=files.labels("dates", manifest.papers),
            findings=read_findings(folder / LAYOUT.findings),
            table=files.array(LAYOUT.passages),
            sections=files.labels("sections", manifest.passages),
            sentences=Ragged(files.array(LAYOUT.sentences), files.array(LAYOUT.sentence_offsets)),
            vectors=FaissIndex.open(
                folder / LAYOUT.vectors,
                files.facts(LAYOUT.vectors),
                LAYOUT.lists_of(folder, LAYOUT.vectors),
            ),
            distribution=Distribution.from_array(files.array(LAYOUT.moments)),
            titles=files.papers(LAYOUT.titles),
            latent=None if learned.latent is None else files.papers(LAYOUT.latent),
            centres=files.papers(LAYOUT.centres) if LAYOUT.centres in manifest.vectors else None,
            lexicon=Lexicon.open(folder / LAYOUT.lexical),
            glossary=Glossary.open(folder / LAYOUT.glossary),
            late=None if learned.tokens is None else LateIndex.open(folder / LAYOUT.late),
            learned=learned,
            projection=Projection.open(folder / LAYOUT.projection),
        )
        parts.check_counts(manifest)
        return parts

    def check_counts(self, manifest: Manifest) -> None:
        """See that there are as many rows of each as a manifest says.

        Raises:
            ValueError: There are not; the part is named.
        """
        papers, passages = manifest.papers, manifest.passages
        counted = {
            LAYOUT.ids: (len(self.ids), papers),
            LAYOUT.papers: (len(self.records), papers),
            LAYOUT.votes: (len(self.votes), papers),
            LAYOUT.titles: (0 if self.titles is None else len(self.titles), papers),
            LAYOUT.passages: (len(self.table), passages),
            LAYOUT.sentence_offsets: (len(self.sentences), passages),
            LAYOUT.vectors: (len(self.vectors.vectors), passages),
            LAYOUT.projection: (len(self.projection.places), papers),
        }
        if self.late is not None:
            counted[LAYOUT.late] = (len(self.late), passages + papers)
        if self.latent is not None:
            counted[LAYOUT.latent] = (len(self.latent), papers)
        for name, (found, wanted) in counted.items():
            if found != wanted:
                raise ValueError(f"{name} has {found} rows, the manifest says {wanted}")


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of a snapshot's folder."""

    folder: Path
    manifest: Manifest

    def array(self, name: str) -> npt.NDArray[Any]:
        return load_mapped(self.folder / name)

    def facts(self, name: str) -> IndexFacts:
        return IndexFacts.from_json(self.manifest.vectors[name])

    def labels(self, name: str, count: int) -> Labels:
        return Labels.open(LabelFiles(*(self.folder / file for file in LAYOUT.labels(name))), count)

    def papers(self, name: str) -> PaperIndex:
        """An index with one vector a paper."""
        folder = LAYOUT.lists_of(self.folder, name)
        return PaperIndex.open(self.folder / name, self.facts(name), folder)
