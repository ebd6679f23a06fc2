"""What tests of deploy/ compare with: the settings, commands and addresses that nonmun has."""

from __future__ import annotations

import re
import tomllib
import warnings
from pathlib import Path
from typing import Any

import typer.main
import yaml
from pydantic import BaseModel
from typer.core import TyperGroup

from rag.cli import app
from rag.service.routes import operations
from rag.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CONTAINERFILE = DEPLOY / "Containerfile"
USER = 10001
PORT = 8000
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
PATHS = {getattr(route, "path", "") for route in operations.routes}
# What is to be replaced before a file is used.
PLACEHOLDERS = {"MILVUS_PASSWORD", "MINIO_PASSWORD"}


def is_setting(variable: str) -> bool:
    """Whether a variable names a setting, down to the last of its parts."""
    model: Any = Settings
    for part in variable.removeprefix("NONMUN_").lower().split("__"):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return False
        if part not in model.model_fields:
            return False
        model = model.model_fields[part].annotation
    return True


def parse(words: list[str]) -> dict[str, Any]:
    """What a command line of nonmun gives its command; wrong ones are an error."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group.commands[words[0]].make_context(words[0], words[1:]).params


def load_yaml(path: Path) -> dict[str, Any]:
    """A file that holds one document."""
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def is_pinned(image: str) -> bool:
    """Whether an image is named with a version, down to the minor one at least."""
    tag = image.rpartition("/")[2].partition(":")[2]
    return bool(re.match(r"v?\d+\.\d+|RELEASE\.\d{4}-", tag))


def ray_start(words: list[str]) -> dict[str, Any]:
    """What a command line gives to `ray start`; wrong ones are an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.scripts.scripts import start  # takes a second
    given: dict[str, Any] = start.make_context("start", words).params
    return given


def version_of(package: str) -> str:
    """The version that constraints.txt has of a package."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    [line] = [line for line in lines if line.startswith(f"{package}==")]
    return line.partition("==")[2]
