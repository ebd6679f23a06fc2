"""What deploy/cluster holds: sound for others' linters, hardened, and of one piece."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
import yaml

from rag.settings import load_settings
from tests.deploy.facts import (
    CONTAINERFILE,
    DEPLOY,
    PATHS,
    PLACEHOLDERS,
    PORT,
    ROOT,
    VERSION,
    is_pinned,
    load_yaml,
    parse,
)

CLUSTER = DEPLOY / "cluster"
COMPOSE = CLUSTER / "compose.yaml"
HAPROXY = CLUSTER / "haproxy.cfg"
LOADED = load_yaml(COMPOSE)
SERVICES: dict[str, dict[str, Any]] = LOADED["services"]
OURS = ["serve", "build"]
STORE = ["milvus", "etcd", "minio"]
SECRETS = {"profile.yaml", "milvus.yaml", "minio-password"}


def _lint(path: Path) -> list[tuple[str, str]]:
    told = subprocess.run(
        [sys.executable, "-m", "compose_lint", "check", "--format=json", "--no-env", path],
        capture_output=True,
        text=True,
        check=False,
    )
    findings = json.loads(told.stdout)["findings"]
    assert not [one for one in findings if one["suppressed"]]
    return sorted({(one["rule_id"], one["service"]) for one in findings})


def _seconds(text: str) -> int:
    assert text.endswith("s")
    return int(text[:-1])


class TestLinters:
    @pytest.mark.parametrize("path", [DEPLOY / "compose.yaml", COMPOSE], ids=["one", "cluster"])
    def test_it_is_what_the_specification_of_compose_says(self, path: Path) -> None:
        schema = ["--builtin-schema", "vendor.compose-spec"]
        told = subprocess.run(
            [sys.executable, "-m", "check_jsonschema", *schema, path],
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stdout + told.stderr

    def test_a_linter_misses_digests_and_nothing_else(self) -> None:
        # A tag takes its security updates; whose images are to stay the same adds a digest.
        assert _lint(COMPOSE) == [("CL-0019", name) for name in sorted(SERVICES)]

    def test_a_linter_misses_a_tag_and_cpus_of_what_is_built_here_and_nothing_else(self) -> None:
        found = _lint(DEPLOY / "compose.yaml")
        assert found == [(rule, name) for rule in ("CL-0004", "CL-0026") for name in sorted(OURS)]

    @pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy is not here")
    def test_haproxy_understands_its_file(self) -> None:
        told = subprocess.run(["haproxy", "-c", "-f", HAPROXY], capture_output=True, check=False)
        assert told.returncode == 0, told.stderr.decode()


class TestContainers:
    @pytest.mark.parametrize("name", SERVICES)
    def test_one_may_nothing_and_writes_nowhere_else(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert re.fullmatch(r"\d+[gm]", service["mem_limit"])
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc"} & set(service)
        for one in service.get("tmpfs", []):
            assert re.fullmatch(r"/\w+:size=\d+[gm],mode=1777,noexec,nosuid,nodev", one)

    @pytest.mark.parametrize("name", SERVICES)
    def test_none_is_root(self, name: str) -> None:
        if name in OURS:
            assert "user" not in SERVICES[name], "the image says who"
        else:
            assert re.fullmatch(r"[1-9]\d*:\d+", SERVICES[name]["user"])

    @pytest.mark.parametrize("name", SERVICES)
    def test_its_image_is_pinned(self, name: str) -> None:
        assert is_pinned(SERVICES[name]["image"])

    @pytest.mark.parametrize("image", ["nonmun", "nonmun:latest", "host:5000/nonmun", "a/b:3"])
    def test_what_is_not_pinned_is_found(self, image: str) -> None:
        assert not is_pinned(image)

    @pytest.mark.parametrize("name", OURS)
    def test_ours_is_built_with_what_milvus_and_ray_need(self, name: str) -> None:
        service = SERVICES[name]
        assert service["image"] == f"nonmun:{VERSION}-cluster"
        context = (CLUSTER / service["build"]["context"]).resolve()
        assert context == ROOT
        assert context / service["build"]["dockerfile"] == CONTAINERFILE
        assert "cluster" in service["build"]["args"]["EXTRAS"].split(",")
        arguments = re.findall(r"^ARG (\w+)", CONTAINERFILE.read_text("utf-8"), re.MULTILINE)
        assert set(service["build"]["args"]) <= set(arguments)

    @pytest.mark.parametrize("name", sorted(set(SERVICES) - {"build"}))
    def test_one_that_stays_is_looked_after(self, name: str) -> None:
        assert SERVICES[name]["restart"] == "unless-stopped"
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"

    def test_each_starts_after_what_it_needs(self) -> None:
        needed = {name: set(one.get("depends_on", {})) for name, one in SERVICES.items()}
        assert needed["milvus"] == {"etcd", "minio"}
        assert needed["serve"] == needed["build"] == {"milvus"}
        assert needed["balance"] == {"serve"}
        for service in SERVICES.values():
            for one, how in service.get("depends_on", {}).items():
                assert how == {"condition": "service_healthy"}
                assert one in SERVICES


class TestNetworks:
    def test_only_the_balancer_has_a_way_out_and_this_machine_alone_a_way_in(self) -> None:
        networks = LOADED["networks"]
        open_ones = {name for name, how in networks.items() if not (how or {}).get("internal")}
        assert open_ones == {"outside"}
        assert [one for one, how in SERVICES.items() if "outside" in how["networks"]] == ["balance"]
        published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
        assert published == {"balance": [f"127.0.0.1:{PORT}:{PORT}"]}
        for service in SERVICES.values():
            assert set(service["networks"]) <= set(networks)

    def test_who_can_reach_whom(self) -> None:
        def meet(one: str, other: str) -> bool:
            return bool(set(SERVICES[one]["networks"]) & set(SERVICES[other]["networks"]))

        met = {
            (one, other)
            for one in SERVICES
            for other in SERVICES
            if one < other and meet(one, other)
        }
        assert met == {
            ("balance", "serve"),
            ("milvus", "serve"),
            ("build", "milvus"),
            ("build", "serve"),  # of no use to either; both speak to Milvus
            ("etcd", "milvus"),
            ("milvus", "minio"),
            ("etcd", "minio"),
        }

    def test_each_is_called_by_its_name_and_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NONMUN_PROFILE", "")
        assert load_settings(CLUSTER / "profile.yaml").cluster.uri == "http://milvus:19530"
        told = SERVICES["milvus"]["environment"]
        assert told == {"ETCD_ENDPOINTS": "etcd:2379", "MINIO_ADDRESS": "minio:9000"}
        assert "--listen-client-urls=http://0.0.0.0:2379" in SERVICES["etcd"]["command"]
        assert ":9000/" in SERVICES["minio"]["healthcheck"]["test"][-1]


class TestNonmun:
    def test_the_commands_are_nonmuns(self) -> None:
        assert parse(SERVICES["build"]["command"])["sources"] == ["/digests"]
        assert "command" not in SERVICES["serve"], "the image's own"

    def test_a_service_keeps_nothing_and_a_build_its_data(self) -> None:
        assert "volumes" not in SERVICES["serve"]
        assert [one.split(":")[0] for one in SERVICES["serve"]["tmpfs"]] == ["/data", "/tmp"]
        data, digests = SERVICES["build"]["volumes"]
        assert data == "data:/data"
        assert digests.endswith(":/digests:ro")
        assert "data" in LOADED["volumes"]
        assert SERVICES["build"]["profiles"] == ["build"]
        assert "restart" not in SERVICES["build"]

    def test_the_profile_loads_and_lets_nobody_in_by_itself(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NONMUN_PROFILE", "")
        settings = load_settings(CLUSTER / "profile.yaml")
        assert settings.server.keys == ()
        assert settings.server.anonymous is None
        assert settings.server.admin_key is None
        assert settings.cluster.token is not None
        assert settings.cluster.token.get_secret_value() == "root:MILVUS_PASSWORD"
        assert _seconds(SERVICES["serve"]["stop_grace_period"]) > settings.server.grace_s

    @pytest.mark.parametrize("name", OURS)
    def test_the_profile_is_where_nonmun_looks(self, name: str) -> None:
        assert SERVICES[name]["secrets"] == ["profile.yaml"]
        assert SERVICES[name]["environment"] == {"NONMUN_PROFILE": "/run/secrets/profile.yaml"}

    def test_health_is_asked_of_the_service_and_waits_longer_than_milvus_may_take(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NONMUN_PROFILE", "")
        waits = load_settings(CLUSTER / "profile.yaml").cluster.timeout_s
        check = SERVICES["serve"]["healthcheck"]
        found = re.search(rf"'http://127.0.0.1:{PORT}/readyz', timeout=(\d+)\)", check["test"][-1])
        assert found
        assert waits < int(found.group(1)) < _seconds(check["timeout"])


class TestSecrets:
    def test_they_are_files_that_are_not_here(self) -> None:
        assert set(LOADED["secrets"]) == SECRETS
        for name, how in LOADED["secrets"].items():
            assert how == {"file": "${SECRETS:-/srv/nonmun/secrets}/" + name}

    def test_who_is_given_one_has_it(self) -> None:
        given = {name: service.get("secrets", []) for name, service in SERVICES.items()}
        assert given.pop("serve") == given.pop("build") == ["profile.yaml"]
        # Where Milvus reads what is to replace its defaults.
        assert given.pop("milvus") == [
            {"source": "milvus.yaml", "target": "/milvus/configs/user.yaml"}
        ]
        assert given.pop("minio") == ["minio-password"]
        assert set(map(tuple, given.values())) == {()}
        minio = SERVICES["minio"]["environment"]
        assert minio["MINIO_ROOT_PASSWORD_FILE"] == "/run/secrets/minio-password"

    def test_no_variable_is_one(self) -> None:
        for service in SERVICES.values():
            for name in service.get("environment", {}):
                assert not re.search(r"(PASSWORD|SECRET|TOKEN|KEY)$", name), name

    def test_milvus_asks_who_it_is_and_has_minios_key(self) -> None:
        told = load_yaml(CLUSTER / "milvus.yaml")
        assert told["common"]["security"] == {
            "authorizationEnabled": True,
            "defaultRootPassword": "MILVUS_PASSWORD",
        }
        assert told["minio"] == {
            "accessKeyID": SERVICES["minio"]["environment"]["MINIO_ROOT_USER"],
            "secretAccessKey": "MINIO_PASSWORD",
        }

    def test_the_documents_replace_all_that_is_to_be_replaced(self) -> None:
        files = [CLUSTER / "profile.yaml", CLUSTER / "milvus.yaml"]
        here = {
            word
            for path in files
            for word in re.findall(r"\b[A-Z]+_PASSWORD\b", path.read_text("utf-8"))
        }
        page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        replaced = set(re.findall(r"\bs/([A-Z]+_PASSWORD)/", page))
        assert here == PLACEHOLDERS == replaced


class TestBalancer:
    def test_its_file_is_where_haproxy_looks(self) -> None:
        assert SERVICES["balance"]["configs"] == [
            {"source": "haproxy.cfg", "target": "/usr/local/etc/haproxy/haproxy.cfg"}
        ]
        assert LOADED["configs"] == {"haproxy.cfg": {"file": "./haproxy.cfg"}}

    def test_it_waits_longer_than_a_service_may_take(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NONMUN_PROFILE", "")
        settings = load_settings(CLUSTER / "profile.yaml")
        text = HAPROXY.read_text(encoding="utf-8")
        waits = dict(re.findall(r"timeout (server|client|check) (\d+)s", text))
        assert set(waits) == {"server", "client", "check"}
        assert int(waits["server"]) > settings.server.max_timeout_s
        assert int(waits["client"]) > settings.server.max_timeout_s
        assert int(waits["check"]) > settings.cluster.timeout_s

    def test_it_asks_whether_a_service_is_ready(self) -> None:
        text = HAPROXY.read_text(encoding="utf-8")
        [path] = re.findall(r"http-check send meth GET uri (\S+)", text)
        assert path == "/readyz"
        assert path in PATHS
        assert re.findall(r"http-check expect (.+)", text) == ["status 200"]

    def test_it_finds_as_many_services_as_there_may_be(self) -> None:
        found = re.search(
            r"server-template serve 1-(\d+) serve:(\d+)$", HAPROXY.read_text("utf-8"), re.MULTILINE
        )
        assert found
        assert int(found.group(2)) == PORT
        assert SERVICES["serve"]["deploy"]["replicas"] <= int(found.group(1))

    @pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy is not here")
    def test_it_asks_only_services_that_are_ready(self, tmp_path: Path) -> None:
        with ExitStack() as stack:
            ready = stack.enter_context(_Fake(200))
            never = stack.enter_context(_Fake(503))
            port = _free_port()
            text = HAPROXY.read_text(encoding="utf-8").replace(
                f"bind :{PORT}", f"bind 127.0.0.1:{port}"
            )
            text = re.sub(r" resolvers containers init-addr none", "", text)
            text = text.replace("inter 5s", "inter 100ms")
            text = re.sub(
                r"server-template .*",
                "\n    ".join(f"server s{one.port} 127.0.0.1:{one.port}" for one in (ready, never)),
                text,
            )
            config = tmp_path / "haproxy.cfg"
            config.write_text(text, encoding="utf-8")
            haproxy = subprocess.Popen(["haproxy", "-db", "-f", config])
            stack.callback(haproxy.wait, 10)
            stack.callback(haproxy.terminate)
            opener = build_opener(ProxyHandler({}))
            _wait(lambda: "/readyz" in never.asked and "/readyz" in ready.asked)
            time.sleep(0.5)
            for _ in range(10):
                opener.open(f"http://127.0.0.1:{port}/v1/papers/1", timeout=5).read()
            assert ready.asked.count("/v1/papers/1") == 10
            assert "/v1/papers/1" not in never.asked


class _Fake:
    """A service that replies to all the same, and keeps what it was asked."""

    def __init__(self, status: int) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.asked = asked
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port

    def __enter__(self) -> _Fake:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _wait(condition: Any) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_all_files_are_yaml_or_haproxys() -> None:
    for path in _files():
        if path != HAPROXY:
            assert yaml.safe_load(path.read_text(encoding="utf-8"))


def _files() -> Iterator[Path]:
    return (path for path in CLUSTER.rglob("*") if path.is_file())
