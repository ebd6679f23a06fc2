"""The app as a whole."""

from __future__ import annotations

import gc
import weakref

from fastapi.testclient import TestClient

from index.store import Store
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings


def test_one_that_has_ended_is_let_go_with_all_that_it_served(store: Store) -> None:
    def serve() -> list[weakref.ref[object]]:
        settings = Settings(data=store.folder)
        live = Live(Store(store.folder), settings)
        live.refresh()
        app = create_app(live, settings)
        with TestClient(app) as client:
            for path in ("/docs", "/", "/readyz"):
                assert client.get(path).status_code == 200
            assert client.post("/v1/search", json={"query": "diffusion"}).status_code == 200
        return [weakref.ref(app), weakref.ref(live), weakref.ref(live.searcher.snapshot)]

    left = serve()
    gc.collect()
    assert [one() for one in left] == [None, None, None]
