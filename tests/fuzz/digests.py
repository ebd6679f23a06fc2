"""Coverage-guided fuzzing of what reads digests: python -m tests.fuzz.digests --seconds 60.

A crash, a hang and a place that does not find its text are faults. Prints a JSON summary,
`{"runs": 12345, "faults": []}`, and exits with 1 where there are any. Needs atheris, which is
installed for this alone: pip install atheris.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

LIMIT_S = 2.0  # that one file may take
MAX_BYTES = 4_096  # of an input, before it is repeated
REPEATED = 200_000  # characters that an input is repeated to: what is quadratic shows
MOST_FAULTS = 20
MISSING = "atheris is not installed; pip install atheris"

Fault = dict[str, Any]


class Hanging(BaseException):
    """No error that a reader could take for one of its own."""


def main() -> None:
    """Fuzz for some seconds, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the mutations; 0 takes the clock's")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.exit(MISSING)
    if options.inside:
        Fuzzer(Path(options.inside), options.seconds).run(options.seed)
        return
    found = fuzz(options.seconds, options.seed)
    print(json.dumps(found, ensure_ascii=False, indent=1))
    sys.exit(1 if found["faults"] else 0)


def fuzz(seconds: float, seed: int = 0) -> dict[str, Any]:
    """Fuzz in a process of its own, which an input may kill.

    Returns:
        `runs` and `faults`.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ["--seconds", str(seconds), "--seed", str(seed), "--inside", folder]
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.digests", *options],
            capture_output=True,
            cwd=Path(__file__).parents[2],
            timeout=seconds + 120,
        )
        summary = Path(folder) / "summary.json"
        if summary.exists():
            found: dict[str, Any] = json.loads(summary.read_bytes())
            return found
        inputs = [path.read_bytes() for path in Path(folder).glob("artifact-*")]
        said = done.stderr.decode(errors="replace")[-2_000:]
        return {"runs": None, "faults": [_fault(f"exit code {done.returncode}: {said}", inputs)]}


class Fuzzer:
    """Reads inputs as digests, and keeps what goes wrong."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder
        self._until = time.monotonic() + seconds
        self._runs = 0
        self._faults: dict[str, Fault] = {}

    def run(self, seed: int) -> None:
        """Fuzz until the time is over; this process ends with it."""
        atheris = importlib.import_module("atheris")  # it is not typed
        with atheris.instrument_imports(include=["index.digests"]):
            from index.digests.reading import read_file
            from index.digests.sources import DigestFile
        from tests.fuzz.seeds import WORDS, seeds
        from tests.index.digests.test_properties import check

        self._read_file, self._digest_file, self._check = read_file, DigestFile, check
        corpus = self._folder / "corpus"
        corpus.mkdir()
        for data in seeds():
            (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data[:MAX_BYTES])
        words = self._folder / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS), encoding="ascii")
        options = {
            "max_len": MAX_BYTES,
            "timeout": 60,  # for what our own alarm can't end
            "rss_limit_mb": 2_048,
            "artifact_prefix": f"{self._folder}/artifact-",
            "dict": words,
            "seed": seed,
            "verbosity": 0,
        }
        given = [f"-{name}={value}" for name, value in options.items()]
        atheris.Setup([sys.argv[0], *given, str(corpus)], self._one)
        signal.signal(signal.SIGVTALRM, _stop)
        atheris.Fuzz()

    def _one(self, data: bytes) -> None:
        if time.monotonic() > self._until or len(self._faults) >= MOST_FAULTS:
            self._end()
        self._runs += 1
        name, body = as_file(data)
        begin = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)  # of our own time: others work here too
        try:
            self._read(name, body)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._keep(f"{error!r} in {where.name}", data)
        except Hanging:
            self._keep("hangs", data)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if (took := time.process_time() - begin) > LIMIT_S:
            self._keep(f"takes {took:.0f} s", data)

    def _read(self, name: str, body: bytes) -> None:
        path = self._folder / name
        path.unlink(missing_ok=True)  # to cut a file short waits for the disk
        path.write_bytes(body)
        papers, problems = self._read_file(self._digest_file(name, path))
        if not papers and not problems:
            raise AssertionError("neither a paper nor a problem")
        "".join(map(str, problems)).encode()
        if papers:
            self._check(body.decode(), papers)

    def _keep(self, what: str, data: bytes) -> None:
        self._faults.setdefault(what[:100], _fault(what, [data]))

    def _end(self) -> None:
        found = {"runs": self._runs, "faults": list(self._faults.values())}
        written = self._folder / "summary.new"
        written.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
        written.rename(self._folder / "summary.json")
        os._exit(0)  # atheris knows no other end but that of a fault


def as_file(data: bytes) -> tuple[str, bytes]:
    """The file that an input stands for: its first byte says of which kind, and what is done to it.

    Most are made UTF-8 again: what is not is refused as a whole.
    """
    kind, body = (data[0], data[1:]) if data else (0, b"")
    name = "2024-07-16.jsonl" if kind & 1 else "2024-07-16.md"
    if not kind & 2:
        body = body.decode(errors="ignore").encode()
    if kind & 60 == 60 and body:
        third = len(body) // 3
        middle = body[third : 2 * third] or body
        body = body[:third] + middle * (REPEATED // len(middle)) + body[2 * third :]
        if not kind & 2:
            body = body.decode(errors="ignore").encode()
    return name, body


def _fault(what: str, inputs: list[bytes]) -> Fault:
    return {"what": what, "inputs": [base64.b64encode(data).decode() for data in inputs]}


def _stop(_: int, frame: FrameType | None) -> None:
    raise Hanging


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    main()
