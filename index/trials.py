"""Questions that a corpus asks itself: their answers are known without anybody's labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from index.adapt import hold_out, without_name
from index.content import Content
from index.encoders import EncoderSettings, LateSettings
from index.latent_papers import learn_latent
from index.manifest import LAYOUT
from index.passages import plain
from index.settings import LearnSettings
from index.snapshot import Snapshot
from index.writing import Made, write_files

_RARE = 3  # the most papers that have a rare term
_TERMS = 3  # of them in a question
_SENTENCE = 30  # characters; a shorter one says too little
_SEED = 0


class Asked(NamedTuple):
    """A question that the corpus asks itself, and the row of the paper it came from."""

    text: str
    paper: int


def ask_titles(snapshot: Snapshot, rows: Sequence[int]) -> list[Asked]:
    """The titles of some papers, without names."""
    return [Asked(without_name(snapshot.paper(row).title), row) for row in rows]


def ask_rare_terms(snapshot: Snapshot, rows: Sequence[int]) -> list[Asked]:
    """A few terms of each paper that hardly any other has, numbers and names among them."""
    lexicon = snapshot.lexicon
    asked = []
    for row in rows:
        found: dict[int, str] = {}
        for passage in snapshot.passages_of(row):
            text = snapshot.passage(passage).text
            for term in lexicon.passage_terms(passage):
                for number in lexicon.numbers([term.text]):
                    if len(term.text) > 1 and lexicon.papers_with(number) <= _RARE:
                        found.setdefault(number, text[term.start : term.end])
        if len(found) >= _TERMS:
            numbers = sorted(found)
            step = len(numbers) // _TERMS
            asked.append(Asked(" ".join(found[n] for n in numbers[::step][:_TERMS]), row))
    return asked


def unseen(snapshot: Snapshot) -> list[int]:
    """The rows of the papers from whose titles nothing was learned."""
    share = LearnSettings.from_json(snapshot.manifest.learning).held_out
    return [int(row) for row in np.flatnonzero(hold_out(snapshot.ids, share))]


def ask_sentences(
    snapshot: Snapshot, rows: Sequence[int], folder: Path
) -> tuple[Snapshot, list[Asked]]:
    """A sentence of each paper, asked of an index without the passage that it stands in.

    Args:
        snapshot: Of the papers.
        rows: The papers to ask about; one with a single passage is passed over.
        folder: An empty folder for the index without those passages.

    Returns:
        The index to ask, and the questions.
    """
    random = np.random.default_rng(_SEED)
    asked, left_out = [], set()
    for row in rows:
        own = snapshot.passages_of(row)
        chosen = own[int(random.integers(len(own)))] if len(own) > 1 else None
        if chosen is None:
            continue
        passage = snapshot.passage(chosen)
        long = [(a, b) for a, b in passage.sentences if b - a >= _SENTENCE]
        if long:
            start, end = long[int(random.integers(len(long)))]
            asked.append(Asked(plain(passage.text[start:end]), row))
            left_out.add(chosen)
    return _without_passages(snapshot, left_out, folder), asked


def _without_passages(snapshot: Snapshot, left_out: Collection[int], folder: Path) -> Snapshot:
    """The same papers with the same learning, some passages left out."""
    content = Content(snapshot)
    papers = []
    for row in range(len(snapshot)):
        paper = snapshot.paper(row)
        gone: dict[int, set[int]] = {}
        for passage in snapshot.passages_of(row):
            if passage in left_out:
                place = snapshot.passage_row(passage)
                gone.setdefault(place.section, set()).add(place.number)
        sections = list(paper.sections)
        for number, numbers in gone.items():
            # Under a text of its own: another paper may have the same section.
            text = f"{sections[number].text}\n{paper.id}"
            known = content.section_rows(sections[number].text)
            content.put(text, [row for i, row in enumerate(known) if i not in numbers])
            sections[number] = replace(sections[number], text=text)
        papers.append(replace(paper, sections=tuple(sections)))
    manifest = snapshot.manifest
    learned = snapshot.learned
    if learned.latent is not None:  # it would remember what was left out
        learned = replace(learned, latent=learn_latent(content, papers))
    late = snapshot.late
    made = Made(
        snapshot.plain_encoder,
        EncoderSettings.from_json(manifest.encoder),
        None if late is None else late.encoder,
        LateSettings.from_json(manifest.late),
        learned,
        LearnSettings.from_json(manifest.learning),
    )
    written = write_files(folder, content, papers, made)
    snapshot.projection.write(folder / LAYOUT.projection)  # as it was: no question has a use for it
    return Snapshot(folder, written, made.encoder, made.late_encoder)
