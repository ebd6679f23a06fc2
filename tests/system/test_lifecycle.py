"""Starting and stopping, in one process and in several, as an operator does."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from index.build import build
from index.encoders import EncoderKind, EncoderSettings, LateKind, LateSettings
from index.settings import BuildSettings
from index.store import Store
from tests.services import COMMAND, Service


def _refused(*options: str, status: int = 1, **variables: str) -> str:
    """What `nonmun serve` says when it does not start: one line."""
    done = subprocess.run(
        [*COMMAND, "serve", *options],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NONMUN_PROFILE": "", **variables},
    )
    assert done.returncode == status
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_it_does_not_start_without_an_index_and_says_what_makes_one(tmp_path: Path) -> None:
    assert "nonmun build" in _refused("--data", str(tmp_path), "--port", "0")


def test_it_does_not_start_on_a_port_in_use(store: Store) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = _refused("--data", str(store.folder), "--port", port)
    assert port in said
    assert "--port" in said


def test_it_does_not_start_open_to_others_without_keys(store: Store) -> None:
    said = _refused("--data", str(store.folder), "--host", "0.0.0.0", "--port", "0", status=2)
    assert "nonmun key" in said


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("TIMEOUT_S", "soon", "server.timeout_s"),
        ("TIMEOUT_S", "61", "max_timeout_s"),
        ("RATE_LIMIT", "often", "server.rate_limit"),
        ("PROXIES", '["everybody"]', "server.proxies"),
        ("PROXIES", '["10.0.0.1/8"]', "server.proxies"),
        ("ANONYMOUS", "false", "server.anonymous"),
        ("ORIGINS", '["*"]', "server.origins"),
        ("KEYS", '[{"name": "a", "sha256": "plain"}]', "server.keys"),
        ("LOG_FORMAT", "xml", "server.log_format"),
        ("TRACES", "localhost:4318", "traces"),
        ("QUEU", "3", "server.queu"),
    ],
)
def test_it_does_not_start_with_a_wrong_setting(
    store: Store, name: str, value: str, named: str
) -> None:
    variables = {f"NONMUN_SERVER__{name}": value}
    said = _refused("--data", str(store.folder), "--port", "0", status=2, **variables)
    assert named in said


@pytest.mark.parametrize("workers", ["1", "2"])
class TestStopping:
    def test_what_runs_is_finished_and_what_comes_is_refused(
        self, store: Store, workers: str
    ) -> None:
        with Service(store.folder, NONMUN_SERVER__WORKERS=workers) as service:
            parts = urlsplit(service.url)
            running = http.client.HTTPConnection(parts.netloc, timeout=20)
            # The body comes in two pieces, the second after the service was told to stop.
            body = json.dumps({"query": "강화 학습"}).encode()
            running.putrequest("POST", "/v1/search")
            running.putheader("Content-Type", "application/json")
            running.putheader("Content-Length", str(len(body)))
            running.endheaders(body[:5])
            service.search("강화 학습")
            time.sleep(0.3)
            begun = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            _until_refused(service)
            running.send(body[5:])
            reply = running.getresponse()
            assert reply.status == 200
            assert json.loads(reply.read())["papers"]
            assert service.process.wait(timeout=20) == 0
            assert time.monotonic() - begun < 15
            assert "Traceback" not in service.log()

    def test_what_does_not_end_is_given_up_after_the_grace_time(
        self, store: Store, workers: str
    ) -> None:
        variables = {"NONMUN_SERVER__WORKERS": workers, "NONMUN_SERVER__GRACE_S": "1"}
        with Service(store.folder, **variables) as service:
            parts = urlsplit(service.url)
            assert parts.hostname
            assert parts.port
            with socket.create_connection((parts.hostname, parts.port)) as slow:
                slow.sendall(
                    b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
                )
                time.sleep(0.3)
                begun = time.monotonic()
                service.process.send_signal(signal.SIGTERM)
                assert service.process.wait(timeout=20) == 0
                assert 0.5 < time.monotonic() - begun < 8

    def test_control_c_ends_it_as_well(self, store: Store, workers: str) -> None:
        with Service(store.folder, NONMUN_SERVER__WORKERS=workers) as service:
            service.search("강화 학습")
            service.process.send_signal(signal.SIGINT)
            assert service.process.wait(timeout=20) == 0
            assert "Traceback" not in service.log()


@pytest.mark.parametrize(
    ("proxies", "statuses"), [("[]", [200, 429]), ('["127.0.0.1"]', [200, 200])]
)
def test_who_asks_for_somebody_else_is_believed_only_if_it_is_a_proxy_of_ours(
    store: Store, proxies: str, statuses: list[int]
) -> None:
    limits = {"NONMUN_SERVER__RATE_LIMIT": "1/minute", "NONMUN_SERVER__PROXIES": proxies}
    with Service(store.folder, **limits) as service:
        found = []
        for number in range(2):
            connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=20)
            address = {"X-Forwarded-For": f"203.0.113.{number}"}
            connection.request("GET", "/v1/index", headers=address)
            found.append(connection.getresponse().status)
    assert found == statuses


class TestWorkers:
    def test_a_second_one_shares_what_the_first_has_loaded(self, store: Store) -> None:
        with Service(store.folder, NONMUN_SERVER__WORKERS="2") as service:
            for number in range(40):
                service.search(f"강화 학습 {number}")
            time.sleep(0.5)
            own = [_own_memory(pid) for pid in _both(service)]
            assert max(own) < 120

    def test_one_that_dies_is_replaced(self, store: Store) -> None:
        with Service(store.folder, NONMUN_SERVER__WORKERS="2") as service:
            first, second = _both(service)
            os.kill(first, signal.SIGKILL)
            deadline = time.monotonic() + 20
            while first in (found := _both(service)):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert second in found
            for number in range(10):
                assert service.search(f"강화 학습 {number}")["papers"]

    def test_they_do_not_outlive_the_one_that_made_them(self, store: Store) -> None:
        """Else they would hold the port against the service that is started next."""
        with Service(store.folder, NONMUN_SERVER__WORKERS="2") as service:
            both = _both(service)
            service.search("강화 학습")
            service.process.kill()
            service.process.wait()
            deadline = time.monotonic() + 20
            while any(Path(f"/proc/{pid}").exists() for pid in both):
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def test_all_take_up_another_version(self, samples: Path, tmp_path: Path) -> None:
        own = Store(tmp_path / "data")
        first, *others = sorted(samples.glob("*.md"))
        build([first], own)
        with Service(own.folder, NONMUN_SERVER__WORKERS="2") as service:
            version = build([first, *others], own).version
            time.sleep(3)
            # A connection each, so that both are asked.
            seen = {service.search(f"모델 {number}")["index_version"] for number in range(20)}
            assert seen == {version}

    def test_what_they_count_is_told_as_one(self, store: Store) -> None:
        with Service(store.folder, NONMUN_SERVER__WORKERS="2") as service:
            threads = [
                threading.Thread(target=service.search, args=(f"모델 {n}",)) for n in range(24)
            ]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            told = _text(service, "/metrics")
        found = re.search(r'nonmun_requests_total\{.*route="/v1/search".*\} (\S+)', told)
        assert found
        assert float(found.group(1)) == 24


def _text(service: Service, path: str) -> str:
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=20)
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def _until_refused(service: Service) -> None:
    parts = urlsplit(service.url)
    deadline = time.monotonic() + 10
    while True:
        try:
            connection = http.client.HTTPConnection(parts.netloc, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse()
        except OSError:
            return
        except http.client.HTTPException:
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _both(service: Service) -> list[int]:
    """The processes of two workers, once there are two."""
    deadline = time.monotonic() + 20
    while len(found := _workers(service)) != 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def _workers(service: Service) -> list[int]:
    pid = service.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return sorted(map(int, children))


def _own_memory(pid: int) -> float:
    """Megabytes that no other process shares."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(kb) for kb in re.findall(r"Private_\w+:\s+(\d+) kB", text)) / 1024


@pytest.mark.slow
def test_models_are_loaded_by_each_worker(samples: Path, tiny_model: Path, tmp_path: Path) -> None:
    """The threads of torch are not there after a fork; who waits for them waits for ever."""
    encoder = EncoderSettings(EncoderKind.SENTENCE_TRANSFORMERS, str(tiny_model))
    own = Store(tmp_path / "data")
    build([samples], own, BuildSettings(encoder, LateSettings(LateKind.OFF)))
    with Service(own.folder, NONMUN_SERVER__WORKERS="2") as service:
        threads = [threading.Thread(target=service.search, args=(f"모델 {n}",)) for n in range(12)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        found = service.search("강화 학습")
        assert found["papers"]
        assert found["legs"]["dense"] == "ok"
        assert min(map(_own_memory, _both(service))) > 120
        assert service.stop() == 0
