"""The settings of the HTTP service."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from rag.settings.groups import Group


class ServerGroup(Group):
    """The HTTP service."""

    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="The port; 0 takes a free one")
    admin_key: SecretStr | None = Field(
        None, description="POSTs that change the index have to show it; empty is none"
    )

    @field_validator("admin_key")
    @classmethod
    def _empty_is_none(cls, key: SecretStr | None) -> SecretStr | None:
        # As `${KEY:-}` in a compose file gives it: nobody meant a key that anyone can show.
        return key if key and key.get_secret_value().strip() else None
