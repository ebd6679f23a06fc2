"""Looking for doubts by a pool of workers, as far as each paper is looked at alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from index.batch.base import Pool
from index.papers import Paper
from index.quality.findings import Finding, in_order, in_place
from index.quality.templates import find_templates

PAPERS = 512  # a block: a quarter of a second of work


class FindTemplates:
    """`Work`: papers -> what `find_templates` finds in them."""

    on_gpu = False

    def begin(self) -> Callable[[Sequence[Paper]], list[Finding]]:
        """There is nothing to load."""
        return find_templates


class SpreadTemplates:
    """Finds templates by a pool of workers, as `find_templates` does here."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __call__(self, papers: Sequence[Paper]) -> list[Finding]:
        """Find them; see `find_templates`."""
        papers = in_place(papers)
        given = (papers[row : row + PAPERS] for row in range(0, len(papers), PAPERS))
        blocks = self._pool.map(FindTemplates(), given)
        return in_order([finding for _, found in blocks for finding in found], papers)
