"""Every setting, once: a YAML profile, then `NONMUN_...` variables, then options; later wins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from index.encoders import EncoderKind, EncoderSettings
from index.errors import SettingsError
from rag.bounds import MAX_PASSAGES, MAX_TOP_K

PREFIX = "NONMUN_"
PROFILE = f"{PREFIX}PROFILE"


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class EncoderGroup(_Group):
    """What turns texts into vectors."""

    kind: EncoderKind = Field(
        EncoderKind.UNIVERSAL, description="`universal` (no download) or `sentence-transformers`"
    )
    model: str = Field("", description="A hub name or local path, for sentence-transformers")
    query_prompt: str | None = Field(None, description="Put before queries, such as `query: `")
    document_prompt: str | None = Field(None, description="Put before passages")
    batch_size: int = Field(32, ge=1, le=4096, description="Passages a batch, where it matters")

    def settings(self) -> EncoderSettings:
        """The same as the index knows it."""
        return EncoderSettings(**self.model_dump())


class SearchGroup(_Group):
    """How papers are found and ranked."""

    lexical_weight: float = Field(
        0.35, ge=0, le=1, description="The lexical leg's share of the score; the rest is dense"
    )
    similar_lexical_weight: float = Field(
        0.65, ge=0, le=1, description="The same for similar papers, where whole papers are compared"
    )
    candidates: int = Field(1000, ge=10, le=100_000, description="Passages the dense leg finds")
    top_k: int = Field(
        10, ge=1, le=MAX_TOP_K, description="Papers in a reply that asks for no number"
    )
    passages_per_paper: int = Field(
        3, ge=0, le=MAX_PASSAGES, description="Passages of each, where no number is asked for"
    )


class AnswerGroup(_Group):
    """When a question is answered."""

    min_confidence: float = Field(
        0.05, ge=0, le=1, description="Below it, `ask` says that nothing here answers"
    )


class BuildGroup(_Group):
    """Where a build that is started over HTTP reads."""

    sources: tuple[str, ...] = Field(
        (), description="Directories, files and globs; a request can't name any"
    )


class ServerGroup(_Group):
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


class Settings(BaseSettings):
    """All settings; a nested one is `NONMUN_SEARCH__TOP_K` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data: Path = Field(Path("data"), description="The folder of the published snapshots")
    encoder: EncoderGroup = EncoderGroup()
    search: SearchGroup = SearchGroup()
    answer: AnswerGroup = AnswerGroup()
    build: BuildGroup = BuildGroup()
    server: ServerGroup = ServerGroup()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The first that has a value wins."""
        profile = os.environ.get(PROFILE)
        sources = [init_settings, env_settings]
        if profile:
            sources.append(YamlConfigSettingsSource(settings_cls, yaml_file=profile))
        return tuple(sources)


def load_settings(profile: Path | None = None, **options: Any) -> Settings:
    """Read the settings.

    Args:
        profile: A YAML file; `None` leaves it to `NONMUN_PROFILE`.
        **options: Given by hand, by the settings' names; `None` means not given.

    Raises:
        SettingsError: A file, variable or option is wrong; the message names it.
    """
    if profile:
        os.environ[PROFILE] = str(profile)  # a build that the service starts reads it too
    named = os.environ.get(PROFILE)
    if named and not Path(named).is_file():
        raise SettingsError(f"no such profile: {named}")
    _check_variables()
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except yaml.YAMLError as error:
        raise SettingsError(f"the profile {named} is not YAML: {error}") from None
    except (OSError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise SettingsError(f"the settings can't be read: {error}") from None


def _check_variables() -> None:
    """A misspelt variable would be ignored without a word."""
    known = {name.upper() for name in Settings.model_fields} | {"PROFILE"}
    for name in os.environ:
        if name.startswith(PREFIX):
            group = name.removeprefix(PREFIX).upper().split("__")[0]
            if group not in known:
                raise SettingsError(
                    f"{name} is no setting; there are: "
                    + ", ".join(f"{PREFIX}{one}" for one in sorted(known))
                )


def _explain(error: ValidationError) -> str:
    lines = []
    for one in error.errors():
        name = ".".join(map(str, one["loc"]))
        value = "" if one["type"] == "missing" else f", not {one['input']!r}"
        if one["type"] == "extra_forbidden":
            lines.append(f"there is no setting {name}")
        elif one["loc"][:1] == ("server",) and name not in ("server.host", "server.port"):
            lines.append(f"setting {name}: {one['msg']}")  # the value may be or hold a key
        else:
            lines.append(f"setting {name}: {one['msg']}{value}")
    return "; ".join(lines)
