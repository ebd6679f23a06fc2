"""Papers of a cluster that may be like some papers or texts, gathered as a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from index.cluster.base import Condition, Sparse
from index.cluster.conditions import not_forgotten
from index.cluster.telling import tell
from index.elsewhere import Elsewhere
from index.errors import ClusterError
from index.scoring import Leg
from index.stages import Stage, stage
from rag.filters import Filters
from rag.legs import Legs
from rag.likeness import Likeness
from rag.representations import Named, Notes, Terms, Thing
from rag.search import Searcher, has_word

_BY_EACH = 200  # papers that each leg finds for a thing, of few things
_LEAST = 20  # of many
_ALL = 600  # for all things together, about


def alike(searcher: Searcher, names: Sequence[str], text: str | None, filters: Filters) -> Searcher:
    """What searches the papers that may be like some papers or a text, or unlike.

    The searcher itself, where papers are at hand. Else each leg looks for what is like each of
    the things, and then for what is like the papers that come first.

    Args:
        searcher: Of the version.
        names: Papers, by whatever name; they are among those that are gathered.
        text: An abstract or notes.
        filters: What the papers found have to be.

    Raises:
        ClusterError: The cluster does not do it.
    """
    elsewhere = searcher.snapshot.elsewhere
    if elsewhere is None:
        return searcher
    conditions = [*filters.conditions(), *not_forgotten(searcher.forgotten)]
    looking = _Looking(elsewhere, conditions, filters.sections)
    with stage(Stage.GATHER):
        for feedback in (False, True):
            here = searcher.over(elsewhere.standing_for_all(names, looking.rows))
            looking.look(here, _things(here, names, text), feedback=feedback)
        return searcher.over(elsewhere.standing_for_all(names, looking.rows, looking.failed))


@dataclass(slots=True)
class _Looking:
    """Looks for papers that are alike, leg by leg.

    Attributes:
        elsewhere: Where to look.
        conditions: What papers have to be that may be found.
        sections: The sections that they have to have one of; empty is none.
        rows: Of the papers that were found.
        failed: Legs that the cluster did not search, and why.
    """

    elsewhere: Elsewhere
    conditions: Sequence[Condition]
    sections: Sequence[str]
    rows: set[int] = field(default_factory=set)
    failed: dict[Leg, ClusterError] = field(default_factory=dict)

    def look(self, searcher: Searcher, things: Sequence[Thing], *, feedback: bool) -> None:
        """Look for what is like things, or like the papers at hand that come first for them.

        Raises:
            ClusterError: No leg is searched.
        """
        if not things:
            return
        settings = searcher.settings.similar
        likeness = Likeness(searcher.snapshot, settings, Legs(self.failed), searcher.trusted())
        count = max(_LEAST, min(_BY_EACH, _ALL // len(things)))
        for leg, sought in likeness.asked(things, feedback=feedback):
            wanted = Sparse(*sought) if isinstance(sought, Terms) else sought
            try:
                self.rows.update(self.elsewhere.alike(leg, wanted, count))
                if self.conditions or self.sections:
                    some = self.conditions, self.sections
                    self.rows.update(self.elsewhere.alike(leg, wanted, count, *some))
            except ClusterError as error:
                tell(error)
                self.failed[leg] = error
        if self.failed and not self.rows:
            raise next(iter(self.failed.values()))


def _things(searcher: Searcher, names: Iterable[str], text: str | None) -> list[Thing]:
    """What is asked about, as far as it can be: `similar` says what can't."""
    doubted = searcher.snapshot.flagged()
    rows = dict.fromkeys(row for name in names if (row := searcher.row_of(name)) is not None)
    things: list[Thing] = [Named(row, not doubted[row]) for row in rows]
    if text and has_word(text) and not any("\ud800" <= c <= "\udfff" for c in text):
        things.append(Notes(searcher.snapshot, text))
    return things
