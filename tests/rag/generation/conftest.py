"""A server that each test scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.rag.generation.fake_server import Fake, Script, serve

Serve = Callable[[Script], Fake]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def fake() -> Iterator[Serve]:
    """Starts servers that end with the test."""
    running = []

    def start(script: Script) -> Fake:
        running.append(serve(script))
        return running[-1].__enter__()

    yield start
    for one in running:
        one.__exit__(None, None, None)
