"""How much of a request is read."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.service.problems import problem

MAX_BODY = 1_000_000


class BodyLimit:
    """Refuses a body of over MAX_BODY bytes with 413 before it is parsed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit, then let the app read it again."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        read = 0
        while True:
            message = await receive()
            messages.append(message)
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                reply = problem(413, f"the body is over {MAX_BODY:,} bytes")
                await reply(scope, receive, send)
                return
            if not message.get("more_body"):
                break

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)
