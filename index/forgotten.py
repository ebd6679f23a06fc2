"""Papers and authors that nothing is to be found of: the list, kept beside the versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from filelock import FileLock, Timeout

from index.durable import write_whole
from index.errors import SnapshotError
from index.labels import Mask, fold_name
from index.papers import Paper, paper_id

if TYPE_CHECKING:
    from index.snapshot import Snapshot

_PATIENCE_S = 10  # another command holds the list for milliseconds

_Days = dict[str, date]  # when each name was added
_Fold = Callable[[str], str]  # what two names have to share to be one


def plain_id(name: str) -> str:
    """The name that a paper is forgotten by: without a version, whatever the address."""
    return paper_id(name) or name.strip()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What is forgotten; a paper is if it, or any of its authors, is named here.

    Attributes:
        papers: Ids; a version is dropped, and an address is made an id.
        authors: Names, as `fold_name` compares them.
    """

    papers: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "papers", frozenset(map(plain_id, self.papers)))
        object.__setattr__(self, "authors", frozenset(map(fold_name, self.authors)))

    def __bool__(self) -> bool:
        return bool(self.papers or self.authors)

    def holds(self, paper: Paper) -> bool:
        """Whether a paper is forgotten."""
        return self.names(paper.id, paper.authors)

    def names(self, paper: str, authors: Iterable[str]) -> bool:
        """Whether a paper of this id and these authors is forgotten."""
        if self.papers and plain_id(paper) in self.papers:
            return True
        return bool(self.authors) and any(fold_name(name) in self.authors for name in authors)

    def rows(self, snapshot: Snapshot) -> Mask | None:
        """Which papers of a snapshot are forgotten: (papers,); `None` where none is."""
        mask = np.zeros(len(snapshot), np.bool_)
        if self.papers:
            named = (plain_id(name) in self.papers for name in snapshot.ids)
            mask |= np.fromiter(named, np.bool_, len(snapshot))
        if self.authors:
            mask |= snapshot.authors.rows_named(self.authors)
        return mask if mask.any() else None


NOTHING = Forgotten()


class Entries(msgspec.Struct, forbid_unknown_fields=True):
    """The list as its file has it: each name and the day it was added, oldest first."""

    papers: dict[str, date]
    authors: dict[str, date]

    def forgotten(self) -> Forgotten:
        """The same without the days."""
        return Forgotten(frozenset(self.papers), frozenset(self.authors))


class _Known(NamedTuple):
    """What the file said in some state, or what is wrong with it."""

    state: tuple[int, int, int]
    said: Forgotten | str


class DenyList:
    """The file that says what is forgotten. Safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: _Known | None = None

    def read(self) -> Forgotten:
        """What is forgotten; the file is read again only when it has changed.

        Raises:
            SnapshotError: There is a list, but it can't be read. It is never taken as empty:
                what is forgotten would be found again.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            # Where the whole folder is gone, moved or not mounted, it says nothing.
            if self._known is not None and not self.path.parent.is_dir():
                raise SnapshotError(
                    f"{self.path} is gone with its folder; what it said still holds"
                ) from None
            return NOTHING
        except OSError as error:
            raise self._unreadable(error) from None
        state = (found.st_mtime_ns, found.st_size, found.st_ino)
        known = self._known
        if known is None or known.state != state:
            try:
                known = _Known(state, self.entries().forgotten())
            except _BrokenError as error:  # reading it again would say the same
                known = _Known(state, str(error))
            self._known = known
        if isinstance(known.said, str):
            raise SnapshotError(known.said)
        return known.said

    def changed_since(self, moment: datetime) -> bool:
        """Whether the list was changed at or after a moment."""
        try:
            return self.path.stat().st_mtime >= moment.timestamp()
        except OSError:
            return False

    def entries(self) -> Entries:
        """The list with its days, for people.

        Raises:
            SnapshotError: It can't be read.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Entries)
        except FileNotFoundError:
            return Entries({}, {})
        except OSError as error:
            raise self._unreadable(error) from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _BrokenError(
                f"{self.path} is broken: {error}; mend it or put a copy back: without it forgotten"
                " papers would be found again"
            ) from None

    def add(self, papers: Iterable[str] = (), authors: Iterable[str] = ()) -> Forgotten:
        """Forget papers and authors.

        Returns:
            Those that were not on the list before.

        Raises:
            SnapshotError: The list can't be read or written.
        """
        today = datetime.now(UTC).date()

        def put(held: _Days, names: Iterable[str], fold: _Fold) -> Iterable[str]:
            known = set(map(fold, held))
            new = {fold(name): name for name in names if fold(name) not in known}
            held.update(dict.fromkeys(new.values(), today))
            return new

        return self._change(papers, authors, put)

    def remove(self, papers: Iterable[str] = (), authors: Iterable[str] = ()) -> Forgotten:
        """Take papers and authors off the list.

        Returns:
            Those that were on it.

        Raises:
            SnapshotError: The list can't be read or written.
        """

        def drop(held: _Days, names: Iterable[str], fold: _Fold) -> Iterable[str]:
            unwanted = set(map(fold, names))
            gone = [name for name in held if fold(name) in unwanted]
            for name in gone:
                del held[name]
            return gone

        return self._change(papers, authors, drop)

    def _change(
        self,
        papers: Iterable[str],
        authors: Iterable[str],
        change: Callable[[_Days, Iterable[str], _Fold], Iterable[str]],
    ) -> Forgotten:
        """Change the papers' entries and the authors', alone; give what `change` gives of both."""
        people = (" ".join(name.split()) for name in authors)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=_PATIENCE_S):
                entries = self.entries()
                changed = Forgotten(
                    frozenset(change(entries.papers, map(plain_id, papers), plain_id)),
                    frozenset(change(entries.authors, people, fold_name)),
                )
                if changed:
                    text = msgspec.json.format(msgspec.json.encode(entries), indent=1)
                    write_whole(self.path, text + b"\n")
        except Timeout:
            raise SnapshotError(f"another command is changing {self.path}; try again") from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SnapshotError(f"can't write {self.path}: {reason}") from None
        return changed

    def _unreadable(self, error: OSError) -> SnapshotError:
        reason = (error.strerror or str(error)).lower()
        return SnapshotError(
            f"{self.path} can't be read: {reason}; make it readable: it says what is forgotten"
        )


class _BrokenError(SnapshotError):
    """The list makes no sense."""
