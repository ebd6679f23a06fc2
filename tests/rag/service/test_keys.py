"""Keys: who may do what, and that nothing tells more than it should."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from index.errors import SettingsError
from index.store import Store
from rag.cli import app as cli
from rag.service.keys import digest, make_key
from rag.settings import ServerGroup, Settings, load_settings
from tests.rag.service.guarded import ADMIN_KEY, KEYS, SEARCH_KEY, bearer, guarded

BUILD = "/v1/index/builds"
SEARCH = {"query": "강화 학습"}


@pytest.fixture(scope="module")
def closed(store: Store) -> Iterator[TestClient]:
    """A service with keys that lets nobody in without one."""
    with guarded(store, keys=KEYS, anonymous=False) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/search"),
        ("POST", "/v1/ask"),
        ("POST", "/v1/similar"),
        ("GET", "/v1/papers/2305.18290"),
        ("GET", "/v1/papers/2305.18290/similar"),
        ("GET", "/v1/map"),
        ("GET", "/v1/index"),
        ("GET", "/v1/index/builds"),
        ("POST", "/v1/index/builds"),
        ("GET", "/metrics"),
        ("GET", "/v1/no/such/thing"),
    ],
)
def test_without_a_key_nothing_is_told(closed: TestClient, method: str, path: str) -> None:
    reply = closed.request(method, path)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.json()["title"] == "Unauthorized"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json"])
def test_what_anybody_may_see(closed: TestClient, path: str) -> None:
    assert closed.get(path).status_code == 200
    assert closed.get(path, headers=bearer("unknown")).status_code == 200


@pytest.mark.parametrize("key", [SEARCH_KEY, ADMIN_KEY])
def test_a_key_of_either_scope_may_search(closed: TestClient, key: str) -> None:
    assert closed.post("/v1/search", json=SEARCH, headers=bearer(key)).status_code == 200
    assert closed.get("/metrics", headers=bearer(key)).status_code == 200
    # The scheme is written in any case (RFC 9110, 11.1).
    headers = {"Authorization": f"bearer {key}"}
    assert closed.post("/v1/search", json=SEARCH, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonmun_for-searchin",
        "Bearer nonmun_for-searchingx",
        "Bearer NONMUN_FOR-SEARCHING",
        f"Bearer {digest(SEARCH_KEY)}",
        f"Basic {SEARCH_KEY}",
        "Bearer 열쇠",
        "Bearer \x80\xff",
    ],
)
def test_a_key_that_nobody_has(closed: TestClient, shown: str) -> None:
    headers = [(b"authorization", shown.encode("utf-8" if "열" in shown else "latin-1"))]
    reply = closed.post("/v1/search", json=SEARCH, headers=headers)
    assert reply.status_code == 401


def test_a_key_of_other_letters_is_compared_as_utf_8(store: Store) -> None:
    key = "열쇠-가나다"
    own = [{"name": "own", "sha256": digest(key), "scopes": ["search"]}]
    with guarded(store, keys=own, anonymous=False) as client:
        headers = [(b"authorization", f"Bearer {key}".encode())]
        assert client.post("/v1/search", json=SEARCH, headers=headers).status_code == 200


def test_only_a_key_of_scope_admin_may_change_anything(closed: TestClient) -> None:
    for path in (BUILD, "/v1/index/versions/x/activate", f"{BUILD}/x/cancel"):
        reply = closed.post(path, headers=bearer(SEARCH_KEY))
        assert reply.status_code == 403
        assert "team" in reply.json()["detail"]
        assert closed.post(path, headers=bearer(ADMIN_KEY)).status_code in (404, 409)


def test_where_anybody_may_search_nobody_may_build_without_a_key(store: Store) -> None:
    with guarded(store, keys=KEYS, anonymous=True) as client:
        assert client.post("/v1/search", json=SEARCH).status_code == 200
        for path in (BUILD, "/v1/index/versions/x/activate", f"{BUILD}/x/cancel"):
            assert client.post(path).status_code == 401


def test_keys_are_compared_in_constant_time_all_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a comparison made for it, and no fewer of them where the first one fits."""
    compared, compare_digest = list[str](), hmac.compare_digest

    def compare(a: str, b: str) -> bool:
        compared.append(a)
        return compare_digest(a, b)

    monkeypatch.setattr("rag.service.keys.hmac.compare_digest", compare)
    with guarded(store, keys=KEYS) as client:
        for key in (SEARCH_KEY, ADMIN_KEY, "unknown"):
            compared.clear()
            client.get("/v1/index", headers=bearer(key))
            assert compared == [one["sha256"] for one in KEYS]


def test_no_key_stands_in_a_log_a_reply_or_the_metrics(
    closed: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    told = []
    with caplog.at_level(logging.DEBUG):
        for key in (SEARCH_KEY, ADMIN_KEY, "nonmun_a-wrong-one"):
            paths = ("/v1/index", BUILD, "/metrics")
            told += [closed.get(path, headers=bearer(key)).text for path in paths]
            told.append(closed.post(BUILD, headers=bearer(key)).text)
    everything = "\n".join(
        [*told, caplog.text, *map(str, (one.__dict__ for one in caplog.records))]
    )
    hashes = [str(one["sha256"]) for one in KEYS]
    for secret in (SEARCH_KEY, ADMIN_KEY, "nonmun_a-wrong-one", *hashes):
        assert secret not in everything
    assert "key team" in caplog.text


def test_a_plain_key_is_one_of_scope_admin(store: Store) -> None:
    with guarded(store, admin_key="plain") as client:
        assert client.post(BUILD, headers=bearer("plain")).status_code == 409
        assert client.post(BUILD).status_code == 401


class TestWhoCanReachIt:
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "localhost", "::1"])
    def test_only_this_machine(self, host: str) -> None:
        group = ServerGroup(host=host)
        group.check_reach()
        assert group.lets_anybody_search

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.4", "example.org"])
    def test_others_without_keys(self, host: str) -> None:
        with pytest.raises(SettingsError, match=r"nonmun key NAME"):
            ServerGroup(host=host).check_reach()
        ServerGroup(host=host, anonymous=True).check_reach()
        with pytest.raises(SettingsError, match="nobody could ask"):
            ServerGroup(host=host, anonymous=False).check_reach()
        group = ServerGroup.model_validate({"host": host, "keys": KEYS})
        group.check_reach()
        assert not group.lets_anybody_search

    @pytest.mark.parametrize(
        ("host", "local"),
        [
            ("localhost", True),
            ("LOCALHOST:8000", True),
            ("127.0.0.1:8000", True),
            ("127.9.9.9", True),
            ("[::1]:8000", True),
            ("example.org", False),
            ("localhost.example.org", False),
            ("127.0.0.1.example.org:8000", False),
            ("10.0.0.1", False),
            ("evil:80@localhost", False),
            ("", False),
        ],
    )
    def test_a_name_that_leads_here_is_not_this_machine(
        self, store: Store, host: str, local: bool
    ) -> None:
        """As a web page does whose name is made to lead to 127.0.0.1 (DNS rebinding)."""
        headers = {"Host": host}
        with guarded(store, keys=KEYS) as client:
            assert client.get("/v1/index", headers=headers).status_code == (200 if local else 401)
            with_key = headers | bearer(SEARCH_KEY)
            assert client.get("/v1/index", headers=with_key).status_code == 200
            assert client.get("/healthz", headers=headers).status_code == 200
        with guarded(store, anonymous=True) as client:
            assert client.get("/v1/index", headers=headers).status_code == 200

    def test_serve_refuses_with_one_line(self, store: Store) -> None:
        # CliRunner does not run `main`, which prints the line.
        done = CliRunner().invoke(
            cli, ["serve", "--data", str(store.folder), "--host", "0.0.0.0", "--port", "0"]
        )
        assert isinstance(done.exception, SettingsError)


class TestSettings:
    @pytest.mark.parametrize(
        ("value", "named"),
        [
            ([{"name": "a b", "sha256": "0" * 64}], "server.keys.0.name"),
            ([{"name": "a", "sha256": "secret-in-plain-text"}], "server.keys.0.sha256"),
            ([{"name": "a", "sha256": "0" * 64, "scopes": ["all"]}], "server.keys.0.scopes"),
            ([{"name": "a", "sha256": "0" * 64, "scopes": []}], "server.keys.0.scopes"),
            ([{"name": "a", "sha256": "0" * 64}, {"name": "a", "sha256": "1" * 64}], "server.keys"),
        ],
    )
    def test_a_wrong_one_is_named_and_not_shown(self, value: object, named: str) -> None:
        with pytest.raises(SettingsError) as error:
            load_settings(server={"keys": value})
        assert named in str(error.value)
        assert "secret-in-plain-text" not in str(error.value)

    def test_they_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import json

        monkeypatch.setenv("NONMUN_SERVER__KEYS", json.dumps(KEYS))
        monkeypatch.setenv("NONMUN_PROFILE", "")
        assert [key.name for key in load_settings().server.keys] == ["team", "ops"]


class TestMaking:
    def test_keys_are_long_and_different(self) -> None:
        made = {make_key() for _ in range(100)}
        assert len(made) == 100
        assert all(len(key) >= 43 + len("nonmun_") for key in made)

    @pytest.mark.parametrize("admin", [False, True])
    def test_what_is_printed_works(
        self, store: Store, tmp_path: Path, admin: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NONMUN_PROFILE", "")  # load_settings sets it; this takes it back
        done = CliRunner().invoke(cli, ["key", "laptop", *["--admin"] * admin])
        assert done.exit_code == 0
        lines = done.stdout.splitlines()
        key = lines[0].split(": ")[1]
        profile = tmp_path / "profile.yaml"
        listed = "\n".join(f"  {line}" for line in lines[2:5])
        profile.write_text(f"server:\n  keys:\n{listed}\n", encoding="utf-8")
        (setting,) = load_settings(profile).server.keys
        with guarded(store, keys=[setting.model_dump()], anonymous=False) as client:
            assert client.get("/v1/index", headers=bearer(key)).status_code == 200
            assert client.post(BUILD, headers=bearer(key)).status_code == (409 if admin else 403)
        variable = next(line for line in lines if "NONMUN_SERVER__KEYS" in line)
        value = variable.split("=", 1)[1].strip("'")
        import json

        assert Settings.model_validate({"server": {"keys": json.loads(value)}}).server.keys == (
            setting,
        )
        assert key not in "\n".join(lines[1:])

    def test_a_name_that_can_not_be(self) -> None:
        done = CliRunner().invoke(cli, ["key", "a b"])
        assert isinstance(done.exception, SettingsError)
