"""Shingles: every run of SIZE letters in every section, as 64-bit hashes.

Only letters and digits count, whatever their case: spaces, bullets and punctuation are what a
copy most often changes. A rolling hash over all sections at once, by doubling the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.papers import Paper

SIZE = 32  # letters, about ten Korean words or four English ones; a power of two

_READ = 5_000  # papers whose letters are read at once
_HASHED = 2**22  # letters that are hashed at once

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters of all sections of some papers, one after the other.

    Attributes:
        codes: The letters, folded: (letters,).
        places: Each letter's place in its section's text: (letters,).
        bounds: Where each section's letters begin, and the end: (sections + 1,).
        papers: Each section's paper, by number, ascending: (sections,).
        numbers: Each section's number in its paper: (sections,).
        paper_bounds: Where each paper's letters begin, and the end: (papers + 1,).
    """

    codes: npt.NDArray[np.uint32]
    places: npt.NDArray[np.uint32]
    bounds: Ints
    papers: Ints
    numbers: Ints
    paper_bounds: Ints


def read_letters(papers: Sequence[Paper]) -> Letters:
    """Take the letters out of all sections, of some papers at a time: texts take much memory."""
    starts = range(0, max(len(papers), 1), _READ)
    parts = [_read(papers[start : start + _READ]) for start in starts]
    before = np.cumsum([0, *(len(part.codes) for part in parts)])
    bounds = [part.bounds[:-1] + count for part, count in zip(parts, before[:-1], strict=True)]
    own = [part.paper_bounds[:-1] + count for part, count in zip(parts, before[:-1], strict=True)]
    end = before[-1:]
    return Letters(
        codes=np.concatenate([part.codes for part in parts]),
        places=np.concatenate([part.places for part in parts]),
        bounds=np.concatenate([*bounds, end]),
        papers=np.concatenate(
            [part.papers + start for part, start in zip(parts, starts, strict=True)]
        ),
        numbers=np.concatenate([part.numbers for part in parts]),
        paper_bounds=np.concatenate([*own, end]),
    )


def _read(papers: Sequence[Paper]) -> Letters:
    texts = [section.text for paper in papers for section in paper.sections]
    # Lone surrogates have codes as all characters do; they are no letters.
    joined = "".join(texts).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, dtype="<u4").astype(np.uint32)
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    kept = np.flatnonzero(_letter_table(codes)[codes]).astype(np.int64)
    bounds = np.searchsorted(kept, ends).astype(np.int64)
    sizes = [len(paper.sections) for paper in papers]
    firsts = np.cumsum([0, *sizes], dtype=np.int64)
    return Letters(
        codes=_letter_table(codes)[codes[kept]],
        places=(kept - np.repeat(ends[:-1], np.diff(bounds))).astype(np.uint32),
        bounds=bounds,
        papers=np.repeat(np.arange(len(papers), dtype=np.int64), sizes),
        numbers=np.array([n for size in sizes for n in range(size)], np.int64),
        paper_bounds=bounds[firsts],
    )


def _letter_table(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """What each code is folded to, 0 for what is no letter: (highest code + 1,)."""
    present = np.flatnonzero(np.bincount(codes, minlength=1))
    table = np.zeros(int(present[-1]) + 1 if len(present) else 1, np.uint32)
    for code in present.tolist():
        character = chr(code)
        if character.isalnum():
            lower = character.lower()
            table[code] = ord(lower) if len(lower) == 1 else code
    return table


def hash_shingles(letters: Letters) -> Iterator[tuple[Hashes, Ints]]:
    """Hash every run of SIZE letters that lies in one section, of some sections at a time.

    Yields:
        The hashes and where each run begins, in letters, ascending: (shingles,) each.
    """
    first, sections = 0, len(letters.bounds) - 1
    while first < sections:
        full = int(np.searchsorted(letters.bounds, letters.bounds[first] + _HASHED, "right")) - 1
        last = min(max(full, first + 1), sections)
        begin, end = letters.bounds[first], letters.bounds[last]
        hashes, starts = _hash(letters.codes[begin:end], letters.bounds[first : last + 1] - begin)
        yield hashes, starts + begin
        first = last


def _hash(codes: npt.NDArray[np.uint32], bounds: Ints) -> tuple[Hashes, Ints]:
    hashes = _mix(codes.astype(np.uint64))
    size = 1
    while size < SIZE:
        hashes = _double(hashes, size)
        size *= 2
    inside = np.diff(bounds) - SIZE + 1
    long = np.flatnonzero(inside > 0)
    counts = inside[long]
    before = np.cumsum(counts) - counts
    starts = np.arange(counts.sum(), dtype=np.int64) + np.repeat(bounds[long] - before, counts)
    return hashes[starts], starts


def _double(hashes: Hashes, size: int) -> Hashes:
    """From the hashes of all runs of `size` letters, those of runs of twice as many."""
    count = max(len(hashes) - size, 0)
    return _mix(hashes[:count] * np.uint64(0x9E3779B97F4A7C15) + hashes[size:])


def _mix(values: Hashes) -> Hashes:
    """Spread values over all 64 bits: the finaliser of splitmix64 (Steele et al., 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
