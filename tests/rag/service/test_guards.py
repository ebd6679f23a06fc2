"""What keeps the service from being misused: rates, bodies, deadlines, headers, origins."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.build import build
from index.store import Store
from rag.errors import QueryError
from rag.search import Searcher
from rag.service.headers import NOTHING, page_policy
from rag.service.keys import Caller
from rag.service.limits import MAX_BODY, BodyLimit
from rag.service.observing import Metrics
from rag.service.rates import identity
from tests.rag.service.guarded import KEYS, SEARCH_KEY, bearer, guarded

QUERY = {"query": "강화 학습"}


def _counted(client: TestClient, name: str) -> float:
    text = client.get("/metrics").text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found, name
    return float(found.group(1))


class TestRates:
    def test_more_than_the_rate_is_told_when_to_come_again(self, store: Store) -> None:
        with guarded(store, rate_limit="3/minute", anonymous=True) as client:
            for left in (2, 1, 0):
                reply = client.get("/v1/index")
                assert reply.status_code == 200
                assert reply.headers["ratelimit-policy"] == '"default";q=3;w=60'
                assert f"r={left};" in reply.headers["ratelimit"]
            reply = client.get("/v1/index")
            assert reply.status_code == 429
            assert 1 <= int(reply.headers["retry-after"]) <= 60
            assert reply.headers["content-type"] == "application/problem+json"
            assert "r=0;" in reply.headers["ratelimit"]
            for path in ("/healthz", "/readyz", "/docs"):
                assert client.get(path).status_code == 200

    def test_each_key_and_each_address_has_its_own(self, store: Store) -> None:
        with guarded(store, rate_limit="1/minute", keys=KEYS, anonymous=True) as client:
            assert client.get("/v1/index").status_code == 200
            assert client.get("/v1/index").status_code == 429
            assert client.get("/v1/index", headers=bearer(SEARCH_KEY)).status_code == 200
            assert client.get("/v1/index", headers=bearer(SEARCH_KEY)).status_code == 429
            # A header that any client can send changes nothing.
            forwarded = {"X-Forwarded-For": "203.0.113.9"}
            assert client.get("/v1/index", headers=forwarded).status_code == 429

    def test_without_the_setting_there_is_none(self, client: TestClient) -> None:
        assert "ratelimit" not in client.get("/v1/index").headers

    @pytest.mark.parametrize(
        ("host", "who"),
        [
            ("192.0.2.1", "address 192.0.2.1"),
            ("::ffff:192.0.2.1", "address 192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "network 2001:db8:1:2::/64"),
            ("testclient", "address testclient"),
        ],
    )
    def test_one_site_of_ipv6_is_one_client(self, host: str, who: str) -> None:
        scope = {"state": {"caller": Caller(None, frozenset())}, "client": (host, 1)}
        assert identity(scope) == who


class TestBodies:
    def test_one_that_says_it_is_too_large_is_not_read(self) -> None:
        sent = _through(
            BodyLimit(_never, 5, Metrics()), {"content-length": str(MAX_BODY + 1)}, [_never_comes]
        )
        assert sent["status"] == 413
        assert sent["connection"] == "close"

    def test_one_that_does_not_say_so_is_read_up_to_the_limit(self) -> None:
        chunk = {"type": "http.request", "body": b" " * 65_536, "more_body": True}
        read = 0

        async def receive() -> dict[str, Any]:
            nonlocal read
            read += 65_536
            return chunk

        sent = _through(BodyLimit(_never, 5, Metrics()), {}, [receive])
        assert sent["status"] == 413
        assert read <= MAX_BODY + 65_536

    def test_one_that_drips_is_given_up(self) -> None:
        async def drip() -> dict[str, Any]:
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"{", "more_body": True}

        begun = time.monotonic()
        sent = _through(BodyLimit(_never, 0.2, Metrics()), {}, [drip])
        assert sent["status"] == 408
        assert time.monotonic() - begun < 2

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x"])
    def test_one_that_is_packed_is_not_unpacked(self, client: TestClient, coding: str) -> None:
        """A megabyte of that could become gigabytes."""
        bomb = gzip.compress(b" " * 10_000_000)
        headers = {"content-encoding": coding, "content-type": "application/json"}
        reply = client.post("/v1/search", content=bomb, headers=headers)
        assert reply.status_code == 415
        plain = {"content-encoding": "identity", "content-type": "application/json"}
        body = json.dumps(QUERY).encode()
        assert client.post("/v1/search", content=body, headers=plain).status_code == 200

    def test_a_packed_body_that_says_nothing_of_it(self, client: TestClient) -> None:
        headers = {"content-type": "application/json"}
        body = zlib.compress(json.dumps(QUERY).encode())
        assert client.post("/v1/search", content=body, headers=headers).status_code == 400

    @pytest.mark.parametrize("deep", [b"[", b'{"query":', b'{"filters":{"ids":['])
    def test_a_body_as_deep_as_it_is_long(self, client: TestClient, deep: bytes) -> None:
        body = deep * (MAX_BODY // len(deep))
        begun = time.process_time()
        reply = client.post(
            "/v1/search", content=body, headers={"content-type": "application/json"}
        )
        assert reply.status_code in (400, 422)
        assert time.process_time() - begun < 2

    def test_a_body_of_very_many_fields(self, client: TestClient) -> None:
        body = {"query": "a", **{f"f{n}": n for n in range(50_000)}}
        begun = time.process_time()  # whatever else the machine does
        reply = client.post("/v1/search", json=body)
        assert reply.status_code == 422
        assert len(reply.content) < 100_000
        assert time.process_time() - begun < 2


class TestDeadlines:
    def test_what_takes_too_long_is_a_504(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        let, ended = threading.Event(), threading.Event()
        search = Searcher.search

        def slow(self: Searcher, text: str, *more: Any) -> Any:
            if text == "느린 질문":
                let.wait(5)
                try:
                    return search(self, text, *more)  # given up at the first stage
                finally:
                    ended.set()
            return search(self, text, *more)

        with guarded(store, timeout_s=0.2) as client:
            monkeypatch.setattr(Searcher, "search", slow)
            reply = client.post("/v1/search", json={"query": "느린 질문"})
            assert reply.status_code == 504
            assert "0.2 s" in reply.json()["detail"]
            assert _counted(client, 'nonmun_refused_total{reason="deadline"}') == 1
            before = _counted(client, 'nonmun_stage_seconds_count{stage="read"}')
            let.set()
            assert ended.wait(5)
            assert _counted(client, 'nonmun_stage_seconds_count{stage="read"}') == before

    def test_a_client_may_ask_for_less_or_more_up_to_a_maximum(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def slow(self: Searcher, *_: object) -> Any:
            time.sleep(0.3)
            raise QueryError("for the test")

        monkeypatch.setattr("rag.service.live._WARM_UP", "a")
        with guarded(store, timeout_s=0.1, max_timeout_s=0.6) as client:
            monkeypatch.setattr(Searcher, "search", slow)

            def status(wanted: str | None) -> int:
                headers = {} if wanted is None else {"X-Request-Timeout": wanted}
                time.sleep(0.4)  # until the thread is free again
                return client.post("/v1/search", json=QUERY, headers=headers).status_code

            assert status(None) == 504
            assert status("0.6") == 422
            assert status("1000") == 422
            assert status("0.05") == 504
            with monkeypatch.context() as patch:
                patch.setattr(Searcher, "search", lambda *_: time.sleep(1.2))
                begun = time.monotonic()
                assert status("1000") == 504
                assert time.monotonic() - begun < 1.2  # 0.4 of it before

    @pytest.mark.parametrize("wanted", ["0", "-1", "nan", "inf", "soon", "1e400", ""])
    def test_what_is_no_time_is_named(self, client: TestClient, wanted: str) -> None:
        reply = client.post("/v1/search", json=QUERY, headers={"X-Request-Timeout": wanted})
        assert reply.status_code == 422
        assert reply.json()["errors"][0]["field"].lower() == "x-request-timeout"


def test_beyond_the_queue_it_is_a_503_with_retry_after_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    let = threading.Event()
    search = Searcher.search

    def slow(self: Searcher, *more: Any) -> Any:
        let.wait(10)
        return search(self, *more)

    with guarded(store, searches=1, queue=2, cache_mb=0) as client:
        monkeypatch.setattr(Searcher, "search", slow)
        statuses = list[int]()

        def ask(number: int) -> None:
            reply = client.post("/v1/search", json={"query": f"질문 {number}"})
            statuses.append(reply.status_code)

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
        for one in threads:
            one.start()
        work = client.app.state.work  # type: ignore[attr-defined]
        end = time.monotonic() + 5
        while work.searching.waiting < 2:
            assert time.monotonic() < end
            time.sleep(0.01)
        reply = client.post("/v1/search", json={"query": "zu viel"})
        assert reply.status_code == 503
        assert int(reply.headers["retry-after"]) >= 1
        assert reply.headers["content-type"] == "application/problem+json"
        assert _counted(client, 'nonmun_refused_total{reason="queue_full"}') == 1
        assert _counted(client, "nonmun_queue_length") == 2
        assert client.get("/healthz").status_code == 200
        let.set()
        assert client.get("/readyz").status_code == 200
        for one in threads:
            one.join()
        assert statuses == [200, 200, 200]


class TestHeaders:
    PATHS = ("/v1/index", "/v1/papers/x", "/healthz", "/metrics", "/docs", "/nothing/here")

    @pytest.mark.parametrize("path", PATHS)
    def test_every_response_has_them(self, client: TestClient, path: str) -> None:
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "server" not in headers

    def test_an_error_of_ours_has_them_too(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("rag.search.Searcher.search", lambda *_: 1 / 0)
        reply = client.post("/v1/search", json={"query": "a"})
        assert reply.status_code == 500
        assert reply.headers["content-security-policy"] == NOTHING
        assert reply.headers["x-request-id"]

    def test_what_was_asked_is_kept_by_nobody_on_the_way(self, client: TestClient) -> None:
        assert client.get("/v1/index").headers["cache-control"] == "no-store"

    def test_the_page_runs_its_own_scripts_and_no_others(self, client: TestClient) -> None:
        page = client.get("/docs")
        policy = page.headers["content-security-policy"]
        scripts = next(one for one in policy.split("; ") if one.startswith("script-src"))
        assert re.fullmatch(r"script-src 'self' 'sha256-[A-Za-z0-9+/]{43}='", scripts)
        assert "unsafe-eval" not in policy
        assert not re.search(r"<script>(?!\s*const ui)", page.text)

    def test_a_policy_names_each_script_by_its_hash(self) -> None:
        # The hash of `alert('Hello, world.');` that Content Security Policy Level 3 gives.
        policy = page_policy("<script>alert('Hello, world.');</script>")
        assert "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='" in policy
        assert "unsafe-inline" not in policy


def test_a_script_in_a_title_or_a_passage_is_text_and_nothing_else(tmp_path: Path) -> None:
    script = "<script>alert(1)</script>"
    digest = tmp_path / "2024-05-01.md"
    digest.write_text(
        f"### [A {script} Title](https://arxiv.org/abs/2405.00001)\n\n"
        f"- **What's New**: 강화 학습을 다룬다. {script} 그리고 더 있다.\n",
        encoding="utf-8",
    )
    own = Store(tmp_path / "data")
    build([digest], own)
    with guarded(own) as client:
        for reply in (
            client.post("/v1/search", json=QUERY),
            client.post("/v1/ask", json={"question": "강화 학습은 무엇인가?", "stream": True}),
            client.get("/v1/papers/2405.00001"),
            client.get(f"/v1/papers/{script}"),
        ):
            assert "alert(1)" in reply.text
            assert reply.headers["content-type"].split(";")[0] in (
                "application/json",
                "application/problem+json",
                "text/event-stream",
            )
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["content-security-policy"] == NOTHING


class TestOrigins:
    def _asked(self, client: TestClient, origin: str) -> Any:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        return client.options("/v1/search", headers=headers)

    def test_none_may_ask_unless_it_is_listed(self, client: TestClient) -> None:
        reply = self._asked(client, "https://example.org")
        assert "access-control-allow-origin" not in reply.headers
        reply = client.post("/v1/search", json=QUERY, headers={"Origin": "https://example.org"})
        assert "access-control-allow-origin" not in reply.headers

    def test_who_is_listed_may_with_a_key_too(self, store: Store) -> None:
        own = "https://wiki.example.org"
        with guarded(store, origins=[own], keys=KEYS, anonymous=False) as client:
            reply = self._asked(client, own)
            assert reply.status_code == 200
            assert reply.headers["access-control-allow-origin"] == own
            headers = {"Origin": own, **bearer(SEARCH_KEY)}
            reply = client.post("/v1/search", json=QUERY, headers=headers)
            assert reply.status_code == 200
            assert reply.headers["access-control-allow-origin"] == own
            # So that the page can read why.
            refused = client.post("/v1/search", json=QUERY, headers={"Origin": own})
            assert refused.status_code == 401
            assert refused.headers["access-control-allow-origin"] == own
            other = self._asked(client, "https://evil.example")
            assert "access-control-allow-origin" not in other.headers


async def _never(*_: object) -> None:
    raise AssertionError("the app was reached")


async def _never_comes() -> dict[str, Any]:
    raise AssertionError("the body was read")


def _through(app: BodyLimit, headers: dict[str, str], receives: list[Any]) -> dict[str, Any]:
    """What a middleware sends to a request with such a body."""
    sent: dict[str, Any] = {}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            sent["status"] = message["status"]
            sent.update({name.decode(): value.decode() for name, value in message["headers"]})

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/search",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(app(scope, receives[0], send))
    return sent
