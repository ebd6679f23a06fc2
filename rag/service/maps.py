"""The map as it is sent: made once for each searcher, and sent only to who does not have it."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from starlette.responses import Response

from rag.chart import draw
from rag.search import Searcher
from rag.service.replies import map_reply

_JSON = "application/json"
_LEVEL = 6
# A browser keeps it, and asks each time whether it still holds; nobody in between keeps it.
_CACHED = "private, no-cache"


@dataclass(frozen=True, slots=True)
class KeptMap:
    """A map in JSON, plain and compressed, and the tag of what it says."""

    plain: bytes
    zipped: bytes
    tag: str

    def response(self, headers: Mapping[str, str]) -> Response:
        """The response to a request with such headers."""
        own = {"ETag": self.tag, "Cache-Control": _CACHED, "Vary": "Accept-Encoding"}
        if _names(headers.get("if-none-match", ""), self.tag):
            return Response(status_code=304, headers=own)
        if _takes_gzip(headers.get("accept-encoding", "")):
            own["Content-Encoding"] = "gzip"
            return Response(self.zipped, media_type=_JSON, headers=own)
        return Response(self.plain, media_type=_JSON, headers=own)


class Maps:
    """The maps of the searchers that are in use. Safe to use from several threads.

    They go with their searcher: with another version, and with a paper that is forgotten.
    """

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Searcher, KeptMap] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, searcher: Searcher) -> KeptMap:
        """The map of a searcher's papers."""
        with self._lock:  # who comes meanwhile waits for the same
            kept = self._kept.get(searcher)
            if kept is None:
                kept = self._kept[searcher] = _make(searcher)
            return kept


def _make(searcher: Searcher) -> KeptMap:
    reply = map_reply(draw(searcher), searcher.snapshot.version)
    plain = reply.model_dump_json().encode()
    # Weak, for both forms have it.
    tag = f'W/"{hashlib.sha256(plain).hexdigest()[:16]}"'
    return KeptMap(plain, gzip.compress(plain, _LEVEL, mtime=0), tag)


def _names(wanted: str, tag: str) -> bool:
    """Whether `If-None-Match` names a tag, as RFC 9110 compares them: weakly."""
    names = {name.strip().removeprefix("W/") for name in wanted.split(",")}
    return "*" in names or tag.removeprefix("W/") in names


def _takes_gzip(accepted: str) -> bool:
    """Whether `Accept-Encoding` allows gzip."""
    weights: dict[str, bool] = {}
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        number = weight.strip().removeprefix("q=").strip()
        weights[name.strip()] = not (number and number.strip("0.") == "")
    return weights.get("gzip", weights.get("*", False))
