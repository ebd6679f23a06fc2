"""Large corpora that are like a real one: vectors mixed from its own, papers of its sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from index.arrays import Ragged
from index.encoders import Encoder, MultiVectorEncoder
from index.encoding import Done, Encoded
from index.late import TokenSpace
from index.lexical import Analysis, Term
from index.papers import Paper, Section, Source
from index.snapshot import Snapshot

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_SEED = 7
_BLOCK = 8_192
_NEAR = 20  # the nearest, of which one is mixed in
_NOISE = 0.45  # the length of what is added at random, beside a length of 1
_JOINT = " · "  # between the parts of a title
_A_DAY = 100  # papers
_A_MONTH = 90_000  # numbers of papers
_FIRST_DAY = dt.date(2015, 1, 1)
_SYLLABLES = ("ba", "che", "di", "fu", "gan", "ho", "jin", "ka", "lee", "min", "no", "park")


def mixed_vectors(real: Floats, count: int, seed: int = _SEED) -> Iterator[Floats]:
    """Vectors of length 1, each between two real ones that are near, and somewhat beside them.

    The cosines of a vector with its neighbours then are like the real ones.

    Args:
        real: (rows, dimension), of length 1.
        count: How many.
        seed: Another gives others.

    Yields:
        (some, dimension), until there are `count`.
    """
    random = np.random.default_rng(seed)
    near = nearest_rows(real)
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        first = random.integers(0, len(real), size)
        second = near[first, random.integers(0, near.shape[1], size)]
        share = random.beta(2, 2, size).astype(np.float32)[:, None]
        yield _beside(share * real[first] + (1 - share) * real[second], random)


def nearest_rows(real: Floats) -> Ints:
    """The rows nearest to each, itself among them: (rows, 20 or fewer)."""
    count = min(_NEAR, len(real))
    return np.vstack(
        [
            np.argpartition(-(part @ real.T), count - 1, axis=1)[:, :count]
            for part in np.array_split(real, max(1, len(real) // 1_000))
        ]
    )


def _beside(vectors: Floats, random: np.random.Generator) -> Floats:
    """Vectors with something added at random, brought to length 1."""
    noise = random.standard_normal(vectors.shape, np.float32)
    moved = vectors + noise * np.float32(_NOISE / vectors.shape[1] ** 0.5)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    return moved.astype(np.float32, copy=False)


class Known(NamedTuple):
    """What is known of a sentence or a title: its terms, its tokens, and a vector.

    Attributes:
        terms: With their places in it.
        tokens: (tokens, 3) as `LateIndex` has them, placed in it.
        vector: The row of the passage that it is from; of a title, after all passages.
    """

    terms: tuple[Term, ...]
    tokens: npt.NDArray[np.uint16]
    vector: int


class Sentences:
    """The sentences and titles of a snapshot, by their text, and those of each passage."""

    def __init__(self, snapshot: Snapshot) -> None:
        late = snapshot.late
        if late is None or snapshot.titles is None:
            raise SystemExit("the source should have tokens and titles")
        self.known: dict[str, Known] = {}
        self.of_passages: list[list[str]] = []
        self.vectors = np.vstack([snapshot.vectors.vectors, snapshot.titles])
        for row in range(len(snapshot)):
            paper = snapshot.paper(row)
            passages = snapshot.passages_of(row)
            for passage, read in zip(
                passages,
                snapshot.passages_at(np.array(passages), [paper] * len(passages)),
                strict=True,
            ):
                terms = list(snapshot.lexicon.passage_terms(passage))
                tokens = np.column_stack(late.tokens.coded(passage))
                self.of_passages.append(
                    [self._keep(read.text, span, terms, tokens, passage) for span in read.sentences]
                )
            title = paper.title
            tokens = np.column_stack(late.tokens.coded(len(snapshot.owners) + row))
            words = tuple(Term(word, 0, 1) for word in snapshot.lexicon.title_terms(row))
            self.known[title] = Known(words, tokens, len(snapshot.owners) + row)

    def _keep(
        self,
        text: str,
        span: tuple[int, int],
        terms: Sequence[Term],
        tokens: npt.NDArray[np.uint16],
        passage: int,
    ) -> str:
        start, end = span
        own = tuple(
            Term(t.text, t.start - start, t.end - start)
            for t in terms
            if start <= t.start and t.end <= end
        )
        inside = tokens[(tokens[:, 1] >= start) & (tokens[:, 2] <= end)]
        moved = inside - np.array([0, start, start], np.uint16)
        sentence = text[start:end]
        self.known.setdefault(sentence, Known(own, moved, passage))
        return sentence

    def parts(self, text: str) -> list[tuple[int, Known]]:
        """The sentences or titles that a text was put together from, each where it begins."""
        if text in self.known:
            return [(0, self.known[text])]
        joint = "\n" if "\n" in text else _JOINT
        found, start = [], 0
        for part in text.split(joint):
            found.append((start, self.known[part]))
            start += len(part) + len(joint)
        return found


class LargeCorpus(Sequence[Paper]):
    """Papers, each of the sentences of two real ones that are alike; made when they are read."""

    def __init__(self, snapshot: Snapshot, sentences: Sentences, count: int) -> None:
        self._sentences = sentences
        self._count = count
        self._near = nearest_rows(snapshot.centre_index.vectors)
        self._passages = [list(snapshot.passages_of(row)) for row in range(len(snapshot))]
        self._titles = [h.title for h in snapshot.headings(range(len(snapshot)))]
        self._usable = [
            row
            for row, title in enumerate(self._titles)
            if _JOINT not in title and self._passages[row]
        ]

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, row: int) -> Paper: ...
    @overload
    def __getitem__(self, row: slice) -> list[Paper]: ...
    def __getitem__(self, row: int | slice) -> Paper | list[Paper]:
        """A paper; the same each time it is asked for."""
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(self._count))]
        if not 0 <= row < self._count:
            raise IndexError(row)
        random = Random(row * 2_654_435_761 + _SEED)
        first = random.choice(self._usable)
        second = int(random.choice(self._near[first]))
        if second == first or not self._passages[second] or _JOINT in self._titles[second]:
            second = random.choice(self._usable)
        title = _JOINT.join([self._titles[first], self._titles[second]])
        month = row // _A_MONTH
        name = f"{15 + month // 12:02}{1 + month % 12:02}.{row % _A_MONTH:05}"
        day = _FIRST_DAY + dt.timedelta(row // _A_DAY)
        file, sections = f"{day.isoformat()}.md", []
        for number, passage in enumerate(self._passages[first]):
            others = self._passages[second]
            text = self._text(random, passage, others[number % len(others)])
            source = Source(file, 10_000 * (row % _A_DAY) + 2_000 * number, 0)
            section = ("What's New", "Technical Details", "Performance Highlights")[number % 3]
            sections.append(Section(section, text, source, ()))
        return Paper(
            name,
            title,
            f"https://arxiv.org/abs/{name}",
            day,
            (day,),
            int(random.paretovariate(1.2)) if random.random() < 0.8 else None,
            tuple(dict.fromkeys(self._author(random) for _ in range(4))),
            False,
            None,
            tuple(sections),
        )

    def _text(self, random: Random, passage: int, other: int) -> str:
        """As many sentences as the passage has, each of them or the other's at the same place."""
        own, others = self._sentences.of_passages[passage], self._sentences.of_passages[other]
        chosen = [
            others[at] if at < len(others) and random.random() < 0.5 else sentence
            for at, sentence in enumerate(own)
        ]
        return "\n".join(chosen)

    def _author(self, random: Random) -> str:
        """One of about as many as there are papers; a few wrote many."""
        number = int(random.random() ** 2 * self._count)
        parts = []
        for _ in range(6):
            number, at = divmod(number, len(_SYLLABLES))
            parts.append(_SYLLABLES[at])
        return f"{''.join(parts[:2]).title()} {''.join(parts[2:]).title()}"


class KnownAnalyzer:
    """Gives texts that were put together from known sentences the analyses of those."""

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences

    def analyze_all(self, texts: Iterable[str]) -> Iterator[Analysis]:
        """Analyse texts; it takes a hundredth of what Kiwi takes."""
        for text in texts:
            terms: list[Term] = []
            spans: list[tuple[int, int]] = []
            parts = self._sentences.parts(text)
            ends = [start - 1 for start, _ in parts[1:]]
            for (start, known), end in zip(parts, [*ends, len(text)], strict=True):
                terms += [Term(t.text, t.start + start, t.end + start) for t in known.terms]
                spans.append((start, end))
            yield Analysis(tuple(terms), tuple(spans))


class MixedEncoding:
    """`Encoding` of texts that were put together from known sentences.

    A text's vector is the mean of those of the passages and titles that its parts are from, and
    somewhat beside it; its tokens are those of its parts.
    """

    def __init__(self, snapshot: Snapshot, sentences: Sentences) -> None:
        self._sentences = sentences
        self.encoder: Encoder = snapshot.plain_encoder
        late = snapshot.late
        self.late_encoder: MultiVectorEncoder | None = None if late is None else late.encoder

    def encode(
        self, texts: Sequence[str], space: TokenSpace | None, on_done: Done
    ) -> Iterator[Encoded]:
        """Encode texts; `space` has to be that of the snapshot."""
        for begin in range(0, len(texts), _BLOCK):
            rows = np.arange(begin, min(begin + _BLOCK, len(texts)))
            own = [self._sentences.parts(texts[row]) for row in rows.tolist()]
            lengths = np.array([len(parts) for parts in own])
            of_parts = np.array([known.vector for parts in own for _, known in parts], np.int64)
            firsts = np.cumsum(lengths) - lengths
            sums = np.add.reduceat(self._sentences.vectors[of_parts], firsts, axis=0)
            means = sums / np.linalg.norm(sums, axis=1, keepdims=True)
            vectors = _beside(means, np.random.default_rng(begin))
            yield Encoded(rows, vectors, _tokens(own))
            on_done(len(rows))


def _tokens(texts: Sequence[Sequence[tuple[int, Known]]]) -> Ragged:
    """The tokens of texts, from those of their parts."""
    parts = [part for text in texts for part in text]
    counts = np.array([len(known.tokens) for _, known in parts])
    values = np.concatenate([known.tokens for _, known in parts])
    shifts = np.repeat(np.array([start for start, _ in parts]), counts)
    values = values + np.column_stack([np.zeros_like(shifts), shifts, shifts]).astype(np.uint16)
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    lengths = np.bincount(owners, counts, len(texts)).astype(np.int64)
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]))
