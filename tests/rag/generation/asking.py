"""Asking a server through the adapter."""

from __future__ import annotations

import time

import pytest

from rag.generation import Fallback, GenerationError, OpenAIWriter, WriterSettings

KEY = "sk-very-secret-0123456789"
SECONDS = 0.6
MESSAGES = [{"role": "user", "content": "무엇인가?"}]


def writer_for(url: str, key: str = KEY) -> OpenAIWriter:
    return OpenAIWriter(WriterSettings(url, "a-model", key))


def write(url: str, seconds: float = 5.0, key: str = KEY) -> list[str]:
    return list(writer_for(url, key).write(MESSAGES, seconds))


def fail(url: str, seconds: float = SECONDS) -> tuple[Fallback, float]:
    writer = writer_for(url)
    begin = time.monotonic()
    with pytest.raises(GenerationError) as caught:
        list(writer.write(MESSAGES, seconds))
    return caught.value.reason, time.monotonic() - begin
