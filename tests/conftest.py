"""What several tests share: an index of the sample digests, built once."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from functools import partialmethod
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from index.build import build
from index.lexical import analyzer
from index.snapshot import Snapshot
from index.store import Store
from rag.search import Searcher
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import ServerGroup, Settings

os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach a network

pytest_plugins = ["tests.lasting_builds", "tests.quick_encoder", "tests.tiny_models"]

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def shared_analyzer() -> Iterator[None]:
    """A build loads an analyser of its own, to let it go; here a second each adds up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("index.analysing.Analyzer", analyzer)
        yield


@pytest.fixture(scope="session", autouse=True)
def readiness_looked_up_each_time() -> Iterator[None]:
    """Tests break what is served, and want to be told at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rag.service.ready.HOLDS_S", 0.0)
        yield


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """A service that a test starts logs to what is standard error then, and closed afterwards."""
    root = logging.getLogger()
    before = root.handlers[:]
    yield
    for one in [one for one in root.handlers if type(one) is logging.StreamHandler]:
        if one not in before:
            root.removeHandler(one)


@pytest.fixture(scope="session", autouse=True)
def asked_as_localhost() -> Iterator[None]:
    """Clients of this machine need no key; `testserver` is the name of another."""
    with pytest.MonkeyPatch.context() as patch:
        made = TestClient.__init__
        local = partialmethod(made, base_url="http://localhost")
        patch.setattr(TestClient, "__init__", local)
        yield


@pytest.fixture(scope="session")
def samples() -> Path:
    return ROOT / "index" / "samples"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Store:
    """The sample digests, published; tests only read it."""
    store = Store(tmp_path_factory.mktemp("samples"))
    build([samples], store)
    return store


@pytest.fixture(scope="session")
def snapshot(store: Store) -> Snapshot:
    return store.open_live()


@pytest.fixture(scope="session")
def searcher(snapshot: Snapshot) -> Searcher:
    return Searcher(snapshot)


@pytest.fixture(scope="session")
def client(store: Store) -> Iterator[TestClient]:
    settings = Settings(data=store.folder, server=ServerGroup(cache_mb=0))  # tests break legs
    live = Live(store, settings)
    live.refresh()
    with TestClient(create_app(live, settings), raise_server_exceptions=False) as client:
        yield client
