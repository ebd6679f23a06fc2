"""The fuzzing of digests, for some seconds."""

from __future__ import annotations

import base64
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import digests
from tests.fuzz.digests import MAX_BYTES, MISSING, as_file, fuzz
from tests.fuzz.seeds import seeds

needs_atheris = pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason=MISSING)


@pytest.mark.slow
@needs_atheris
def test_nothing_is_found_in_some_seconds() -> None:
    found = fuzz(10, seed=1)  # by hand it takes another each time
    assert found["faults"] == []
    assert found["runs"] > 100


@pytest.mark.slow
@needs_atheris
@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("raise RuntimeError('boom')", "boom"),
        ("while True: pass", "hangs"),
        ("return [], []", "neither a paper nor a problem"),
        ("import os; os.abort()", "exit code"),
    ],
)
def test_faults_are_found(line: str, what: str, tmp_path: Path) -> None:
    """Where reading goes wrong for a text that is near the seeds."""
    (tmp_path / "sitecustomize.py").write_text(
        "import index.digests.reading as reading\n"
        "before = reading.read_file\n"
        "def read_file(file):\n"
        f"    if b'HOLE' in file.path.read_bytes():\n        {line}\n"
        "    return before(file)\n"
        "reading.read_file = read_file\n"
        "import tests.fuzz.seeds as seeds\n"
        "seeds.WRITTEN = (*seeds.WRITTEN, 'HOLE')\n",
        encoding="utf-8",
    )
    root = Path(digests.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.digests", "--seconds", "6"],
        capture_output=True,
        text=True,
        cwd=root,
        env={"PYTHONPATH": f"{tmp_path}:{root}", "PATH": ""},
        timeout=180,
    )
    assert done.returncode == 1, done.stderr
    assert what in done.stdout


def test_without_atheris_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["digests"])
    with pytest.raises(SystemExit) as ended:
        digests.main()
    assert ended.value.code == MISSING


def test_seeds_stand_for_files_of_both_kinds() -> None:
    files = [as_file(data) for data in seeds()]
    assert {name for name, _ in files} == {"2024-07-16.md", "2024-07-16.jsonl"}
    assert all(data[1:] == body for data, (_, body) in zip(seeds(), files, strict=True))
    assert max(len(body) for _, body in files) > MAX_BYTES / 4


def test_an_input_can_stand_for_a_long_file() -> None:
    name, body = as_file(bytes([60]) + "가나다".encode())
    assert name.endswith(".md")
    assert len(body.decode()) > 60_000
    assert as_file(b"") == ("2024-07-16.md", b"")
    assert base64.b64encode(as_file(b"\x02\xff")[1]) == b"/w=="
