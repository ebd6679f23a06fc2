"""The settings of the HTTP service."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from index.errors import SettingsError
from index.threads import cpu_count
from rag.settings.groups import Group


class Scope(StrEnum):
    """What a key allows; `admin` allows all that `search` does."""

    SEARCH = "search"
    ADMIN = "admin"


class LogFormat(StrEnum):
    """What lines of the log look like."""

    CONSOLE = "console"
    JSON = "json"


class Key(Group):
    """A key by its hash; `nonmun key NAME` makes one."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Stands in logs")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the key, in hexadecimal")
    scopes: frozenset[Scope] = Field(frozenset({Scope.SEARCH}), min_length=1)


def _check_rate(text: str) -> str:
    if text:
        from limits import parse  # most commands have no use for it

        try:
            parse(text)
        except ValueError:
            raise ValueError(f"should be such as 600/minute, not {text!r}") from None
    return text


Rate = Annotated[str, AfterValidator(_check_rate)]
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s*]+$")]


class ServerGroup(Group):
    """The HTTP service."""

    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="The port; 0 takes a free one")
    workers: int = Field(1, ge=1, le=64, description="Processes; they share the index")

    admin_key: SecretStr | None = Field(
        None, description="A key as it is, of scope admin; empty is none"
    )
    keys: tuple[Key, ...] = Field((), description="Keys by their hashes, with their scopes")
    anonymous: bool | None = Field(
        None, description="Whether anybody may search; null: where only this machine gets here"
    )
    rate_limit: Rate = Field(
        "", description="Such as 600/minute, for each key, and each address without; empty is none"
    )
    origins: tuple[Origin, ...] = Field((), description="Web pages of these origins may ask (CORS)")
    proxies: tuple[str, ...] = Field(
        (), description="Addresses and networks whose X-Forwarded-For is believed"
    )

    searches: int | None = Field(
        None, ge=1, le=64, description="Searches at a time in a worker; null: as CPUs allow"
    )
    queue: int = Field(28, ge=0, le=10_000, description="Requests that wait for their turn")
    batch: int = Field(16, ge=1, le=128, description="Queries that are encoded together, at most")
    batch_wait_ms: float = Field(0.2, ge=0, le=10, description="How long to wait for more of them")
    timeout_s: float = Field(10, gt=0, le=600, description="After it a request is given up")
    max_timeout_s: float = Field(
        60, gt=0, le=3600, description="What X-Request-Timeout may ask for, at most"
    )
    cache_mb: int = Field(32, ge=0, le=100_000, description="Replies that are kept; 0 is none")

    connections: int = Field(1000, ge=1, le=100_000, description="Open at a time in a worker")
    idle_s: float = Field(
        10, gt=0, le=600, description="How long a client may take for a request, or between two"
    )
    grace_s: float = Field(
        20, ge=0, le=600, description="How long what runs may take when the service is stopped"
    )

    log_format: LogFormat = Field(LogFormat.CONSOLE, description="`console` or `json`")
    traces: str = Field(
        "", description="Where OpenTelemetry's traces go, http://localhost:4318/v1/traces"
    )

    @field_validator("admin_key")
    @classmethod
    def _empty_is_none(cls, key: SecretStr | None) -> SecretStr | None:
        # As `${KEY:-}` in a compose file gives it: nobody meant a key that anyone can show.
        return key if key and key.get_secret_value().strip() else None

    @field_validator("keys")
    @classmethod
    def _told_apart(cls, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if len({key.name for key in keys}) < len(keys):
            raise ValueError("two keys have the same name")
        return keys

    @field_validator("proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for one in proxies:
            ipaddress.ip_network(one)
        return proxies

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.timeout_s > self.max_timeout_s:
            raise ValueError("timeout_s is above max_timeout_s")
        return self

    def check_reach(self) -> None:
        """Make sure that who can reach the service is meant to, and that somebody can.

        Raises:
            SettingsError: Other machines can, there are no keys, and nobody said that it is meant;
                or nobody may ask.
        """
        if self.anonymous is False and not self.has_keys:
            raise SettingsError(
                "server.anonymous is false and there is no key: nobody could ask; make one with"
                " `nonmun key NAME`"
            )
        if self.anonymous is None and not self.is_loopback and not self.has_keys:
            raise SettingsError(
                f"others can reach {self.host}, and there is no key to show: make one with"
                " `nonmun key NAME`, or let anybody search with NONMUN_SERVER__ANONYMOUS=true"
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def has_keys(self) -> bool:
        """Whether there are keys to show."""
        return bool(self.keys or self.admin_key)

    @property
    def lets_anybody_search(self) -> bool:
        """Whether a search needs no key."""
        return self.is_loopback if self.anonymous is None else self.anonymous

    @property
    def threads(self) -> int:
        """Searches at a time in a worker: a CPU is left to what encodes for them."""
        return self.searches or max(1, cpu_count() // self.workers - 1)
