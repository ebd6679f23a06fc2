"""Papers that are in no file of this machine: they are gathered when a question is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from index.cluster.base import Condition
from index.settings import Weights

if TYPE_CHECKING:
    from index.snapshot import Snapshot


class Asked(NamedTuple):
    """How papers are gathered.

    Attributes:
        weights: Of the legs; one without weight is not asked.
        passages: How many the dense leg finds, and papers each other leg of vectors.
        candidates: How many papers the late leg looks at.
        conditions: What papers and passages have to be that may be found; empty is anything.
        sections: The names of the sections that are looked in; empty is all.
    """

    weights: Weights
    passages: int = 1_000
    candidates: int = 200
    conditions: Sequence[Condition] = ()
    sections: Sequence[str] = ()


class Elsewhere(Protocol):
    """Where the papers of a snapshot are that has none itself."""

    def gather(self, text: str, asked: Asked, named: Iterable[str] = ()) -> Snapshot:
        """The papers that a search for a text may show, as a snapshot.

        A leg whose searches fail, or whose question can't be encoded, has failed there.

        Args:
            text: The question.
            asked: How.
            named: Papers that are to be among them in any case, by whatever name.

        Raises:
            NonmunError: Nothing can be gathered.
        """

    def papers(self, names: Iterable[str]) -> Snapshot:
        """Papers by whatever name, as a snapshot; those that are not there are not in it.

        Raises:
            NonmunError: They can't be read.
        """
