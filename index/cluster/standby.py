"""Papers of a cluster that are kept on this machine, to answer by their words when it is gone."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterable, Sequence
from types import MappingProxyType

import msgspec

from index.cluster.gathered import Scales
from index.cluster.parcels import Parcel
from index.cluster.reading import PAPERS_AT_ONCE, Reader
from index.durable import write_whole
from index.errors import ClusterError, NonmunError
from index.scoring import Leg
from index.snapshot import Snapshot

_FILE = "standby.msgpack"
_DIGEST = hashlib.sha256().digest_size
_RETRY_S = 15.0

log = logging.getLogger(__name__)


class Standby:
    """The newest papers of a version, but for their vectors. Safe to use from several threads.

    They are read from the store, or the cache, in a thread of their own: no version waits for
    them to be served.
    """

    def __init__(self, reader: Reader, most: int) -> None:
        """Begin to read.

        Args:
            reader: Of the version.
            most: How many papers.
        """
        self._reader = reader
        self._path = reader.known.folder / _FILE
        papers = reader.known.manifest.papers
        self._rows = range(max(papers - most, 0), papers)
        self._snapshot: Snapshot | None = None
        self._stop = threading.Event()
        threading.Thread(target=self._read, name="standby", daemon=True).start()

    def close(self) -> None:
        """Read no further."""
        self._stop.set()

    def snapshot(self, error: ClusterError) -> Snapshot:
        """The papers; the dense leg can't be run over them.

        Args:
            error: Why the store was not asked.

        Raises:
            ClusterError: That error; the papers are not here yet.
        """
        if self._snapshot is None:
            raise error
        return self._snapshot

    def holding(self, names: Iterable[str], error: ClusterError) -> Snapshot:
        """The same, if papers that are named are among them.

        Raises:
            ClusterError: That error; one is not.
        """
        snapshot = self.snapshot(error)
        if any(snapshot.row_of(name) is None for name in names):
            raise error
        return snapshot

    def _read(self) -> None:
        while not self._stop.is_set():
            try:
                parcels = self._kept() or self._fetched()
                self._snapshot = self._made(parcels)
            # Whatever is in the store: the version is served all the same.
            except Exception as error:
                known = isinstance(error, NonmunError)
                log.error(
                    "no papers are kept for when the cluster is gone: %s", error, exc_info=not known
                )
                self._stop.wait(_RETRY_S)
            else:
                return

    def _made(self, parcels: Sequence[Parcel]) -> Snapshot:
        gone = ClusterError("the vectors are in the cluster, which is not there")
        trouble = (
            f"the cluster can't be asked: the newest {len(parcels):,} of"
            f" {self._reader.known.manifest.papers:,} papers are searched by their words"
        )
        scales = Scales(failed=MappingProxyType({Leg.DENSE: gone}))
        return self._reader.standby(parcels, scales, trouble)

    def _kept(self) -> list[Parcel]:
        """The papers in the cache; none where they are not there, or are something else."""
        try:
            content = self._path.read_bytes()
            if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
                return []
            parcels = msgspec.msgpack.decode(content[_DIGEST:], type=list[Parcel])
        except (OSError, ValueError):
            return []
        return parcels if len(parcels) == len(self._rows) else []

    def _fetched(self) -> list[Parcel]:
        """The papers in the store, which are written into the cache."""
        parcels: list[Parcel] = []
        for begin in range(self._rows.start, self._rows.stop, PAPERS_AT_ONCE):
            if self._stop.is_set():
                raise ClusterError("another version is served by now")
            rows = range(begin, min(begin + PAPERS_AT_ONCE, self._rows.stop))
            parcels += map(_without_vectors, self._reader.parcels(rows))
        content = msgspec.msgpack.encode(parcels)
        try:
            write_whole(self._path, hashlib.sha256(content).digest() + content, durably=False)
        except OSError as error:  # they are in memory all the same
            log.error("can't keep papers in %s: %s", self._path, error.strerror or error)
        return parcels


def _without_vectors(parcel: Parcel) -> Parcel:
    return msgspec.structs.replace(parcel, vectors=b"", title=b"", centre=b"")
