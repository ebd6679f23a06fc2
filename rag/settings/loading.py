"""A YAML profile, then `NONMUN_...` variables, then options -> the settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from index.errors import SettingsError
from index.settings import BuildSettings
from rag.settings.groups import (
    AnswerGroup,
    BatchGroup,
    BuildGroup,
    ClusterGroup,
    EncoderGroup,
    GenerateGroup,
    LateGroup,
    LearnGroup,
    RerankGroup,
    SearchGroup,
    VectorsGroup,
)
from rag.settings.server import ServerGroup

PREFIX = "NONMUN_"
PROFILE = f"{PREFIX}PROFILE"


class Settings(BaseSettings):
    """All settings; a nested one is `NONMUN_SEARCH__TOP_K` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data: Path = Field(Path("data"), description="The folder of the published snapshots")
    encoder: EncoderGroup = EncoderGroup()
    late: LateGroup = LateGroup()
    learn: LearnGroup = LearnGroup()
    vectors: VectorsGroup = VectorsGroup()
    search: SearchGroup = SearchGroup()
    rerank: RerankGroup = RerankGroup()
    answer: AnswerGroup = AnswerGroup()
    generate: GenerateGroup = GenerateGroup()
    build: BuildGroup = BuildGroup()
    batch: BatchGroup = BatchGroup()
    cluster: ClusterGroup = ClusterGroup()
    server: ServerGroup = ServerGroup()

    def building(self) -> BuildSettings:
        """What a build computes with, as the index knows it."""
        return BuildSettings(
            self.encoder.settings(),
            self.late.settings(),
            self.learn.settings(),
            self.build.checks(),
            self.build.keep,
            self.vectors.settings(),
            self.batch.settings(),
        )

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


# The value of any other may be or hold a key.
_SECRETIVE = ("server",), ("generate",), ("cluster",)
_PLAIN = {f"server.{name}" for name in ServerGroup.model_fields if "key" not in name}


def _explain(error: ValidationError) -> str:
    lines = []
    for one in error.errors():
        name = ".".join(map(str, one["loc"]))
        value = "" if one["type"] == "missing" else f", not {one['input']!r}"
        if one["type"] == "extra_forbidden":
            lines.append(f"there is no setting {name}")
        elif one["loc"][:1] in _SECRETIVE and name not in _PLAIN:
            lines.append(f"setting {name}: {one['msg'].removeprefix('Value error, ')}")
        else:
            lines.append(f"setting {name}: {one['msg']}{value}")
    return "; ".join(lines)
