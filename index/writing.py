"""Papers and what was computed of them -> the files of a snapshot."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt

from index.arrays import load_mapped, save_blocks
from index.content import ANALYSIS, Content
from index.encoders import Encoder, EncoderSettings, LateSettings, MultiVectorEncoder
from index.glossary import Glossary
from index.labels import Labels
from index.late import LateIndex
from index.latent_papers import lay_papers
from index.learned import Learned
from index.lexical import Lexicon
from index.manifest import FORMAT, LAYOUT, Manifest
from index.papers import Paper
from index.projection import Corpus, Parts
from index.quality.findings import write_findings
from index.records import Records
from index.settings import LearnSettings
from index.vectors import FaissIndex

Ints = npt.NDArray[np.int64]


class _Places(NamedTuple):
    """Where the passages of a snapshot stand, row by row: (passages,) each.

    Attributes:
        papers: The row of the paper.
        sections: The section's number.
        numbers: The passage's own in there.
        rows: Its row in the content.
    """

    papers: Ints
    sections: Ints
    numbers: Ints
    rows: Ints

    @classmethod
    def of(cls, content: Content, papers: Sequence[Paper]) -> Self:
        columns = [array("q") for _ in cls._fields]
        for row, paper in enumerate(papers):
            for section, text in enumerate(paper.sections):
                own = content.section_rows(text.text)
                here = ([row] * len(own), [section] * len(own), range(len(own)), own)
                for column, values in zip(columns, here, strict=True):
                    column.extend(values)
        return cls(*(np.array(column, np.int64) for column in columns))


class Made(NamedTuple):
    """What made the vectors and the tokens of a snapshot, and with which settings.

    Attributes:
        encoder: Without the map.
        encoder_settings: Of it.
        late_encoder: `None` where late interaction is off.
        late_settings: Of it.
        learned: What was learned of the corpus.
        learn_settings: How.
    """

    encoder: Encoder
    encoder_settings: EncoderSettings
    late_encoder: MultiVectorEncoder | None
    late_settings: LateSettings
    learned: Learned
    learn_settings: LearnSettings


def write_files(
    folder: Path,
    content: Content,
    papers: Sequence[Paper],
    made: Made,
    glossary: Callable[[], Glossary] | None = None,
) -> Manifest:
    """Write a snapshot's files, all but its manifest.

    Args:
        folder: An empty folder.
        content: Knows every section and title of the papers, with vectors and tokens.
        papers: In the order they are to have.
        made: What made them.
        glossary: Gives the one that was mined from the papers; `None` mines it here.

    Returns:
        The manifest, to be sealed.

    Raises:
        EncoderError: A vector is missing or not finite.
    """
    places = _Places.of(content, papers)
    dimension = made.encoder.dimension
    titles = (content.title_row(paper.title) for paper in papers)
    title_rows = np.fromiter(titles, np.int64, len(papers))
    vectors = content.vectors(places.rows, dimension)
    FaissIndex.write(vectors, folder)
    np.save(folder / LAYOUT.moments, _moments(vectors), allow_pickle=False)
    del vectors
    np.save(
        folder / LAYOUT.titles, content.title_vectors(title_rows, dimension), allow_pickle=False
    )
    (folder / LAYOUT.lexical).mkdir()
    names = content.name_lists(papers)  # before the vocabulary is asked for: it grows
    vocabulary = Lexicon.write(
        folder / LAYOUT.lexical,
        content.vocabulary.terms,
        content.title_lists(title_rows),
        names,
        content.passage_lists(places.rows),
        places.papers,
        content.folder,
    )
    _write_learned(folder, made.learned, vocabulary)
    if made.learned.latent is not None:
        laid = lay_papers(content, papers, made.learned.latent, content.folder)
        np.save(folder / LAYOUT.latent, laid, allow_pickle=False)
    if made.learned.tokens is not None:
        (folder / LAYOUT.late).mkdir()
        LateIndex.write(content.tokens(places.rows, title_rows), folder / LAYOUT.late)
    _write_papers(folder, papers)
    _write_passages(folder, content, papers, places)
    write_findings(folder / LAYOUT.findings, ())
    mined = glossary() if glossary else _mine(papers)  # last: whoever mines it needs a while
    mined.write(folder / LAYOUT.glossary)
    late = made.late_encoder
    return Manifest(
        version="",
        format=FORMAT,
        papers=len(papers),
        passages=len(places.rows),
        encoder=made.encoder_settings.as_json(),
        fingerprint=made.encoder.fingerprint,
        dimension=dimension,
        late=made.late_settings.as_json(),
        late_fingerprint="" if late is None else late.token_fingerprint,
        learning=made.learn_settings.as_json(),
        analysis=ANALYSIS,
        forced=[],
        files={},
    )


def read_corpus(folder: Path, papers: Sequence[Paper]) -> Corpus:
    """What a projection is made of, from the files that `write_files` wrote."""
    table = load_mapped(folder / LAYOUT.passages)
    latent = folder / LAYOUT.latent
    vectors = Parts(
        FaissIndex.open(folder).vectors,
        table[:, 0],
        load_mapped(folder / LAYOUT.titles),
        load_mapped(latent) if latent.exists() else None,
    )
    lexicon = Lexicon.open(folder / LAYOUT.lexical)
    return Corpus(papers, vectors, lexicon, table, Glossary.open(folder / LAYOUT.glossary))


def _mine(papers: Sequence[Paper]) -> Glossary:
    return Glossary.mine([section.text for section in paper.sections] for paper in papers)


def _write_learned(folder: Path, learned: Learned, vocabulary: Sequence[str]) -> None:
    """Write what was learned, without terms that no paper has any more.

    They may be those of a forgotten paper.
    """
    if learned.latent is not None:
        learned = replace(learned, latent=learned.latent.only(set(vocabulary)))
    learned.write(folder / LAYOUT.learned)


def _moments(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean and covariance of the vectors, one above the other: (1 + dimension, dimension)."""
    mean = vectors.mean(0, dtype=np.float64)
    covariance = vectors.T @ vectors / len(vectors) - np.outer(mean, mean)
    return np.vstack([mean, covariance]).astype(np.float32)


def _write_papers(folder: Path, papers: Sequence[Paper]) -> None:
    encode = msgspec.json.Encoder().encode
    Records.write(
        (encode(paper) for paper in papers), folder / LAYOUT.papers, folder / LAYOUT.paper_offsets
    )
    ids = json.dumps([paper.id for paper in papers], ensure_ascii=False)
    (folder / LAYOUT.ids).write_text(ids, encoding="utf-8")
    votes = [-1 if paper.votes is None else paper.votes for paper in papers]
    np.save(folder / LAYOUT.votes, np.array(votes, np.int32), allow_pickle=False)
    Labels.write([paper.authors for paper in papers], *_label_files(folder, "authors"))
    dates = [[day.isoformat() for day in paper.dates] for paper in papers]
    Labels.write(dates, *_label_files(folder, "dates"))


def _write_passages(
    folder: Path, content: Content, papers: Sequence[Paper], places: _Places
) -> None:
    # A name is one object for all passages that have it.
    names: dict[str, tuple[str]] = {}
    labels: list[tuple[str]] = []
    for paper, own in groupby(_pairs(places), itemgetter(0)):
        sections = papers[paper].sections
        for _, section in own:
            name = sections[section].name
            labels.append(names.setdefault(name, (name,)))
    Labels.write(labels, *_label_files(folder, "sections"))
    table = np.empty((len(places.rows), 5), np.int32)
    for column, values in enumerate(places[:3]):
        table[:, column] = values
    table[:, 3:] = content.spans(places.rows)
    np.save(folder / LAYOUT.passages, table, allow_pickle=False)
    sentences = content.sentences(places.rows)
    np.save(folder / LAYOUT.sentence_offsets, sentences.offsets, allow_pickle=False)
    save_blocks(
        folder / LAYOUT.sentences,
        np.zeros((0, 2), np.int32),
        int(sentences.offsets[-1]),
        (block.values for block in sentences.blocks()),
    )


def _pairs(places: _Places) -> Iterator[tuple[int, int]]:
    """The paper and the section of each passage."""
    return zip(map(int, places.papers), map(int, places.sections), strict=True)


def _label_files(folder: Path, name: str) -> tuple[Path, Path]:
    names, pairs = LAYOUT.labels(name)
    return folder / names, folder / pairs
