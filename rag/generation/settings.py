"""Where generated answers come from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """A model behind a server that speaks OpenAI's chat protocol.

    Attributes:
        base_url: As in `http://127.0.0.1:8080/v1`.
        model: As the server names it.
        api_key: Empty sends none; no `repr` shows it.
        max_tokens: How long an answer may be.
        timeout_s: How many seconds an answer may take, from the connection to its last word.
    """

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    max_tokens: int = 400
    timeout_s: float = 20
