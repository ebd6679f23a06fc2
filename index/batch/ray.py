"""Workers of Ray: a stage of Ray Data for each piece of work, an actor for each CPU or GPU."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any, NamedTuple, Self, TypeVar

import pyarrow as pa
import ray
import ray.data

from index.batch.base import BatchSettings, Work
from index.batch.ray_joining import QUIET, check_nodes, first_line, try_to_join
from index.errors import BatchError, NonmunError
from index.threads import cpu_count, use_one_cpu

Given = TypeVar("Given")
Result = TypeVar("Result")

STORE_BYTES = 256 << 20  # shared memory for blocks on their way, of a Ray that is started here
IN_FLIGHT = 2  # blocks a worker has: the one it does and the next

# What a worker claims is half of a CPU, though it uses all of one. Where a node is lost, its
# workers begin anew on the others, and they have to: what they had done and nobody had fetched
# is lost too, and no other worker does it for them. If those that are left had claimed all, and
# waited for what was lost to be fetched before they go on, nothing would ever happen again.
CLAIM = 0.5

_NOT_HERE = "Ray can't be started on this machine"

# How long to wait for a block. Ray begins a lost one anew for as long as it takes.
LOST_S = 180.0  # where nodes are gone, and those that are left have no room for all workers
STUCK_S = 3600.0  # where all is well: it may be that the block ends every worker that tries it
_LOOK_S = 2.0


class RayPool:
    """`Pool` on a Ray cluster, or on a Ray of its own that ends with it."""

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as closing:
            # It prints what befalls nodes, and standard output may be JSON.
            closing.enter_context(redirect_stdout(sys.stderr))
            address = self._settings.address
            if address:
                try_to_join(address)
            options = QUIET | ({"address": address} if address else _alone(closing))
            closing.callback(ray.shutdown)
            try:
                with _signals_kept(), _hushed():
                    ray.init(**options)
            except Exception as error:  # of many kinds, and not only Ray's own
                what = f"the Ray cluster at {address} can't be joined" if address else _NOT_HERE
                raise BatchError(f"{what}: {first_line(error)}") from error
            logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what is wrong is raised
            ray.data.DataContext.get_current().enable_progress_bars = False
            check_nodes()
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @property
    def sees_files(self) -> bool:
        """Whether the workers see this machine's files."""
        return not self._settings.address or self._settings.shared_files

    def map(
        self, work: Work[Given, Result], given: Iterable[Given]
    ) -> Iterator[tuple[int, Result]]:
        """Have blocks worked on; see `Pool`.

        They are sent as many at a time as fill a quarter of the shared memory of this machine,
        so that however many there are none is written to disk.
        """
        blocks = enumerate(pickle.dumps(block, pickle.HIGHEST_PROTOCOL) for block in given)
        most = _store_bytes() // 4
        while some := _some(blocks, most):
            yield from self._run(work, some)

    def _run(self, work: Work[Given, Result], blocks: list[_Block]) -> Iterator[tuple[int, Result]]:
        claim = self._claim(work, len(blocks))
        data = ray.data.from_arrow([_table(number, given) for number, given in blocks])
        data = data.map_batches(
            _Worker,
            fn_constructor_args=(work,),
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(
                size=claim.workers, max_tasks_in_flight_per_actor=IN_FLIGHT
            ),
            num_cpus=claim.cpus,
            num_gpus=claim.gpus,
        )
        left = {number for number, _ in blocks}
        with _Watch(claim) as watch:
            batches = data.iter_batches(batch_size=None, batch_format="pyarrow")
            for number, result in _results(batches, watch):
                left.remove(number)
                with watch.paused():
                    yield number, result
        if left:
            raise BatchError(f"{len(left):,} blocks of work did not come back from the cluster")

    def _claim(self, work: Work[Any, Any], blocks: int) -> _Claim:
        """How many workers there are to be, and what each of them claims."""
        has = ray.cluster_resources()
        gpus = int(has.get("GPU", 0)) if work.on_gpu else 0
        units = gpus or int(has.get("CPU", 0))
        if not units:
            raise BatchError("the Ray cluster has no CPUs to work with")
        workers = min(units, blocks, self._settings.workers or units)
        return _Claim(workers, 0 if gpus else CLAIM, 1 if gpus else 0)


class _Claim(NamedTuple):
    """What is asked of the cluster: so many workers, and what each of them claims."""

    workers: int
    cpus: float
    gpus: int

    def is_met(self) -> bool:
        """Whether the cluster is large enough, others who use it aside."""
        has = ray.cluster_resources()
        return bool(
            has.get("CPU", 0) >= self.workers * self.cpus
            and has.get("GPU", 0) >= self.workers * self.gpus
        )


_Block = tuple[int, bytes]  # its number, and what is given, pickled


class _Worker:
    """An actor that has loaded what the work needs."""

    def __init__(self, work: Work[Any, Any]) -> None:
        use_one_cpu()  # as many workers as CPUs
        self._failed = ""
        # What is raised is told as it is; Ray would wrap it, or try again.
        try:
            self._do: Callable[[Any], Any] = work.begin()
        except Exception as error:
            self._failed = _told(error)

    def __call__(self, block: pa.Table) -> pa.Table:
        (number,) = block["number"].to_pylist()
        if self._failed:
            return _table(number, b"", self._failed)
        given = pickle.loads(block["data"][0].as_py())  # noqa: S301 - from the build
        try:
            done = self._do(given)
        except Exception as error:
            return _table(number, b"", _told(error))
        return _table(number, pickle.dumps(done, pickle.HIGHEST_PROTOCOL))


def _told(error: Exception) -> str:
    if isinstance(error, NonmunError):
        return str(error)
    return f"a worker of the Ray cluster failed: {first_line(error)}"


_Handler = Callable[[int, FrameType | None], object] | int | None


class _Watch:
    """Ends a wait that Ray would not end.

    It has to be waited in the main thread, as commands do; elsewhere this does nothing.
    """

    def __init__(self, claim: _Claim) -> None:
        self._claim = claim
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="ray-watch", daemon=True)
        self._since: float | None = monotonic()
        self._before: _Handler = None
        self.reason = ""

    def __enter__(self) -> Self:
        if _in_main_thread():
            # What a shell begins in the background ignores it.
            self._before = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._interrupt)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        if _in_main_thread() and self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.reason:
            raise KeyboardInterrupt
        if callable(self._before):
            self._before(number, frame)

    def end(self) -> None:
        """Look no more."""
        self._ended.set()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nobody waits."""
        self._since = None
        yield
        self._since = monotonic()

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_S):
            since = self._since
            waited = monotonic() - since if since else 0.0
            if waited > LOST_S and not self._claim.is_met():
                self.reason = (
                    f"nodes of the Ray cluster are gone, and for {waited:.0f} seconds those that"
                    " are left had no room for their work"
                )
            elif waited > STUCK_S:
                self.reason = (
                    f"no work came back from the Ray cluster in {waited:.0f} seconds; its logs"
                    " may say whether workers ended, such as for want of memory"
                )
            if self.reason:
                # A real signal: it also ends a wait for a lock. What it raises is lost where it
                # comes in the middle of a finalizer, or of Ray's own code.
                while not self._ended.is_set():
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                    self._ended.wait(_LOOK_S)
                return


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _results(batches: Iterable[pa.Table], watch: _Watch) -> Iterator[tuple[int, Any]]:
    try:
        for batch in batches:
            for row in batch.to_pylist():
                if row["failed"]:
                    raise BatchError(row["failed"])
                yield row["number"], pickle.loads(row["data"])  # noqa: S301 - from our workers
    except KeyboardInterrupt:
        if watch.reason:
            watch.end()
            raise BatchError(watch.reason) from None
        raise
    except ray.exceptions.RayError as error:
        raise BatchError(f"the work failed on the Ray cluster: {first_line(error)}") from error


def _some(blocks: Iterator[_Block], most: int) -> list[_Block]:
    """The next blocks, until there are `most` bytes of them."""
    some, size = [], 0
    for number, given in blocks:
        some.append((number, given))
        size += len(given)
        if size >= most:
            break
    return some


def _table(number: int, data: bytes, failed: str = "") -> pa.Table:
    """A block as Ray Data carries it; numpy would take zeros off the end of bytes."""
    return pa.table(
        {"number": [number], "data": pa.array([data], pa.large_binary()), "failed": [failed]}
    )


def _store_bytes() -> int:
    """The shared memory for blocks on this machine."""
    here = ray.get_runtime_context().get_node_id()
    sizes = {one["NodeID"]: one["Resources"].get("object_store_memory") for one in ray.nodes()}
    return int(sizes.get(here) or STORE_BYTES)


@contextmanager
def _hushed() -> Iterator[None]:
    """What the C++ part of Ray says when it begins goes nowhere; what is wrong is raised."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _alone(closing: ExitStack) -> dict[str, Any]:
    """How a Ray is started here, for one build."""
    folder = tempfile.mkdtemp(prefix="nonmun-ray-")
    closing.callback(shutil.rmtree, folder, ignore_errors=True)
    return {
        "address": "local",
        "num_cpus": cpu_count(),
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
        "_temp_dir": folder,
    }


@contextmanager
def _signals_kept() -> Iterator[None]:
    """What SIGTERM does is not changed inside."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
