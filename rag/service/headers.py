"""What every response tells a browser: load and run nothing that is not ours."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_OWN = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles};"
    " img-src 'self' data:; connect-src 'self'; font-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_ALL = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class SecurityHeaders:
    """Middleware: adds them; a response that brings a policy of its own keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                for name, value in _ALL.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", NOTHING)
                # What is asked with a key is nobody else's, and an index changes.
                if scope["path"].startswith("/v1/"):
                    headers.setdefault("Cache-Control", "no-store")
                message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, guarded)


def page_policy(html: str = "", *, inline_styles: bool = False) -> str:
    """The content security policy of a page of ours.

    Args:
        html: Its source; the scripts that stand in it are allowed by their hashes.
        inline_styles: Whether elements may have styles of their own, as Swagger UI's do.
    """
    hashes = "".join(f" '{one}'" for one in _hashes(_INLINE.findall(html)))
    return _OWN.format(scripts=hashes, styles=" 'unsafe-inline'" if inline_styles else "")


def _hashes(scripts: Iterable[str]) -> Iterable[str]:
    for script in scripts:
        digest = hashlib.sha256(script.encode()).digest()
        yield f"sha256-{base64.b64encode(digest).decode()}"
