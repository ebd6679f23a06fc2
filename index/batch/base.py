"""The port of a pool of workers, and the settings that name one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")
Given_contra = TypeVar("Given_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class BatchKind(StrEnum):
    """Where a build reads, encodes and looks for doubts."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """Where the work of a build is done.

    Attributes:
        kind: In the process of the build, or by workers of Ray.
        address: Of a running Ray cluster, `HOST:PORT`; empty starts a Ray on this machine for
            as long as the build takes.
        workers: How many work at a time, at most; `None` takes one for each CPU of the cluster,
            or for each GPU where there are any and the encoder can use them.
        shared_files: Whether the machines of the cluster see the digests under the paths under
            which this one does, so that they can read them.
    """

    kind: BatchKind = BatchKind.LOCAL
    address: str = ""
    workers: int | None = None
    shared_files: bool = False


class Work(Protocol[Given_contra, Result_co]):
    """What workers do: sent to each of them by pickling."""

    @property
    def on_gpu(self) -> bool:
        """Whether it is quicker on a GPU."""

    def begin(self) -> Callable[[Given_contra], Result_co]:
        """Load what it needs, once in each worker.

        Returns:
            What is done to one block. It has to give the same each time: a block is done anew if
            its worker is lost.

        Raises:
            NonmunError: It can't be done; the pool raises a `BatchError` with the same text.
        """


class Pool(Protocol):
    """Workers, each in a process of its own."""

    @property
    def sees_files(self) -> bool:
        """Whether the workers see the files that this process sees, under the same paths."""

    def map(
        self, work: Work[Given, Result], given: Iterable[Given]
    ) -> Iterator[tuple[int, Result]]:
        """Have blocks worked on.

        Args:
            work: What to do.
            given: Blocks, to be pickled; read as they are needed.

        Yields:
            The number of a block in `given` and what came of it, in whatever order they are done.

        Raises:
            BatchError: A worker can't do it, or none is left.
        """
