"""A watcher gives a request up, and measures its stages."""

from __future__ import annotations

from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from index.stages import Stage, stage, watched
from rag.search import Searcher
from rag.service.observing import Metrics, RequestWatcher

QUERY = "검색 증강 생성은 문서를 어떻게 찾나?"


class GivenUpError(BaseException):
    """No `Exception`: a leg that raises one is left out, and the search goes on."""


def _measured(metrics: Metrics) -> Counter[str]:
    """How often each stage was measured."""
    return Counter(
        {
            one.labels["stage"]: int(one.value)
            for family in text_string_to_metric_families(metrics.render().content.decode())
            for one in family.samples
            if one.name == "nonmun_stage_seconds_count" and one.value
        }
    )


class _Noting:
    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()

    def begin(self, stage: Stage) -> None:
        pass

    def end(self, stage: Stage, seconds: float) -> None:
        self.ended[stage] += 1


def test_every_stage_of_a_search_is_measured(searcher: Searcher) -> None:
    noting, metrics = _Noting(), Metrics()
    with watched(noting):
        searcher.search(QUERY)
    with watched(RequestWatcher(metrics)):
        searcher.search(QUERY)
    assert {"encode", "lexical", "dense", "fuse"} <= set(noting.ended)
    assert _measured(metrics) == noting.ended


def test_a_search_is_given_up_before_a_stage(searcher: Searcher) -> None:
    asked = 0

    def give_up() -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise GivenUpError

    metrics = Metrics()
    with pytest.raises(GivenUpError), watched(RequestWatcher(metrics, give_up)):
        searcher.search(QUERY)
    assert asked == 2
    # At most the first of the two has ended, and the second has not begun.
    assert sum(_measured(metrics).values()) == 1


def test_a_stage_that_fails_is_measured() -> None:
    metrics = Metrics()
    with (
        pytest.raises(ValueError, match="bad"),
        watched(RequestWatcher(metrics)),
        stage(Stage.READ),
    ):
        raise ValueError("bad")
    assert _measured(metrics) == {"read": 1}
