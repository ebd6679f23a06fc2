"""Papers and what was computed of them -> the files of a snapshot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from index.adapt import hold_out
from index.content import ANALYSIS, Content, Cut
from index.encoders import Encoder, EncoderSettings, LateSettings, MultiVectorEncoder
from index.errors import EncoderError
from index.glossary import Glossary
from index.labels import Labels
from index.late import Coded, LateIndex
from index.learned import Learned
from index.lexical import Lexicon, latent, latin_terms
from index.manifest import FORMAT, LAYOUT, Manifest
from index.papers import Paper
from index.records import Records
from index.settings import LearnSettings
from index.vectors import FaissIndex

_TITLES_COMPARED = 2_000  # enough for a percentile; more would cost on a large corpus


class _Place(NamedTuple):
    """A passage: the row of its paper, its section's number, its own in there, its content."""

    paper: int
    section: int
    number: int
    cut: Cut


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


def write_files(folder: Path, content: Content, papers: Sequence[Paper], made: Made) -> Manifest:
    """Write a snapshot's files, all but its manifest.

    Args:
        folder: An empty folder.
        content: Knows every section and title of the papers, with vectors and tokens.
        papers: In the order they are to have.
        made: What made them.

    Returns:
        The manifest, to be sealed.

    Raises:
        EncoderError: A vector is missing or not finite.
    """
    places = [
        _Place(row, section, number, cut)
        for row, paper in enumerate(papers)
        for section, one in enumerate(paper.sections)
        for number, cut in enumerate(content.sections[one.text])
    ]
    dimension = made.encoder.dimension
    vectors = _stack([place.cut.vector for place in places], dimension)
    titles = _stack([content.titles[paper.title].vector for paper in papers], dimension)
    FaissIndex.write(vectors, folder)
    np.save(folder / LAYOUT.titles, titles, allow_pickle=False)
    np.save(folder / LAYOUT.moments, _moments(vectors), allow_pickle=False)
    title_terms = [content.titles[paper.title].terms for paper in papers]
    (folder / LAYOUT.lexical).mkdir()
    Lexicon.write(
        folder / LAYOUT.lexical,
        title_terms,
        [_names(paper) for paper in papers],
        [place.cut.terms for place in places],
        [place.paper for place in places],
    )
    made.learned.write(folder / LAYOUT.learned)
    if made.learned.latent is not None:
        texts = text_terms(papers, content)
        whole = (latent.joined(text, title) for text, title in zip(texts, title_terms, strict=True))
        vectors = made.learned.latent.vectors(whole)
        np.save(folder / LAYOUT.latent, vectors, allow_pickle=False)
    if made.learned.tokens is not None:
        titled = [content.titles[paper.title].tokens for paper in papers]
        _write_tokens(folder, [*(place.cut.tokens for place in places), *titled])
    texts_of = ([section.text for section in paper.sections] for paper in papers)
    Glossary.mine(texts_of).write(folder / LAYOUT.glossary)
    _write_papers(folder, papers)
    _write_passages(folder, papers, places)
    seen = hold_out([paper.id for paper in papers], made.learn_settings.held_out)
    asked = titles[seen] if made.learned.map is not None else titles
    late = made.late_encoder
    return Manifest(
        version="",
        format=FORMAT,
        papers=len(papers),
        passages=len(places),
        encoder=made.encoder_settings.as_json(),
        fingerprint=made.encoder.fingerprint,
        dimension=dimension,
        late=made.late_settings.as_json(),
        late_fingerprint="" if late is None else late.token_fingerprint,
        learning=made.learn_settings.as_json(),
        analysis=ANALYSIS,
        title_scores=_title_scores(asked, FaissIndex.open(folder)),
        files={},
    )


def text_terms(papers: Sequence[Paper], content: Content) -> list[list[str]]:
    """The terms of all passages of each paper."""
    return [
        [
            term.text
            for one in paper.sections
            for cut in content.sections[one.text]
            for term in cut.terms
        ]
        for paper in papers
    ]


def _write_tokens(folder: Path, coded: Sequence[Coded | None]) -> None:
    held = [one for one in coded if one is not None]
    if len(held) != len(coded):
        raise EncoderError(f"{len(coded) - len(held)} texts were given no tokens")
    (folder / LAYOUT.late).mkdir()
    LateIndex.write(held, folder / LAYOUT.late)


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
