"""How many threads to use: as many as the process has CPUs, said once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from threadpoolctl import ThreadpoolController, threadpool_limits

T = TypeVar("T")

_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container, in microseconds: "200000 100000"
_most = 0  # 0: all


def use_one_cpu() -> None:
    """Let this process use one thread from now on: one of several that share the CPUs."""
    global _most  #
    _most = 1
    threadpool_limits(limits=1)


def cpu_count() -> int:
    """The CPUs this process may use, which a container's limit and `taskset` make fewer.

    Every thread pool is given this number: with more threads than cores, the threads of BLAS
    spin while they wait for each other, and all is many times slower.
    """
    if _most:
        return _most
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(there or 1, _quota() or there or 1)


def _quota() -> int | None:
    """The whole CPUs that a container's limit comes to, at least 1; `None` where there is none."""
    try:
        quota, period = map(int, _QUOTA.read_text(encoding="ascii").split())
    except (OSError, ValueError):  # no Linux, no such cgroup, or `max`
        return None
    return max(1, quota // period)


def beside(work: Callable[[], T]) -> Callable[[], T]:
    """Begin work in a thread of its own.

    It pays where milliseconds of it are spent without Python's lock. A pool's threads would be
    missing in a process that was forked.

    Returns:
        What waits for the end, and gives or raises what the work gives or raises.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        # Whatever it is, it is raised where it is waited for.
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done.result


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread, for as long as this lasts.

    For one query a second thread gains nothing, and where FAISS has threads of its own the two
    take the CPUs from each other while they wait.
    """
    with ThreadpoolController().limit(limits=1, user_api="blas"):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS and OpenMP use one thread, for as long as this lasts.

    Where threads add up parts of a sum as they come, its last bits differ from time to time.
    """
    with ThreadpoolController().limit(limits=1):
        yield


def search_on_one_thread() -> None:
    """Let BLAS use one thread from now on: in a process that answers questions.

    Several are answered side by side, so that a limit for each would be lifted by another.
    """
    threadpool_limits(limits=1, user_api="blas")
