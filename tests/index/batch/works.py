"""Work for a pool: what workers do, and how they die."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from index.batch.encoding import Encoders
from index.encoders import EncoderSettings, LateSettings
from index.encoding import LocalEncoding
from index.errors import EncoderError
from index.threads import cpu_count
from tests.quick_encoder import QuickEncoder


@dataclass(frozen=True)
class Square:
    """Numbers -> their squares, as large as asked for, and who made them."""

    seconds: float = 0.0
    size: int = 0  # bytes
    folder: str = ""  # where each worker that begins leaves a file
    together: int = 0  # workers that have to have begun before any does a thing
    on_gpu: bool = False

    def begin(self) -> Callable[[int], tuple[int, int, bytes]]:
        if self.folder:
            Path(self.folder, str(os.getpid())).touch()
        return self._do

    def _do(self, number: int) -> tuple[int, int, bytes]:
        ends = time.monotonic() + 60
        while self.together and len(list(Path(self.folder).iterdir())) < self.together:
            assert time.monotonic() < ends, "the others have not begun"
            time.sleep(0.05)
        time.sleep(self.seconds)
        return number * number, os.getpid(), bytes(self.size)


@dataclass(frozen=True)
class Die:
    """The first worker that is given a number ends itself."""

    number: int
    marker: str
    on_gpu: bool = False

    def begin(self) -> Callable[[int], tuple[int, int]]:
        return self._do

    def _do(self, number: int) -> tuple[int, int]:
        marker = Path(self.marker)
        if number == self.number and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return -number, cpu_count()


@dataclass(frozen=True)
class Fail:
    """It can't begin, or can't go on."""

    begins: bool
    on_gpu: bool = False

    def begin(self) -> Callable[[int], int]:
        if not self.begins:
            raise EncoderError("the model is not there")
        return self._do

    def _do(self, number: int) -> int:
        raise ValueError(f"no such number: {number}")


@dataclass(frozen=True)
class QuickEncoders(Encoders):
    """`Encoders` that cost nothing."""

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    late: LateSettings = field(default_factory=LateSettings)
    fingerprint: str = "quick"

    def open(self) -> LocalEncoding:
        encoder = QuickEncoder()
        encoder.fingerprint = self.fingerprint
        return LocalEncoding(encoder, encoder)
