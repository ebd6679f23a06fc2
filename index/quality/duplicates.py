"""Summaries that share their text with another paper's, word for word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from index.papers import Paper
from index.quality.findings import Finding, Flag, in_order, in_place, quote
from index.quality.shingles import SIZE, Hashes, Ints, Letters, hash_shingles, read_letters

# In 4,342 real summaries no two share more than 79 letters, and none with 60 or more has above
# .16 of its own; terms that are spelt out in English make up most of it.
MIN_SHARE = 0.3  # of a summary
MIN_SHARED = 120  # letters
MIN_EQUAL = 40  # letters of a section that is equal to another paper's
STOCK_SHARE = 0.05  # of all papers: what more of them have is the digest's own wording
STOCK_PAPERS = 16
_SORTED = 2**25  # hashes that are sorted at once
_DIGEST = 16  # bytes for the letters of a span: no two have the same by chance
_NO_HASHES, _NO_STARTS = np.zeros(0, np.uint64), np.zeros(0, np.int64)
_NEAR = 8  # papers with the same shingle that a paper is paired with, on each side
_TRIED = 3  # of the papers it shares most with


def find_duplicates(papers: Sequence[Paper]) -> list[Finding]:
    """Find summaries of which too much stands in another paper's summary.

    A summary is flagged where a single other one holds at least MIN_SHARE of its letters, and
    MIN_SHARED of them, in runs of SIZE letters or more; sentences that many papers have are
    left out of the account. A section is flagged where another paper has an equal one.
    """
    papers = in_place(papers)
    letters = read_letters(papers)
    copies = _whole_copies(letters) | _partial_copies(letters)
    findings = [_whole(papers, letters, number, copy) for number, copy in copies.items()]
    findings += _equal_sections(papers, letters, set(copies))
    return in_order(findings, papers)


def find_families(papers: Sequence[Paper]) -> list[list[int]]:
    """Which papers have their summaries, or a section, from each other, directly or by others.

    Args:
        papers: Those that `find_duplicates` flagged, in any order.

    Returns:
        The places, ascending, of the papers of each family; a paper without kin is in none.
    """
    letters = read_letters(papers)
    copies = _whole_copies(letters) | _partial_copies(letters)
    pairs = [(number, copy.other) for number, copy in copies.items()]
    pairs += [(a, b) for owners, _ in _section_groups(letters) for a, b in pairwise(owners)]
    first = list(range(len(papers)))
    for pair in pairs:
        roots = sorted(_root(first, number) for number in pair)
        first[roots[1]] = roots[0]
    families: defaultdict[int, list[int]] = defaultdict(list)
    for number in range(len(papers)):
        families[_root(first, number)].append(number)
    return [family for family in families.values() if len(family) > 1]


def _root(first: list[int], number: int) -> int:
    while first[number] != number:
        first[number] = number = first[first[number]]
    return number


@dataclass(frozen=True, slots=True)
class _Copy:
    """How much of a summary stands in another; `first` is the first letter that does."""

    other: int
    share: float
    first: int


def _stock_limit(papers: int) -> int:
    return max(STOCK_PAPERS, int(STOCK_SHARE * papers))


def _whole_copies(letters: Letters) -> dict[int, _Copy]:
    """Papers whose whole summaries are equal, however many."""
    bounds = letters.paper_bounds
    groups = _groups(letters, list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)))
    return {
        number: _Copy(_another(group, number), 1.0, int(bounds[number]))
        for group in groups
        for number in group
    }


def _groups(letters: Letters, spans: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Spans, by number, that hold the same letters, and enough of them."""
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    for number, (start, end) in enumerate(spans):
        if end - start >= MIN_EQUAL:
            said = letters.codes[start:end].tobytes()
            groups[blake2b(said, digest_size=_DIGEST).digest()].append(number)
    return (group for group in groups.values() if len(group) > 1)


def _another(group: Sequence[int], number: int) -> int:
    return group[0] if group[0] != number else group[1]


def _partial_copies(letters: Letters) -> dict[int, _Copy]:
    shared = _shared_shingles(letters)
    found = {}
    for number, others in _partners(shared).items():
        tried = [_compare(letters, shared, number, other) for other in others]
        best = max(tried, key=lambda copy: copy.share)
        if best.share >= MIN_SHARE:
            found[number] = best
    return found


@dataclass(frozen=True, slots=True)
class _Shared:
    """Shingles that several papers have, sorted by paper and then by place.

    Attributes:
        hashes: (shared,).
        starts: Where each begins, in letters: (shared,).
        papers: Whose it is: (shared,).
        stock: Whether too many papers have it: (shared,).
        bounds: Where each paper's begin, and the end: (papers + 1,).
    """

    hashes: Hashes
    starts: Ints
    papers: Ints
    stock: npt.NDArray[np.bool_]
    bounds: Ints


def _shared_shingles(letters: Letters) -> _Shared:
    """What several papers have; of a share of all hashes at a time, for to sort takes memory."""
    shares = -(-len(letters.codes) // _SORTED) or 1
    parts = [_shared_of(letters, share, shares) for share in range(shares)]
    hashes, starts, papers, stock = (np.concatenate(one) for one in zip(*parts, strict=True))
    order = np.argsort(starts)
    papers = papers[order]
    return _Shared(
        hashes=hashes[order],
        starts=starts[order],
        papers=papers,
        stock=stock[order],
        bounds=np.searchsorted(papers, np.arange(len(letters.paper_bounds))).astype(np.int64),
    )


def _shared_of(
    letters: Letters, share: int, shares: int
) -> tuple[Hashes, Ints, Ints, npt.NDArray[np.bool_]]:
    """The shared ones among some of all hashes: these, where they begin, whose, whether stock."""
    found = [_of_share(some, starts, share, shares) for some, starts in hash_shingles(letters)]
    hashes = np.concatenate([_NO_HASHES, *(some for some, _ in found)])
    starts = np.concatenate([_NO_STARTS, *(some for _, some in found)])
    del found
    ordered = np.sort(hashes)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    kept = _in_sorted(hashes, repeated)
    hashes, starts = hashes[kept], starts[kept]
    papers = np.searchsorted(letters.paper_bounds, starts, side="right").astype(np.int64) - 1
    # A paper that repeats itself has a shingle once.
    order = np.lexsort((papers, hashes))
    same = hashes[order][1:] == hashes[order][:-1]
    again = np.append(False, same & (papers[order][1:] == papers[order][:-1]))
    groups = np.cumsum(np.append(0, ~same)) if len(order) else np.zeros(0, np.int64)
    counts = np.bincount(groups[~again])[groups] if len(order) else groups
    held = np.empty(len(order), np.int64)
    held[order] = counts
    several = held > 1
    limit = _stock_limit(len(letters.paper_bounds) - 1)
    return hashes[several], starts[several], papers[several], held[several] > limit


def _of_share(hashes: Hashes, starts: Ints, share: int, shares: int) -> tuple[Hashes, Ints]:
    if shares == 1:
        return hashes, starts
    own = hashes % np.uint64(shares) == share
    return hashes[own], starts[own]


def _in_sorted(values: Hashes, among: Hashes) -> npt.NDArray[np.bool_]:
    if not len(among):
        return np.zeros(len(values), np.bool_)
    places = np.minimum(np.searchsorted(among, values), len(among) - 1)
    found: npt.NDArray[np.bool_] = among[places] == values
    return found


def _partners(shared: _Shared) -> dict[int, list[int]]:
    """The papers that each paper shares most shingles with, if enough for MIN_SHARED letters.

    A paper is paired with the nearest ones that have a shingle, not with all of them: pairs
    would be quadratic, and where many papers have a text, any of them shows it.
    """
    hashes, papers = shared.hashes[~shared.stock], shared.papers[~shared.stock]
    order = np.lexsort((papers, hashes))
    hashes, papers = hashes[order], papers[order]
    fresh = np.append(True, (hashes[1:] != hashes[:-1]) | (papers[1:] != papers[:-1]))
    hashes, papers = hashes[fresh[: len(hashes)]], papers[fresh[: len(papers)]]
    count = len(shared.bounds)
    keys = []
    for shift in range(1, _NEAR + 1):
        same = hashes[shift:] == hashes[:-shift]
        left, right = papers[:-shift][same], papers[shift:][same]
        keys += [left * count + right, right * count + left]
    pairs, sizes = np.unique(np.concatenate(keys), return_counts=True)
    enough = sizes * SIZE >= MIN_SHARED
    pairs, sizes = pairs[enough], sizes[enough]
    first, second = pairs // count, pairs % count
    partners: defaultdict[int, list[int]] = defaultdict(list)
    for row in np.lexsort((second, -sizes, first)).tolist():
        others = partners[int(first[row])]
        if len(others) < _TRIED:
            others.append(int(second[row]))
    return partners


def _compare(letters: Letters, shared: _Shared, number: int, other: int) -> _Copy:
    """How much of a paper's letters, but for stock ones, another paper has."""
    start, end = letters.paper_bounds[number], letters.paper_bounds[number + 1]
    own = slice(shared.bounds[number], shared.bounds[number + 1])
    theirs = slice(shared.bounds[other], shared.bounds[other + 1])
    starts = shared.starts[own] - start
    stock = _cover(starts[shared.stock[own]], int(end - start))
    held = np.isin(shared.hashes[own], shared.hashes[theirs])
    copied = _cover(starts[held], int(end - start)) & ~stock
    total = int(copied.sum())
    if total < MIN_SHARED:
        return _Copy(other, 0.0, 0)
    return _Copy(other, total / int((~stock).sum()), int(start + np.argmax(copied)))


def _cover(starts: Ints, size: int) -> npt.NDArray[np.bool_]:
    """Which letters lie in shingles that begin at `starts`."""
    steps = np.zeros(size + 1, np.int64)
    np.add.at(steps, starts, 1)
    np.add.at(steps, starts + SIZE, -1)
    return np.cumsum(steps[:-1]) > 0


def _whole(papers: Sequence[Paper], letters: Letters, number: int, copy: _Copy) -> Finding:
    row = int(np.searchsorted(letters.bounds, copy.first, side="right")) - 1
    section = papers[number].sections[int(letters.numbers[row])]
    shown = quote(section.text[int(letters.places[copy.first]) :])
    other = papers[copy.other].id
    evidence = f"{copy.share:.0%} of the summary stands word for word in that of {other}: “{shown}”"
    return Finding(papers[number].id, Flag.DUPLICATE_SUMMARY, evidence)


def _equal_sections(
    papers: Sequence[Paper], letters: Letters, known: set[int]
) -> Iterator[Finding]:
    """Sections that are equal in two papers or more, of papers that are not flagged as a whole."""
    for owners, rows in _section_groups(letters):
        for row in rows:
            owner = int(letters.papers[row])
            if owner in known:
                continue
            section = papers[owner].sections[int(letters.numbers[row])]
            other = papers[_another(owners, owner)].id
            evidence = f"the section is the same in {other}: “{quote(section.text)}”"
            yield Finding(
                papers[owner].id,
                Flag.DUPLICATE_SUMMARY,
                evidence,
                section.name,
                0,
                len(section.text),
            )


def _section_groups(letters: Letters) -> Iterator[tuple[list[int], list[int]]]:
    """Sections, by number, that are equal in two papers or more, and those papers, ascending."""
    bounds = letters.bounds
    spans = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
    limit = _stock_limit(len(letters.paper_bounds) - 1)
    for rows in _groups(letters, spans):
        owners = sorted({int(letters.papers[row]) for row in rows})
        if 1 < len(owners) <= limit:
            yield owners, rows
