"""What the load tests share: questions, none of which is asked twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.load.client import search
from benchmarks.load.questions import distinct, of_titles
from index.snapshot import Snapshot


@pytest.fixture(scope="session")
def texts(snapshot: Snapshot) -> list[str]:
    return of_titles(snapshot)


@pytest.fixture
def searches(texts: list[str]) -> Iterator[bytes]:
    return map(search, distinct(texts))
