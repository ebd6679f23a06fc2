"""Files that are written whole: durable before they are seen, and one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from index import durable as module
from index.durable import ASIDE, write_whole


def test_it_is_on_the_disk_before_it_takes_the_old_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    replace_file = Path.replace

    def replaced(path: Path, target: Path) -> Path:
        done.append(f"replace {target.name}")
        return replace_file(path, target)

    monkeypatch.setattr(module, "sync", lambda path: done.append(f"sync {path.suffix}"))
    monkeypatch.setattr(Path, "replace", replaced)
    write_whole(tmp_path / "file", b"new")
    assert done == [f"sync {ASIDE}", "replace file", "sync "]
    done.clear()
    write_whole(tmp_path / "file", b"newer", durably=False)
    assert done == ["replace file"]
    assert (tmp_path / "file").read_bytes() == b"newer"


@pytest.mark.parametrize("failing", ["index.durable.sync", "pathlib.Path.replace"])
def test_what_cannot_be_written_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(failing, full)
        with pytest.raises(OSError, match="No space"):
            write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_many_at_once_leave_one_of_theirs_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([number]) * 10_000 for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda data: write_whole(path, data, durably=False), contents * 20))
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]
