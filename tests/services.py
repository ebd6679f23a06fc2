"""The service as a user runs it: a process of its own, reached over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path
from typing import Any, Self

COMMAND = [sys.executable, "-c", "from rag.cli import main; main()"]


class Clients:
    """Threads that ask all the while; as a context manager they are ended in any case."""

    def __init__(self, count: int) -> None:
        self.stop = threading.Event()
        self._threads = [threading.Thread(target=self.ask, args=(own,)) for own in range(count)]

    def __enter__(self) -> Self:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for one in self._threads:
            one.join()

    def ask(self, own: int) -> None:
        """Ask until it is time to stop; each has a number of its own."""
        raise NotImplementedError


class Service:
    """A running `nonmun serve` on a free port; as a context manager it is ended in any case."""

    def __init__(self, data: Path, **variables: str) -> None:
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - read at the end
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--data", str(data), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "NONMUN_PROFILE": "", **variables},
        )
        assert self.process.stdout
        self.greeting = self.process.stdout.readline()
        found = re.search(r"http://\S+", self.greeting)
        assert found, self.log()
        self.url = found.group()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        request = urllib.request.Request(
            f"{self.url}{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as reply:
            return json.load(reply)

    def search(self, query: str, **more: Any) -> Any:
        return self.post("/v1/search", {"query": query, **more})

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found
        return int(found.group(1)) / 1024

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def log(self) -> str:
        """What it said on its standard error."""
        self._log.seek(0)
        return self._log.read()

    def stop_and_read(self) -> str:
        assert self.stop() == 0
        return self.log()
