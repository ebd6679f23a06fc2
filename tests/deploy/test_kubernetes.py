"""What deploy/kubernetes holds is what Kubernetes takes, hardened, and without secrets."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.facts import (
    DEPLOY,
    ROOT,
    USER,
    VERSION,
    is_pinned,
    is_setting,
    load_yaml,
    ray_start,
    version_of,
)
from tests.deploy.kustomizing import Document
from tests.deploy.manifests import ALL, FOLDER, PLAIN, PODS, SECRETS, find, names_of

OPERATORS = {"Milvus": "milvus.io/v1beta1", "RayCluster": "ray.io/v1"}
OLDEST = "1.30"  # from which on a container can sleep before it is stopped


def _validate(document: Document, version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


class TestSchemas:
    @pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
    @pytest.mark.parametrize(
        "document", [*ALL, *SECRETS], ids=lambda one: f"{one['kind']}-{one['metadata']['name']}"
    )
    def test_kubernetes_knows_every_field(self, document: Document, version: str) -> None:
        if document["kind"] in OPERATORS:
            assert document["apiVersion"] == OPERATORS[document["kind"]]
        else:
            _validate(document, version)

    @pytest.mark.parametrize(("pod", "document"), PODS)
    def test_an_operators_pods_are_pods(self, pod: Document, document: Document) -> None:
        _validate({"apiVersion": "v1", "kind": "Pod", **pod}, OLDEST)

    def test_a_field_that_nobody_knows_is_found(self) -> None:
        document = copy.deepcopy(find("Deployment", "serve"))
        document["spec"]["template"]["spec"]["enableServiceLink"] = False
        with pytest.raises(kubernetes_validate.ValidationError, match="enableServiceLink"):
            _validate(document, OLDEST)

    def test_what_milvus_is_told_of_its_container_is_a_containers(self) -> None:
        spec = find("Milvus", "nonmun", "nonmun-store")["spec"]
        assert set(spec) == {"mode", "config", "components", "dependencies"}
        components = dict(spec["components"])
        assert components.pop("standalone") == {"replicas": 1, "serviceType": "ClusterIP"}
        assert components.pop("runAsNonRoot") is True
        volumes = components.pop("volumes")
        pod = {"containers": [{"name": "milvus", **components}], "volumes": volumes}
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": pod}
        _validate(document, OLDEST)

    def test_what_ray_is_told_is_rays(self) -> None:
        spec = find("RayCluster", "ray")["spec"]
        assert set(spec) == {
            "rayVersion",
            "suspend",
            "authOptions",
            "headGroupSpec",
            "workerGroupSpecs",
        }
        assert spec["rayVersion"] == version_of("ray")
        for group, more in [
            (spec["headGroupSpec"], ["--head"]),
            (spec["workerGroupSpecs"][0], ["--address", "ray-head-svc:6379"]),
        ]:
            given = [f"--{name}={value}" for name, value in group["rayStartParams"].items()]
            assert ray_start([*more, *given])

    @pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here")
    @pytest.mark.parametrize("ray", [False, True])
    def test_kubectl_makes_the_same_of_it(self, tmp_path: Path, ray: bool) -> None:
        folder = shutil.copytree(FOLDER, tmp_path / "kubernetes")
        told = folder / "kustomization.yaml"
        if ray:
            text = told.read_text(encoding="utf-8")
            told.write_text(
                text.replace("# components:\n#   - ray", "components:\n  - ray"), "utf-8"
            )
        made = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, check=True)
        # Which version a ConfigMap is, is a part of its name.
        text = re.sub(r"\bprofile-[a-z0-9]{10}\b", "profile", made.stdout.decode())

        def key(document: Document) -> tuple[str, ...]:
            metadata = document["metadata"]
            return document["kind"], metadata.get("namespace", ""), metadata["name"]

        expected = ALL if ray else PLAIN
        assert sorted(yaml.safe_load_all(text), key=key) == sorted(expected, key=key)


class TestPods:
    @pytest.mark.parametrize(("pod", "document"), PODS)
    def test_one_may_nothing_and_writes_nowhere_else(
        self, pod: Document, document: Document
    ) -> None:
        spec = pod["spec"]
        assert spec["securityContext"].items() >= {
            ("runAsNonRoot", True),
            ("runAsUser", USER),
            ("runAsGroup", USER),
            ("fsGroup", USER),
        }
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not [one for one in spec if one.startswith("host")]
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }

    @pytest.mark.parametrize(("pod", "document"), PODS)
    def test_names_of_services_are_not_taken_for_settings(
        self, pod: Document, document: Document
    ) -> None:
        assert pod["spec"]["enableServiceLinks"] is False

    @pytest.mark.parametrize(("pod", "document"), PODS)
    def test_it_is_told_how_much_it_may_take(self, pod: Document, document: Document) -> None:
        for container in pod["spec"]["containers"]:
            for one in ("requests", "limits"):
                assert set(container["resources"][one]) == {"cpu", "memory"}
            # As many threads as whole CPUs.
            assert container["resources"]["limits"]["cpu"].isdecimal()

    @pytest.mark.parametrize(("pod", "document"), PODS)
    def test_its_image_is_pinned_and_this_version(self, pod: Document, document: Document) -> None:
        for container in pod["spec"]["containers"]:
            assert is_pinned(container["image"])
            assert container["image"] == f"registry.example.org/nonmun:{VERSION}-cluster"

    @pytest.mark.parametrize(("pod", "document"), PODS)
    def test_all_that_it_names_is_there(self, pod: Document, document: Document) -> None:
        volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
        for container in pod["spec"]["containers"]:
            mounted = [one["name"] for one in container["volumeMounts"]]
            assert set(mounted) == set(volumes)
            paths = {one["mountPath"] for one in container["volumeMounts"]}
            assert "/tmp" in paths
            for one in container.get("env", []):
                _check_variable(one)
        for volume in volumes.values():
            [(kind, what)] = [(kind, what) for kind, what in volume.items() if kind != "name"]
            if kind == "configMap":
                assert what["name"] in names_of("ConfigMap")
            elif kind == "persistentVolumeClaim":
                assert what["claimName"] in names_of("PersistentVolumeClaim")
            else:
                assert kind == "emptyDir"
                assert what["sizeLimit"]

    def test_milvus_is_not_root_either(self) -> None:
        components = find("Milvus", "nonmun", "nonmun-store")["spec"]["components"]
        assert components["runAsNonRoot"] is True
        assert components["securityContext"]["runAsUser"] > 0
        assert components["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert components["securityContext"]["allowPrivilegeEscalation"] is False
        assert is_pinned(components["image"])
        [path] = [one["mountPath"] for one in components["volumeMounts"]]
        told = find("Milvus", "nonmun", "nonmun-store")["spec"]["config"]
        assert told["localStorage"]["path"] == path

    def test_milvus_is_the_same_as_in_compose(self) -> None:
        components = find("Milvus", "nonmun", "nonmun-store")["spec"]["components"]
        compose = load_yaml(DEPLOY / "cluster" / "compose.yaml")
        assert components["image"] == compose["services"]["milvus"]["image"]


def _check_variable(variable: dict[str, Any]) -> None:
    name = variable["name"]
    if name.startswith("NONMUN_"):
        assert name == "NONMUN_PROFILE" or is_setting(name), name
    else:
        assert name in ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
    if re.search(r"(TOKEN|KEY|PASSWORD)$", name):
        _check_secret(variable, "nonmun")
    else:
        assert isinstance(variable["value"], str)


def _check_secret(variable: dict[str, Any], namespace: str) -> None:
    assert set(variable) == {"name", "valueFrom"}, f"{variable['name']} stands there"
    wanted = variable["valueFrom"]["secretKeyRef"]
    keys = {
        (one["metadata"]["name"], key)
        for one in SECRETS
        if one["metadata"]["namespace"] == namespace
        for key in one["stringData"]
    }
    ray = find("RayCluster", "ray")
    assert ray["spec"]["authOptions"] == {"mode": "token"}
    keys.add((ray["metadata"]["name"], "auth_token"))  # KubeRay makes it
    assert (wanted["name"], wanted["key"]) in keys


class TestSecrets:
    def test_none_is_in_a_file(self) -> None:
        assert not [one for one in ALL if one["kind"] == "Secret"]
        assert {one["kind"] for one in SECRETS} == {"Secret"}
        for one in SECRETS:
            assert set(one["stringData"].values()) == {""}
            assert "data" not in one

    def test_milvus_asks_who_it_is(self) -> None:
        spec = find("Milvus", "nonmun", "nonmun-store")["spec"]
        assert spec["config"]["common"]["security"] == {"authorizationEnabled": True}
        [password] = spec["components"]["env"]
        assert password["name"] == "COMMON_SECURITY_DEFAULTROOTPASSWORD"
        _check_secret(password, "nonmun-store")

    def test_the_documents_make_them(self) -> None:
        page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        made = re.findall(
            r"kubectl -n (\S+) create secret generic (\S+) --from-literal=(\w+)=", page
        )
        assert sorted(made) == sorted(
            (one["metadata"]["namespace"], one["metadata"]["name"], key)
            for one in SECRETS
            for key in one["stringData"]
        )
