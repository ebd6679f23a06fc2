"""A service for a load test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.load.client import Target
from index.store import Store
from tests.services import Service


@contextmanager
def serving(store: Store, **settings: object) -> Iterator[Target]:
    """Serve a store with settings of the server, by their names."""
    variables = {f"NONMUN_SERVER__{name.upper()}": str(value) for name, value in settings.items()}
    with Service(store.folder, **variables) as service:
        yield Target.of(service.url, service.process.pid)
