"""A language model's part: says sentences of the passages that it is shown, when it is let."""

from __future__ import annotations

import re
import threading

from tests.rag.generation.fake_server import Conversation, event

_PASSAGE = re.compile(r"<passage>\n\[(\d+)\][^\n]*\n(.+?)\n</passage>", re.DOTALL)
_MADE_UP = "화성의 고양이 9,731마리가 이 모델을 만들었습니다 [1].\n"


class Quoting:
    """Says the first sentence of each of some passages, one each time that it is let.

    Args:
        passages: How many.
        made_up: Whether it says something then that no passage says.
    """

    def __init__(self, passages: int = 2, *, made_up: bool = False) -> None:
        self._passages = passages
        self._made_up = made_up
        self._let = threading.Semaphore(0)

    def let(self, times: int = 1) -> None:
        self._let.release(times)

    def __call__(self, to: Conversation) -> None:
        to.begin()
        shown = _PASSAGE.findall(to.server.fake.seen[-1].body["messages"][-1]["content"])
        said = [
            f"{text.split('. ')[0].rstrip('.')} [{number}].\n"
            for number, text in shown[: self._passages]
        ]
        for sentence in [*said, *([_MADE_UP] if self._made_up else [])]:
            while not self._let.acquire(timeout=0.02):
                if to.server.fake.over.is_set():
                    return
                to.send(": nothing yet\n\n")
            # Only what follows tells that a sentence is at its end.
            to.send(event({"content": sentence + "그"}))
        to.send(event(finish="stop"))
        to.send("data: [DONE]\n\n")
