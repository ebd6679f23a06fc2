"""How many threads to use: as many as the process has CPUs, said once."""

from __future__ import annotations

import os


def cpu_count() -> int:
    """The CPUs this process may use, which containers and `taskset` make fewer.

    Every thread pool is given this number: with more threads than cores, the threads of BLAS
    spin while they wait for each other, and all is many times slower.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
