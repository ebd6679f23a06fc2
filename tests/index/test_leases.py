"""Locks: who holds a file, and that the kernel lets go for a process that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from index.leases import is_open_in, is_taken, share, take


def test_many_may_share_and_then_none_can_take(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with share(path), share(path):
        assert not is_taken(path)
        assert take(path) is None
    with take(path) or pytest.fail("nobody holds it"):
        assert is_taken(path)
        assert take(path) is None
        with pytest.raises(BlockingIOError):
            share(path)
    assert not is_taken(path)


def test_a_lease_that_is_forgotten_is_let_go(tmp_path: Path) -> None:
    lease = take(tmp_path / "file")
    assert is_taken(tmp_path / "file")
    del lease
    assert not is_taken(tmp_path / "file")


def test_what_is_not_there_is_not_held_and_not_shared(tmp_path: Path) -> None:
    assert not is_taken(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        share(tmp_path / "none")


def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from index.leases import take\n"
        "held = take(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    path = tmp_path / "file"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    process.stdout.readline()
    assert is_taken(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not is_taken(path)


def test_a_child_that_is_given_the_handle_shares_the_hold(tmp_path: Path) -> None:
    path = tmp_path / "file"
    lease = take(path)
    assert lease
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        pass_fds=[lease.fileno()],
    )
    lease.close()
    assert is_taken(path)
    process.communicate(b"")
    assert not is_taken(path)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="Linux tells")
def test_a_process_has_a_file_open_until_it_closes_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert not is_open_in(path, os.getpid())
    with take(path) or pytest.fail("nobody holds it"):
        assert is_open_in(path, os.getpid())
        assert not is_open_in(path, os.getppid())
        assert not is_open_in(path, 2**22 + 1)  # more than there can be
    assert not is_open_in(path, os.getpid())
