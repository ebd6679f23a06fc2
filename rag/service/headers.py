"""What every response tells a browser: load and run nothing that is not ours."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_OWN = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles};"
    " img-src 'self' data:; connect-src 'self'; font-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_POLICY = (b"content-security-policy", NOTHING.encode())
_UNCACHED = (b"cache-control", b"no-store")


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
                own = list(message.get("headers", ()))
                had = {name.lower() for name, _ in own}
                own += _ALWAYS
                if _POLICY[0] not in had:
                    own.append(_POLICY)
                # What is asked with a key is nobody else's, and an index changes.
                if scope["path"].startswith("/v1/") and _UNCACHED[0] not in had:
                    own.append(_UNCACHED)
                message = {**message, "headers": own}
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
