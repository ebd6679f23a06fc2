"""Papers and what was computed of them -> the files of a snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt

from index.arrays import load_mapped
from index.content import ANALYSIS, Content, Passages, Rows, Vectors
from index.encoders import Encoder, EncoderSettings, LateSettings, MultiVectorEncoder
from index.glossary import Glossary
from index.labels import LabelFiles, Labels
from index.late import LateIndex
from index.learned import Learned
from index.lexical import LatentSpace, Lexicon, latent
from index.manifest import FORMAT, LAYOUT, Manifest
from index.papers import Paper
from index.projection import Corpus, Parts
from index.quality.findings import write_findings
from index.records import Records
from index.settings import LearnSettings
from index.vectors import FaissIndex


class _Places(NamedTuple):
    """Where the passages of a snapshot stand, row by row: (passages,) each.

    Attributes:
        papers: The row of the paper.
        sections: The section's number.
        numbers: The passage's own in there.
        rows: Its row in the content.
    """

    papers: Rows
    sections: Rows
    numbers: Rows
    rows: Rows

    @classmethod
    def of(cls, content: Content, papers: Sequence[Paper]) -> Self:
        places = [
            (row, section, number, one)
            for row, paper in enumerate(papers)
            for section, text in enumerate(paper.sections)
            for number, one in enumerate(content.sections[text.text])
        ]
        return cls(*np.array(places, np.int64).reshape(-1, 4).T)


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
    passages = content.passages(places.rows, dimension)
    title_rows = np.array([content.titles[paper.title] for paper in papers], np.int64)
    titles = content.title_vectors(title_rows, dimension)
    FaissIndex.write(passages.vectors, folder)
    np.save(folder / LAYOUT.titles, titles, allow_pickle=False)
    np.save(folder / LAYOUT.moments, _moments(passages.vectors), allow_pickle=False)
    (folder / LAYOUT.lexical).mkdir()
    vocabulary = Lexicon.write(
        folder / LAYOUT.lexical,
        content.title_lists(title_rows),
        content.name_lists(papers),
        passages.terms,
        places.papers,
    )
    _write_learned(folder, made.learned, vocabulary)
    if made.learned.latent is not None:
        vectors = _latent_vectors(content, papers, made.learned.latent)
        np.save(folder / LAYOUT.latent, vectors, allow_pickle=False)
    if made.learned.tokens is not None:
        (folder / LAYOUT.late).mkdir()
        LateIndex.write(content.tokens(places.rows, title_rows), folder / LAYOUT.late)
    _write_papers(folder, papers)
    _write_passages(folder, papers, places, passages)
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


def text_terms(papers: Sequence[Paper], content: Content) -> list[list[str]]:
    """The terms of all passages of each paper."""
    return [
        [term for row in content.rows_of(paper) for term in content.terms_of(row)]
        for paper in papers
    ]


def _latent_vectors(content: Content, papers: Sequence[Paper], space: LatentSpace) -> Vectors:
    """Where papers lie in the latent space: (papers, dimension).

    What lies in the same space in the live snapshot is taken from there.
    """
    live = content.live.latent if content.live is not None else None
    known = [content.paper_row(paper) for paper in papers]
    if live is None or live.space is not space:
        known = [None] * len(papers)
    new = [paper for paper, row in zip(papers, known, strict=True) if row is None]
    terms = zip(text_terms(new, content), new, strict=True)
    found = iter(
        space.vectors(latent.joined(text, content.title_terms(one.title)) for text, one in terms)
    )
    vectors = np.empty((len(papers), space.dimension), np.float32)
    for at, row in enumerate(known):
        vectors[at] = next(found) if live is None or row is None else live.papers[row]
    return vectors


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
    Labels.write([paper.authors for paper in papers], _label_files(folder, "authors"))
    dates = [[day.isoformat() for day in paper.dates] for paper in papers]
    Labels.write(dates, _label_files(folder, "dates"))


def _write_passages(
    folder: Path, papers: Sequence[Paper], places: _Places, passages: Passages
) -> None:
    at = zip(places.papers.tolist(), places.sections.tolist(), strict=True)
    names = [[papers[paper].sections[section].name] for paper, section in at]
    Labels.write(names, _label_files(folder, "sections"))
    table = np.column_stack([places.papers, places.sections, places.numbers, passages.spans])
    arrays: dict[str, npt.NDArray[Any]] = {
        LAYOUT.passages: table.astype(np.int32),
        LAYOUT.sentences: passages.sentences.values,
        LAYOUT.sentence_offsets: passages.sentences.offsets,
    }
    for name, array in arrays.items():
        np.save(folder / name, array, allow_pickle=False)


def _label_files(folder: Path, name: str) -> LabelFiles:
    return LabelFiles(*(folder / file for file in LAYOUT.labels(name)))
