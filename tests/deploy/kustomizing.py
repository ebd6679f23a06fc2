"""What `kubectl apply -k` would send, as far as deploy/kubernetes uses what kustomize can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
KNOWN = {
    "apiVersion",
    "kind",
    "resources",
    "components",
    "configMapGenerator",
    "images",
}


def build(folder: Path, components: tuple[str, ...] = ()) -> list[Document]:
    """All documents of a kustomization, with the components that it leaves out as a comment.

    What kustomize can and this can't is an error. ConfigMaps keep the name that they are given.
    """
    told = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert set(told) <= KNOWN, f"{folder}: {sorted(set(told) - KNOWN)}"
    found: list[Document] = []
    for name in told.get("resources", []):
        found += load_all(folder / name)
    for generator in told.get("configMapGenerator", []):
        assert set(generator) == {"name", "namespace", "files"}
        found.append(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": generator["name"], "namespace": generator["namespace"]},
                "data": {
                    name: (folder / name).read_text(encoding="utf-8") for name in generator["files"]
                },
            }
        )
    for name in (*told.get("components", []), *components):
        found += build(folder / name)
    images = {one["name"]: f"{one['newName']}:{one['newTag']}" for one in told.get("images", [])}
    for document in found:
        for container in containers(document):
            container["image"] = images.get(container["image"], container["image"])
    return found


def load_all(path: Path) -> list[Document]:
    """The documents of a file. None is shared by two places that were merged into one."""
    text = path.read_text(encoding="utf-8")
    plain = yaml.dump_all(yaml.safe_load_all(text), Dumper=_Plain)
    return list(yaml.safe_load_all(plain))


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        return True


def pods(document: Document) -> Iterator[Document]:
    """The templates of pods in a document: each with `metadata` and `spec`."""
    spec = document.get("spec", {})
    if document["kind"] == "Deployment":
        yield spec["template"]
    elif document["kind"] == "CronJob":
        yield spec["jobTemplate"]["spec"]["template"]
    elif document["kind"] == "RayCluster":
        yield spec["headGroupSpec"]["template"]
        for group in spec["workerGroupSpecs"]:
            yield group["template"]


def containers(document: Document) -> Iterator[Document]:
    """The containers of all pods in a document."""
    for pod in pods(document):
        yield from pod["spec"].get("initContainers", [])
        yield from pod["spec"]["containers"]
