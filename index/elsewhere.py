"""Papers that are in no file of this machine: they are gathered when a question is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from index.cluster.base import Condition, Floats, Sparse
from index.errors import ClusterError
from index.settings import Weights

if TYPE_CHECKING:
    from index.cluster.headings import Headings
    from index.forgotten import Forgotten
    from index.scoring import Leg
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

    def alike(
        self,
        leg: Leg,
        sought: Floats | Sparse,
        count: int,
        conditions: Sequence[Condition] = (),
        sections: Sequence[str] = (),
    ) -> list[int]:
        """The rows of the papers that a leg finds most alike.

        Args:
            leg: `LEXICAL`, by weighted terms; `DENSE`, by what papers are about as a whole;
                `LATENT`.
            sought: What they are compared with.
            count: How many.
            conditions: What they have to be.
            sections: The names of sections that they have to have one of; empty is none.

        Raises:
            ClusterError: The store does not do it.
        """

    def standing_for_all(
        self,
        names: Iterable[str],
        rows: Iterable[int],
        failed: Mapping[Leg, ClusterError] = MappingProxyType({}),
    ) -> Snapshot:
        """Some papers as a snapshot, and after them others that stand for the whole corpus.

        Args:
            names: Papers by whatever name; those that are not there are not in it.
            rows: Of other papers.
            failed: Legs that have failed.

        Raises:
            ClusterError: They can't be read.
        """

    def headings(self) -> Headings:
        """What a map says of the papers.

        Raises:
            ClusterError: It can't be read.
        """

    def rows_of_forgotten(self, forgotten: Forgotten) -> list[int]:
        """The rows of papers that are forgotten, ascending.

        Raises:
            ClusterError: The store does not say.
        """
