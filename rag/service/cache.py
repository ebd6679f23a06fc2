"""Replies that are kept, each for the searcher that gave it."""

from __future__ import annotations

import threading
from typing import NamedTuple
from weakref import WeakKeyDictionary

from cachetools import LRUCache

from rag.citing import Answer
from rag.search import Searcher

Asked = tuple[str, str]  # what was asked for, and the request in one form

_TOOK = b',"took_ms":'  # in a string of JSON, its quotes would be escaped


class Kept(NamedTuple):
    """A reply in JSON without what it took, before and after that, and the answer in it."""

    head: bytes
    tail: bytes
    answer: Answer | None

    @classmethod
    def of(cls, reply: bytes, answer: Answer | None) -> Kept:
        """Take out what a reply took."""
        head, _, rest = reply.partition(_TOOK)
        end = min(at for at in (rest.find(b","), rest.find(b"}")) if at >= 0)
        return cls(head, rest[end:], answer)

    def reply(self, took_ms: float) -> bytes:
        """The reply in JSON."""
        return b"".join([self.head, _TOOK, repr(took_ms).encode(), self.tail])


class Replies:
    """The replies asked for last. Safe to use from several threads.

    They go with their searcher: with another version, and with a paper that is forgotten.
    """

    def __init__(self, size: int) -> None:
        """Keep replies of up to `size` bytes in all for a searcher; 0 keeps none."""
        self._size = size
        self._kept: WeakKeyDictionary[Searcher, LRUCache[Asked, Kept]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self, searcher: Searcher, asked: Asked) -> Kept | None:
        """The reply, if it is kept."""
        with self._lock:
            kept = self._kept.get(searcher)
            return None if kept is None else kept.get(asked)

    def put(self, searcher: Searcher, asked: Asked, reply: Kept) -> None:
        """Keep a reply; those that were not asked for the longest make room."""
        size = _size(reply) + len(asked[1])
        if size > self._size:
            return
        with self._lock:
            kept = self._kept.setdefault(searcher, LRUCache(self._size, _size))
            kept[asked] = reply


def _size(reply: Kept) -> int:
    return len(reply.head) + len(reply.tail)
