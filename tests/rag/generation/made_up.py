"""Passages that were made up for these tests, and what stands in for the caller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rag.generation import Fallback, GenerationError, Numbered, check


def numbered(number: int, text: str, title: str = "A Paper", section: str = "Summary") -> Numbered:
    return Numbered(number, title, section, text, ())


KOREAN = numbered(
    1,
    "HaneulNet은 구름 사진 48,000장으로 학습한 분류 모델이다."
    " 정확도는 84.2%로 GPT-4보다 4.7%p 높다.",
    "HaneulNet: Reading Clouds",
)
ENGLISH = numbered(
    2,
    "RiverBench measures how well a model counts boats. It has 1,250 photographs of 14 rivers."
    " LLaMA-7B reaches 61.5 points on it.",
    "RiverBench",
)
PAIR = [KOREAN, ENGLISH]


def always(sentence: str, passage: Numbered) -> float:
    return 1.0


def never(sentence: str, passage: Numbered) -> float:
    return 0.0


def holds(sentence: str, text: str, title: str = "제목") -> bool:
    return check(sentence, [numbered(1, text, title)], always) is not None


class Says:
    """A writer that says what it was given, then raises what it was given."""

    def __init__(self, *pieces: str, then: Fallback | None = None) -> None:
        self.pieces = pieces
        self.then = then
        self.asked: list[Sequence[dict[str, str]]] = []
        self.read = 0
        self.closed = False

    def write(self, messages: Sequence[dict[str, str]], seconds: float) -> Iterator[str]:
        self.asked.append(messages)
        try:
            for piece in self.pieces:
                self.read += 1
                yield piece
            if self.then:
                raise GenerationError(self.then)
        finally:
            self.closed = True
