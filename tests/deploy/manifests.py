"""The documents of deploy/kubernetes, and what is in them."""

from __future__ import annotations

from typing import Any

import pytest

from rag.settings import Settings, load_settings
from tests.deploy.facts import DEPLOY
from tests.deploy.kustomizing import Document, build, containers, load_all, pods

FOLDER = DEPLOY / "kubernetes"
PLAIN = build(FOLDER)
ALL = build(FOLDER, components=("ray",))
SECRETS = load_all(FOLDER / "secrets.example.yaml")
PODS = [
    pytest.param(pod, document, id=f"{document['metadata']['name']}-{number}")
    for document in ALL
    for number, pod in enumerate(pods(document))
]
BUILDS = ["build", "build-on-ray"]


def find(kind: str, name: str, namespace: str = "nonmun") -> Document:
    """The one document of a kind with a name."""
    [found] = [
        one
        for one in ALL
        if one["kind"] == kind
        and one["metadata"]["name"] == name
        and one["metadata"]["namespace"] == namespace
    ]
    return found


def names_of(kind: str, namespace: str = "nonmun") -> set[str]:
    """The names of all documents of a kind, and of the secrets that are to be there."""
    return {
        one["metadata"]["name"]
        for one in [*ALL, *SECRETS]
        if one["kind"] == kind and one["metadata"]["namespace"] == namespace
    }


def pod_of(name: str) -> Document:
    """The pod of the services or of a build, as its template has it."""
    kind = "Deployment" if name == "serve" else "CronJob"
    [found] = pods(find(kind, name))
    return found


def container_of(name: str) -> dict[str, Any]:
    """The only container of such a pod."""
    [found] = containers(find("Deployment" if name == "serve" else "CronJob", name))
    return found


def read_profile(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of services and builds."""
    monkeypatch.setenv("NONMUN_PROFILE", "")
    return load_settings(FOLDER / "profile.yaml")
