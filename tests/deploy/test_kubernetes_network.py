"""Who reaches whom by the NetworkPolicies of deploy/kubernetes."""

from __future__ import annotations

import pytest

from tests.deploy.facts import PORT
from tests.deploy.kustomizing import Document, pods
from tests.deploy.manifests import ALL, BUILDS, SECRETS, find, pod_of


class TestNetwork:
    def test_everything_has_a_namespace_that_is_made(self) -> None:
        made = {one["metadata"]["name"] for one in ALL if one["kind"] == "Namespace"}
        assert made == {"nonmun", "nonmun-store"}
        for one in [*ALL, *SECRETS]:
            if one["kind"] != "Namespace":
                assert one["metadata"]["namespace"] in made

    def test_kubernetes_refuses_pods_that_are_not_hardened(self) -> None:
        levels = {
            one["metadata"]["name"]: one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
            for one in ALL
            if one["kind"] == "Namespace"
        }
        assert levels == {"nonmun": "restricted", "nonmun-store": "baseline"}

    def test_what_is_not_said_is_not_allowed(self) -> None:
        assert find("NetworkPolicy", "nobody")["spec"] == {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
        }

    @pytest.mark.parametrize(
        ("source", "target", "port", "allowed"),
        [
            ("serve", "milvus", 19530, True),
            ("build", "milvus", 19530, True),
            ("build-on-ray", "milvus", 19530, True),
            ("ray", "milvus", 19530, False),
            ("serve", "milvus", 9091, False),
            ("serve", "minio", 9000, False),
            ("build-on-ray", "ray", 6379, True),
            ("ray", "build-on-ray", 40000, True),
            ("ray", "ray", 40000, True),
            ("serve", "ray", 6379, False),
            ("build", "ray", 6379, False),
            ("build", "serve", PORT, False),
            ("ray", "serve", PORT, False),
            ("milvus", "minio", 9000, True),
            ("operator", "milvus", 9091, True),
            ("operator", "serve", PORT, False),
            ("web", "serve", PORT, True),
            ("web", "milvus", 19530, False),
            ("web", "ray", 6379, False),
            ("stranger", "serve", PORT, False),
            ("stranger", "minio", 9000, False),
        ],
    )
    def test_who_reaches_whom(self, source: str, target: str, port: int, allowed: bool) -> None:
        ways = (_allows("Egress", source, target, port), _allows("Ingress", target, source, port))
        assert all(ways) == allowed

    def test_labels_of_ours_are_those_of_the_pods(self) -> None:
        for name in ("serve", *BUILDS):
            labels = pod_of(name)["metadata"]["labels"]
            assert WHO[name][1].items() <= labels.items()
        for pod in pods(find("RayCluster", "ray")):
            assert pod["metadata"]["labels"] == WHO["ray"][1]


COMPONENT = "app.kubernetes.io/component"
NAMESPACE = "kubernetes.io/metadata.name"
# Namespace, labels of a pod, and labels of its namespace beside its name.
WHO: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "serve": ("nonmun", {COMPONENT: "serve"}, {}),
    "build": ("nonmun", {COMPONENT: "build"}, {}),
    "build-on-ray": ("nonmun", {COMPONENT: "build-on-ray"}, {}),
    "ray": ("nonmun", {COMPONENT: "ray"}, {}),
    "milvus": ("nonmun-store", {"app.kubernetes.io/name": "milvus"}, {}),
    "minio": ("nonmun-store", {"app": "minio"}, {}),
    "operator": ("milvus-operator", {}, {}),
    "web": ("web", {}, {"nonmun/asks": "true"}),
    "stranger": ("other", {}, {}),
}


def _allows(way: str, one: str, other: str, port: int) -> bool:
    """Whether the policies of `one` let it reach `other`, or be reached by it."""
    namespace, labels, _ = WHO[one]
    about = [
        policy["spec"]
        for policy in ALL
        if policy["kind"] == "NetworkPolicy"
        and policy["metadata"]["namespace"] == namespace
        and way in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], labels)
    ]
    if not about:
        return True
    return any(
        _matches(peer, namespace, other) and _at(rule.get("ports"), port)
        for spec in about
        for rule in spec.get(way.lower(), [])
        for peer in rule["from" if way == "Ingress" else "to"]
    )


def _matches(peer: Document, here: str, other: str) -> bool:
    namespace, labels, of_namespace = WHO[other]
    assert set(peer) <= {"namespaceSelector", "podSelector"}
    if "namespaceSelector" in peer:
        if not _selects(peer["namespaceSelector"], {NAMESPACE: namespace, **of_namespace}):
            return False
    elif namespace != here:
        return False
    return _selects(peer.get("podSelector", {}), labels)


def _selects(selector: Document, labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels", "matchExpressions"}
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In"
        if labels.get(one["key"]) not in one["values"]:
            return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _at(ports: list[Document] | None, port: int) -> bool:
    return ports is None or port in [
        PORT if one["port"] == "http" else one["port"] for one in ports
    ]
