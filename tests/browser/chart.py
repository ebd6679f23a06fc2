"""A map in place of the service's own, as long as the service has none."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.error import HTTPError

from index.store import Store
from tests.services import Service

ADDRESS = "**/v1/map"
_TOPICS = (("언어 모델", "language models"), ("그림과 소리", "images and sounds"))
_TURN = math.pi * (3 - math.sqrt(5))


def stand_in(service: Service, store: Store) -> str | None:
    """What `GET /v1/map` would reply; `None` where the service replies itself."""
    try:
        service.get("/v1/map")
    except HTTPError as error:
        if error.code != 404:
            raise
        return json.dumps(_chart(store))
    return None


def _chart(store: Store) -> dict[str, Any]:
    """All papers on a spiral, in four topics below two."""
    snapshot = store.open_live()
    papers = [snapshot.paper(row) for row in range(len(snapshot.ids))]
    spiral = [(math.sqrt(row), row * _TURN) for row in range(len(papers))]
    return {
        "index_version": snapshot.version,
        "papers": {
            "ids": [one.id for one in papers],
            "titles": [one.title for one in papers],
            "dates": [one.date.isoformat() if one.date else None for one in papers],
            "votes": [one.votes for one in papers],
            "x": [round(r * math.cos(angle), 4) for r, angle in spiral],
            "y": [round(r * math.sin(angle), 4) for r, angle in spiral],
            "topics": [2 + row % 4 for row in range(len(papers))],
        },
        "topics": [_topic(number, len(papers)) for number in range(6)],
    }


def _topic(number: int, papers: int) -> dict[str, Any]:
    parent = None if number < 2 else number % 2
    korean, english = _TOPICS[number % 2]
    return {
        "level": 0 if parent is None else 1,
        "parent": parent,
        "x": math.cos(number),
        "y": math.sin(number),
        "korean": korean if parent is None else f"{korean} {number}",
        "english": english if parent is None else f"{english} {number}",
        "papers": papers // (2 if parent is None else 4),
    }
