"""Apps with settings of the service, over the index of the samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi.testclient import TestClient

from index.store import Store
from rag.service.app import create_app
from rag.service.keys import digest
from rag.service.live import Live
from rag.settings import Settings

SEARCH_KEY, ADMIN_KEY = "nonmun_for-searching", "nonmun_for-running"
KEYS = [
    {"name": "team", "sha256": digest(SEARCH_KEY), "scopes": ["search"]},
    {"name": "ops", "sha256": digest(ADMIN_KEY), "scopes": ["admin"]},
]


@contextmanager
def guarded(
    store: Store, client: tuple[str, int] = ("192.0.2.7", 5000), **server: Any
) -> Iterator[TestClient]:
    """A client of a service with such settings.

    Args:
        store: What is served.
        client: The address that the client has.
        **server: The settings.
    """
    settings = Settings.model_validate({"data": store.folder, "server": server})
    live = Live(store, settings)
    live.refresh()
    app = create_app(live, settings)
    with TestClient(app, raise_server_exceptions=False, client=client) as made:
        yield made


def bearer(key: str) -> dict[str, str]:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {key}"}
