"""Who may do what: keys, and the scopes that they have."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from rag.service.observing.metrics import Metrics, Refusal
from rag.service.problems import problem
from rag.settings.server import Key, Scope, ServerGroup

PREFIX = "nonmun_"
OPEN = ("/", "/docs", "/openapi.json", "/healthz", "/readyz")  # what anybody may see
_OPEN_BELOW = ("/docs/", "/static-offline-docs/", "/page/")
_PORT = re.compile(r":\d*$")
_BEARER = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name of a key, or nobody's."""

    name: str | None
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether what needs a scope is allowed."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def digest(key: str) -> str:
    """The hash of a key, as a setting holds it.

    Keys are random and long, so that nothing is gained by a hash that is slow.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def make_key() -> str:
    """A new key: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def known_keys(settings: ServerGroup) -> tuple[Key, ...]:
    """All keys, the one in plain text by its hash as well."""
    plain = settings.admin_key
    if plain is None:
        return settings.keys
    admin = Key(
        name="admin_key", sha256=digest(plain.get_secret_value()), scopes=frozenset({Scope.ADMIN})
    )
    return (*settings.keys, admin)


class Keys:
    """Middleware: finds out who asks, before anything of the body is read."""

    def __init__(self, app: ASGIApp, settings: ServerGroup, metrics: Metrics) -> None:
        self._app = app
        self._keys: Sequence[Key] = known_keys(settings)
        self._metrics = metrics
        self._settings = settings

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Put the caller into the state of the request, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        caller: Caller | None = self._anybody(headers)
        open_to_all = is_open(scope["path"])
        if not open_to_all and (shown := headers.get("authorization")) is not None:
            caller = self._caller(shown)
        if caller is not None and (open_to_all or caller.may(Scope.SEARCH)):
            state = scope.setdefault("state", {})
            state["caller"], state["key_name"] = caller, caller.name
            await self._app(scope, receive, send)
            return
        self._metrics.refused(Refusal.UNAUTHORIZED)
        detail = "show a key as “Authorization: Bearer KEY”"
        if caller is None:
            detail = "this key is not known here"
        elif self._settings.is_loopback and self._settings.anonymous is None:
            detail += "; without one the service is asked as localhost, or server.anonymous is true"
        await problem(HTTPStatus.UNAUTHORIZED, detail, headers=_BEARER)(scope, receive, send)

    def _anybody(self, headers: Headers) -> Caller:
        """Who shows no key.

        Where only this machine may search without one, the address has to be this machine's too:
        a web page could have a name of its own lead here (DNS rebinding), and a proxy lets others
        in.
        """
        free = self._settings.lets_anybody_search
        if self._settings.anonymous is None:
            free = free and is_local(headers.get("host", ""))
        return Caller(None, frozenset({Scope.SEARCH} if free else ()))

    def _caller(self, authorization: str) -> Caller | None:
        """Who shows what a header says; `None` where it is a key that nobody has."""
        kind, _, shown = authorization.partition(" ")
        if kind.lower() != "bearer":
            return None
        # The header's bytes came as Latin-1; a key of other letters is in UTF-8.
        found = digest(shown.strip().encode("latin-1").decode("utf-8", "surrogateescape"))
        caller = None
        for key in self._keys:  # all of them: how long it takes says nothing
            if hmac.compare_digest(key.sha256, found):
                caller = Caller(key.name, key.scopes)
        return caller


def is_local(host: str) -> bool:
    """Whether a `Host` header names this machine by what no other can be called."""
    name = host.rpartition(":")[0] if _PORT.search(host) else host
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def is_open(path: str) -> bool:
    """Whether anybody may see what is at a path."""
    return path in OPEN or path.startswith(_OPEN_BELOW)
