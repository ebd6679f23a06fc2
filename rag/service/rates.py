"""How often somebody may ask: a rate for each key, and for each address without one."""

from __future__ import annotations

import ipaddress
import math
import time
from http import HTTPStatus

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.service.keys import is_open
from rag.service.observing.metrics import Metrics, Refusal
from rag.service.problems import problem

_IPV6_SITE = 64  # bits; one client has all addresses of a site


class Rates:
    """Middleware: counts requests, tells in every response what is left, and refuses the rest.

    The headers are those of the IETF's draft “RateLimit header fields for HTTP”. Every worker
    counts for itself.
    """

    def __init__(self, app: ASGIApp, rate: str, metrics: Metrics) -> None:
        """Limit an app.

        Args:
            app: What answers, inside of `Keys`.
            rate: Such as `600/minute`.
            metrics: Told what is refused.
        """
        self._app = app
        self._rate = parse(rate)
        # A window that slides: one that begins anew lets twice as many through at its border.
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._metrics = metrics
        window = self._rate.get_expiry()
        self._policy = f'"default";q={self._rate.amount};w={window}'.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request, or refuse it with 429."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        who = identity(scope)
        allowed = self._limiter.hit(self._rate, who)
        stats = self._limiter.get_window_stats(self._rate, who)
        seconds = max(1, math.ceil(stats.reset_time - time.time()))
        left = f'"default";r={max(0, stats.remaining)};t={seconds}'.encode()

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(b"ratelimit-policy", self._policy), (b"ratelimit", left)]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        if allowed:
            await self._app(scope, receive, telling)
            return
        self._metrics.refused(Refusal.RATE_LIMIT)
        detail = f"more than {self._rate} were asked; ask again in {seconds} s"
        headers = {"Retry-After": str(seconds)}
        refused = problem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers=headers)
        await refused(scope, receive, telling)


def identity(scope: Scope) -> str:
    """Whose requests are counted together: a key's, or an address's."""
    caller = scope["state"]["caller"]
    if caller.name is not None:
        return f"key {caller.name}"
    host = scope["client"][0] if scope.get("client") else "?"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"address {host}"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return f"address {address.ipv4_mapped}"
        return f"network {ipaddress.ip_network((address, _IPV6_SITE), strict=False)}"
    return f"address {address}"
