"""Builds by workers of Ray: on a cluster of several nodes, all here, and on a Ray of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.batch import BatchKind, BatchSettings, open_pool
from index.batch.encoding import Encoders, SpreadEncoding
from index.batch.ray_environment import prepare
from index.build import build
from index.encoders import EncoderSettings, LateSettings
from index.encoding import Encoded
from index.errors import BatchError
from index.late import TokenSpace
from index.passages import plain
from index.settings import BuildSettings
from index.store import Store
from tests.index.batch.works import Die, Fail, QuickEncoders, Square
from tests.quick_encoder import use_quick_encoder

prepare(alone=True)  # the clusters of these tests listen on 127.0.0.1 alone
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'nonmun[cluster]'")

from ray.cluster_utils import Cluster  # noqa: E402 - as above

from index.batch.ray import _Claim, _Watch  # noqa: E402 - as above

pytestmark = pytest.mark.slow

Array = npt.NDArray[Any]

MB = 1 << 20
STORE = 80 * MB  # the least that Ray takes
NODE = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
# A node that is gone is noticed after a second, not after half a minute.
SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 2,
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head that does no work, and a node that does."""
    with (
        tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        # Where it writes down the address, and expects a folder to be there.
        patch.setenv("RAY_TMPDIR", folder)
        Path(folder, "ray").mkdir()
        head = {**NODE, "num_cpus": 0, "_system_config": SOON, "temp_dir": folder}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            cluster.add_node(**NODE)
            yield cluster
        finally:
            cluster.shutdown()


def on(cluster: Cluster, **others: Any) -> BatchSettings:
    return BatchSettings(BatchKind.RAY, cluster.address, **others)


@contextmanager
def one_more_node(cluster: Cluster) -> Iterator[Any]:
    node = cluster.add_node(**NODE)
    try:
        yield node
    finally:
        if node in cluster.worker_nodes:
            cluster.remove_node(node, allow_graceful=False)


def test_a_build_on_a_cluster_is_the_same_to_the_bit(
    cluster: Cluster, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_quick_encoder(monkeypatch)
    monkeypatch.setattr("index.build.Encoders", lambda *_: QuickEncoders())
    monkeypatch.setattr("index.batch.encoding.TEXTS", 50)
    here = build([samples], Store(tmp_path / "here"))
    settings = replace(BuildSettings(), batch=on(cluster, shared_files=True))
    there = build([samples], Store(tmp_path / "there"), settings)
    assert there.version == here.version
    assert there.reading == here.reading
    assert there.report.flagged == here.report.flagged
    assert not ray.is_initialized()


def test_a_node_that_is_lost_costs_what_it_had(cluster: Cluster, tmp_path: Path) -> None:
    # More than fits into the shared memory of the nodes: who waits for what is lost must not
    # keep the others from doing it anew.
    blocks = 60
    # On busy CPUs one worker might have done it all before the other begins.
    work = Square(seconds=0.05, size=4 * MB, folder=str(tmp_path), together=2)
    with one_more_node(cluster) as node, open_pool(on(cluster)) as pool:
        assert pool is not None
        found = {}
        for number, (square, worker, _) in pool.map(work, range(blocks)):
            assert number not in found
            found[number] = square, worker
            if len({pid for _, pid in found.values()}) == 2 and node in cluster.worker_nodes:
                cluster.remove_node(node, allow_graceful=False)
    assert node not in cluster.worker_nodes
    assert {number: square for number, (square, _) in found.items()} == {
        number: number * number for number in range(blocks)
    }
    # Two began, and one anew in the place of what was lost, or some more if it was lost in between.
    assert 2 < len(list(tmp_path.iterdir())) <= 5


def test_where_all_are_lost_the_build_ends(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.batch.ray.LOST_S", 1.0)
    monkeypatch.setattr("index.batch.ray._LOOK_S", 0.2)
    (node,) = cluster.worker_nodes
    with open_pool(on(cluster)) as pool:
        assert pool is not None
        blocks = pool.map(Square(seconds=0.2), range(100))
        next(blocks)
        try:
            cluster.remove_node(node, allow_graceful=False)
            with pytest.raises(BatchError, match="nodes of the Ray cluster are gone, and for"):
                list(blocks)
        finally:
            cluster.add_node(**NODE)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
def test_an_end_of_the_wait_that_was_lost_comes_again(
    monkeypatch: pytest.MonkeyPatch, interrupts: None, handler: Any
) -> None:
    signal.signal(signal.SIGINT, handler)
    monkeypatch.setattr("index.batch.ray.LOST_S", 0.1)
    monkeypatch.setattr("index.batch.ray._LOOK_S", 0.05)
    claim = _Claim(1, 0.5, 0)
    monkeypatch.setattr(_Claim, "is_met", lambda _: False)
    came = 0
    with _Watch(claim) as watch:
        while came < 2:
            try:
                time.sleep(10)
            except KeyboardInterrupt:
                came += 1
            else:
                pytest.fail("it did not come")
        watch.end()
    assert "nodes of the Ray cluster are gone" in watch.reason
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
def test_who_waits_is_interrupted_as_before(interrupts: None, handler: Any) -> None:
    signal.signal(signal.SIGINT, handler)
    came = False
    with _Watch(_Claim(1, 0.5, 0)):
        try:
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.01)
        except KeyboardInterrupt:
            came = True
    assert came is (handler is signal.default_int_handler)


@pytest.fixture
def interrupts() -> Iterator[None]:
    """What SIGINT does is as it was afterwards."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_workers_of_a_pool(cluster: Cluster, tmp_path: Path) -> None:
    """One pool for several cases: to begin one takes seconds."""
    with open_pool(on(cluster)) as pool:
        assert pool is not None
        assert not pool.sees_files
        # One dies, and what it had is done by another.
        found = list(pool.map(Die(3, str(tmp_path / "died")), range(10)))
        assert (tmp_path / "died").exists()
        # Each uses one CPU, so that there may be as many as CPUs.
        assert sorted(found) == [(number, (-number, 1)) for number in range(10)]
        # One can't begin: the same words.
        with pytest.raises(BatchError, match=r"^the model is not there$"):
            list(pool.map(Fail(begins=False), range(10)))
        with pytest.raises(BatchError, match=r"worker .* failed: ValueError: no such number: \d$"):
            list(pool.map(Fail(begins=True), range(10)))
        # Nothing to do.
        assert list(pool.map(Square(), [])) == []


def test_a_worker_with_another_encoder_publishes_nothing(
    cluster: Cluster, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_quick_encoder(monkeypatch)
    monkeypatch.setattr("index.build.Encoders", lambda *_: QuickEncoders(fingerprint="older"))
    store = Store(tmp_path / "data")
    settings = replace(BuildSettings(), batch=on(cluster))
    with pytest.raises(BatchError, match="encoder of a worker is older, that of the build quick"):
        build([samples], store, settings)
    assert store.live() is None


def test_a_node_without_nonmun_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.batch.ray_joining.PACKAGE", "nowhere")
    with (
        pytest.raises(BatchError, match=r"node 127\.0\.0\.1 .* has no nonmun \(No module.*install"),
        open_pool(on(cluster)),
    ):
        pass
    assert not ray.is_initialized()


def test_a_node_with_another_nonmun_is_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.batch.ray_joining.package_state", lambda: "mine")
    with (
        pytest.raises(BatchError, match=r"has another nonmun \([0-9a-f]{16}\) than .* \(mine\)"),
        open_pool(on(cluster)),
    ):
        pass


def test_another_version_of_ray_is_told_in_its_words(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import ray; ray.__version__ = '0.1'; from index.batch.ray_joining import main; main()"
    monkeypatch.setattr("index.batch.ray_joining._JOIN", ("-c", code))
    with pytest.raises(BatchError) as caught, open_pool(on(cluster)):
        pass
    assert "can't be joined: Version mismatch" in str(caught.value)
    assert "Ray: 0.1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cluster_that_wants_another_token_is_told_so(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os; os.environ['RAY_AUTH_TOKEN'] = '0' * 64; import ray;"
        "from index.batch.ray_joining import main; main()"
    )
    monkeypatch.setattr("index.batch.ray_joining._JOIN", ("-c", code))
    monkeypatch.setattr("index.batch.ray_joining.JOIN_S", 6.0)
    with (
        pytest.raises(BatchError, match=r"can't be joined: Authentication token .*RAY_AUTH_TOKEN"),
        open_pool(on(cluster)),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1: connection refused"),
        ("127.0.0.1:99999", "no Ray cluster answers at 127.0.0.1:99999"),
        ("ray://127.0.0.1:10001", "is to be HOST:PORT of a Ray cluster, not 'ray://127"),
        ("auto", "is to be HOST:PORT of a Ray cluster, not 'auto'"),
    ],
)
def test_a_wrong_address_is_told_at_once(
    address: str, says: str, samples: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "data")
    settings = replace(BuildSettings(), batch=BatchSettings(BatchKind.RAY, address))
    begun = time.monotonic()
    with pytest.raises(BatchError, match=says):
        build([samples], store, settings)
    assert time.monotonic() - begun < 6
    assert store.live() is None


def test_what_is_no_ray_cluster_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.batch.ray_joining.JOIN_S", 4.0)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = BatchSettings(BatchKind.RAY, f"127.0.0.1:{server.server_port}")
    try:
        with pytest.raises(BatchError, match="can't be joined: "), open_pool(settings):
            pass
    finally:
        server.shutdown()
        server.server_close()


def test_a_ray_for_the_build_alone_encodes_as_this_process(samples: Path) -> None:
    texts = [f"- 이 논문은 {n}번째 방법을 제안한다.\n  그리고 그것을 평가한다." for n in range(30)]
    encoders = Encoders(EncoderSettings(), LateSettings())
    local = encoders.open()
    assert local.late_encoder is not None
    space = TokenSpace.learn(local.late_encoder, [plain(text) for text in texts])
    before = set(_children(os.getpid()))  # a cluster of other tests
    with open_pool(BatchSettings(BatchKind.RAY, workers=2)) as pool:
        assert pool is not None
        assert pool.sees_files
        (node,) = ray.nodes()
        assert node["NodeManagerAddress"] == "127.0.0.1"
        assert not _listen_to_all(os.getpid())
        spread = SpreadEncoding(pool, encoders, local.encoder, local.late_encoder)
        ours = _rows(spread.encode(texts, space, lambda _: None))
        children = set(_children(os.getpid())) - before
    theirs = _rows(local.encode(texts, space, lambda _: None))
    assert sorted(ours) == sorted(theirs) == list(range(30))
    for row, (vector, tokens) in ours.items():
        np.testing.assert_allclose(vector, theirs[row][0], atol=1e-6)
        np.testing.assert_array_equal(tokens, theirs[row][1])
    assert children
    assert not [pid for pid in children if _runs(pid)]


def test_a_ray_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.batch.ray.STORE_BYTES", 1)
    with (
        pytest.raises(BatchError, match="Ray can't be started on this machine: ValueError: "),
        open_pool(BatchSettings(BatchKind.RAY)),
    ):
        pass
    assert not ray.is_initialized()


def _rows(blocks: Iterable[Encoded]) -> dict[int, tuple[Array, Array]]:
    return {
        row: (block.vectors[at], block.tokens.row(at))
        for block in blocks
        for at, row in enumerate(block.rows.tolist())
        if block.tokens is not None
    }


def test_ctrl_c_ends_a_build_and_its_ray(samples: Path, tmp_path: Path) -> None:
    data, temporary = tmp_path / "data", Path(f"/tmp/r{os.getpid()}")  # short: it holds sockets
    temporary.mkdir()
    code = "from rag.cli import main; main()"
    words = ["build", str(samples), "--data", str(data), "--on", "ray"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and not any(
            "MapWorker" in name for name in map(_name, _children(process.pid))
        ):
            assert process.poll() is None
            time.sleep(0.1)
        children = _children(process.pid)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert not Store(data).live()
    end = time.monotonic() + 10
    while time.monotonic() < end and any(map(_runs, children)):
        time.sleep(0.1)
    assert not [_name(pid) for pid in children if _runs(pid)]
    assert list(temporary.iterdir()) == []
    temporary.rmdir()


def _children(pid: int) -> list[int]:
    """Of a process, and their children."""
    direct = [
        int(child)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for child in path.read_text().split()
    ]
    return [*direct, *(one for child in direct for one in _children(child))]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _listen_to_all(pid: int) -> list[str]:
    """Sockets of a process and its children that other machines could reach."""
    sockets = set()
    for one in [pid, *_children(pid)]:
        for link in Path(f"/proc/{one}/fd").glob("*"):
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                sockets.add(target[8:-1])
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            address = local.partition(":")[0]
            alone = address in ("0100007F", "0000000000000000FFFF00000100007F")
            if state == "0A" and inode in sockets and not alone:
                found.append(local)
    return found
