"""Papers and what was computed of them -> the files of a snapshot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from index.content import ANALYSIS, Content, Cut
from index.encoders import Encoder, EncoderSettings
from index.errors import EncoderError
from index.labels import Labels
from index.lexical import Lexicon, latin_terms
from index.manifest import FORMAT, LAYOUT, Manifest, seal
from index.papers import Paper
from index.records import Records
from index.vectors import FaissIndex

_TITLES_COMPARED = 2_000  # enough for a percentile; more would cost on a large corpus


class _Place(NamedTuple):
    """A passage: the row of its paper, its section's number, its own in there, its content."""

    paper: int
    section: int
    number: int
    cut: Cut


def write_snapshot(
    folder: Path,
    content: Content,
    papers: Sequence[Paper],
    encoder: Encoder,
    settings: EncoderSettings,
) -> Manifest:
    """Write a snapshot's files.

    Args:
        folder: An empty folder.
        content: Knows every section and title of the papers, with vectors.
        papers: In the order they are to have.
        encoder: What made the vectors.
        settings: Of the encoder.

    Raises:
        EncoderError: A vector is missing or not finite.
    """
    places = [
        _Place(row, section, number, cut)
        for row, paper in enumerate(papers)
        for section, one in enumerate(paper.sections)
        for number, cut in enumerate(content.sections[one.text])
    ]
    vectors = _stack([place.cut.vector for place in places], encoder.dimension)
    titles = _stack([content.titles[paper.title].vector for paper in papers], encoder.dimension)
    FaissIndex.write(vectors, folder)
    np.save(folder / LAYOUT.titles, titles, allow_pickle=False)
    np.save(folder / LAYOUT.moments, _moments(vectors), allow_pickle=False)
    (folder / LAYOUT.lexical).mkdir()
    Lexicon.write(
        folder / LAYOUT.lexical,
        [content.titles[paper.title].terms for paper in papers],
        [_names(paper) for paper in papers],
        [place.cut.terms for place in places],
        [place.paper for place in places],
    )
    _write_papers(folder, papers)
    _write_passages(folder, papers, places)
    return seal(
        folder,
        Manifest(
            version="",
            format=FORMAT,
            papers=len(papers),
            passages=len(places),
            encoder=settings.as_json(),
            fingerprint=encoder.fingerprint,
            dimension=encoder.dimension,
            analysis=ANALYSIS,
            title_scores=_title_scores(titles, FaissIndex(vectors)),
            files={},
        ),
    )


def _names(paper: Paper) -> list[str]:
    """Terms that find a paper beside what is said of it: its number and its authors."""
    return [term.text for name in (paper.id, *paper.authors) for term in latin_terms(name)]


def _stack(
    vectors: Sequence[npt.NDArray[np.float32] | None], dimension: int
) -> npt.NDArray[np.float32]:
    held = [vector for vector in vectors if vector is not None]
    if len(held) != len(vectors):
        raise EncoderError(f"{len(vectors) - len(held)} texts were given no vector")
    stacked = np.array(held, np.float32).reshape(len(held), dimension)
    if not np.isfinite(stacked).all():
        raise EncoderError("the encoder gave vectors that are not finite")
    return stacked


def _moments(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean and covariance of the vectors, one above the other: (1 + dimension, dimension)."""
    mean = vectors.mean(0, dtype=np.float64)
    covariance = vectors.T @ vectors / len(vectors) - np.outer(mean, mean)
    return np.vstack([mean, covariance]).astype(np.float32)


def _title_scores(titles: npt.NDArray[np.float32], index: FaissIndex) -> list[float]:
    step = max(1, len(titles) // _TITLES_COMPARED)
    best = index.search(titles[::step], 1).scores[:, 0]
    return [round(float(score), 6) for score in np.percentile(best, np.arange(101))]


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
    Labels.write([paper.flags for paper in papers], *_label_files(folder, "flags"))


def _write_passages(folder: Path, papers: Sequence[Paper], places: Sequence[_Place]) -> None:
    names = [papers[place.paper].sections[place.section].name for place in places]
    Labels.write([[name] for name in names], *_label_files(folder, "sections"))
    rows = [(place.paper, place.section, place.number, *place.cut.span) for place in places]
    sentences = [span for place in places for span in place.cut.sentences]
    counts = [0, *(len(place.cut.sentences) for place in places)]
    arrays: dict[str, npt.NDArray[Any]] = {
        LAYOUT.passages: np.array(rows, np.int32),
        LAYOUT.sentences: np.array(sentences, np.int32).reshape(-1, 2),
        LAYOUT.sentence_offsets: np.cumsum(counts, dtype=np.int64),
    }
    for name, array in arrays.items():
        np.save(folder / name, array, allow_pickle=False)


def _label_files(folder: Path, name: str) -> tuple[Path, Path]:
    names, pairs = LAYOUT.labels(name)
    return folder / names, folder / pairs
