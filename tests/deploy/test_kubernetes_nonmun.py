"""What runs in deploy/kubernetes fits nonmun and itself: commands, settings, probes, selectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.settings import load_settings
from tests.deploy.facts import PATHS, PORT, parse, ray_start
from tests.deploy.manifests import BUILDS, FOLDER, container_of, find, pod_of, read_profile


class TestNonmun:
    def test_the_profile_loads_and_lets_nobody_in_by_itself(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = read_profile(monkeypatch)
        assert settings.server.keys == ()
        assert settings.server.anonymous is None
        assert settings.server.admin_key is None
        assert settings.cluster.token is None

    @pytest.mark.parametrize("name", ["serve", *BUILDS])
    def test_the_profile_is_where_nonmun_looks(self, name: str) -> None:
        container = container_of(name)
        [path] = [one["value"] for one in container["env"] if one["name"] == "NONMUN_PROFILE"]
        [mount] = [one for one in container["volumeMounts"] if one["name"] == "profile"]
        assert mount == {"name": "profile", "mountPath": "/etc/nonmun", "readOnly": True}
        assert Path(path).parent == Path(mount["mountPath"])
        assert Path(path).name in find("ConfigMap", "profile")["data"]

    def test_the_profile_names_the_milvus_that_is_made(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = find("Milvus", "nonmun", "nonmun-store")["metadata"]
        # The operator's name for it, and Milvus's own port.
        host = f"{made['name']}-milvus.{made['namespace']}"
        assert read_profile(monkeypatch).cluster.uri == f"http://{host}:19530"

    def test_the_commands_are_nonmuns(self) -> None:
        served = parse(container_of("serve")["args"])
        assert (served["host"], served["port"]) == ("0.0.0.0", PORT)
        assert parse(container_of("build")["args"])["sources"] == ["/digests"]
        assert "command" not in container_of("serve"), "the image's own"
        assert "command" not in container_of("build"), "the image's own"

    def test_a_build_on_ray_joins_the_cluster_and_builds(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NONMUN_PROFILE", "")
        container = container_of("build-on-ray")
        assert container["command"] == ["/bin/sh", "-c"]
        [line] = container["args"]
        joining, building = line.split(" && exec ")
        ray, start, *options = joining.split()
        assert (ray, start) == ("ray", "start")
        given = ray_start([one.strip('"') for one in options])
        assert given["address"] == "$NONMUN_BATCH__ADDRESS"
        assert given["num_cpus"] == 0
        assert given["object_store_memory"] < 2**30  # of shared memory, below
        nonmun, *words = building.split()
        assert nonmun == "nonmun"
        asked = parse(words)
        assert (asked["sources"], asked["full"], asked["on"]) == (["/digests"], True, "ray")
        values = {one["name"]: one.get("value") for one in container["env"]}
        cluster = find("RayCluster", "ray")
        monkeypatch.setenv("NONMUN_BATCH__ADDRESS", values["NONMUN_BATCH__ADDRESS"])
        batch = load_settings(FOLDER / "profile.yaml", batch={"kind": asked["on"]}).batch
        assert batch.address == f"{cluster['metadata']['name']}-head-svc:6379"
        assert values["RAY_AUTH_MODE"] == cluster["spec"]["authOptions"]["mode"]
        [shared] = [
            one for one in pod_of("build-on-ray")["spec"]["volumes"] if "shared" in one["name"]
        ]
        assert shared["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}

    @pytest.mark.parametrize("name", BUILDS)
    def test_a_build_runs_once_and_alone(self, name: str) -> None:
        spec = find("CronJob", name)["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        assert len(spec["schedule"].split()) == 5
        assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0
        assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
        assert pod_of(name)["spec"]["restartPolicy"] == "Never"

    @pytest.mark.parametrize("name", BUILDS)
    def test_a_build_writes_its_data_and_reads_the_digests(self, name: str) -> None:
        mounts = {one["mountPath"]: one for one in container_of(name)["volumeMounts"]}
        assert "readOnly" not in mounts["/data"]
        assert mounts["/digests"]["readOnly"] is True
        volumes = {one["name"]: one for one in pod_of(name)["spec"]["volumes"]}
        assert volumes["data"]["persistentVolumeClaim"] == {"claimName": "data"}

    def test_a_service_keeps_nothing(self) -> None:
        for volume in pod_of("serve")["spec"]["volumes"]:
            assert set(volume) - {"name"} <= {"emptyDir", "configMap"}


class TestServing:
    @pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
    def test_a_probe_asks_what_the_service_has(self, probe: str) -> None:
        container = container_of("serve")
        asked = container[probe]["httpGet"]
        assert asked["path"] == ("/readyz" if probe == "readinessProbe" else "/healthz")
        assert asked["path"] in PATHS
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        assert ports[asked["port"]] == PORT

    def test_being_ready_may_take_as_long_as_milvus_may(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        probe = container_of("serve")["readinessProbe"]
        assert probe["timeoutSeconds"] > read_profile(monkeypatch).cluster.timeout_s

    def test_a_stop_waits_longer_than_the_service_takes_to_finish(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = container_of("serve")["lifecycle"]["preStop"]["sleep"]["seconds"]
        waits = pod_of("serve")["spec"]["terminationGracePeriodSeconds"]
        assert waits > before + read_profile(monkeypatch).server.grace_s

    def test_all_that_selects_services_selects_them(self) -> None:
        labels = pod_of("serve")["metadata"]["labels"].items()
        deployment = find("Deployment", "serve")["spec"]
        service = find("Service", "nonmun")["spec"]
        for selector in (
            deployment["selector"]["matchLabels"],
            service["selector"],
            find("PodDisruptionBudget", "serve")["spec"]["selector"]["matchLabels"],
            pod_of("serve")["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        ):
            assert selector.items() <= labels
            for name in BUILDS:
                assert not selector.items() <= pod_of(name)["metadata"]["labels"].items()
        [port] = service["ports"]
        assert port["targetPort"] in [one["name"] for one in container_of("serve")["ports"]]

    def test_how_many_there_are_is_said_once(self) -> None:
        scaler = find("HorizontalPodAutoscaler", "serve")["spec"]
        target = scaler["scaleTargetRef"]
        scaled = find(target["kind"], target["name"])
        assert scaled["apiVersion"] == target["apiVersion"]
        assert "replicas" not in scaled["spec"]
        assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
        budget = find("PodDisruptionBudget", "serve")["spec"]
        assert budget["minAvailable"] < scaler["minReplicas"]


class TestRay:
    @pytest.mark.parametrize(
        ("group", "parameter", "port"),
        [("headGroupSpec", "port", 6379), ("workerGroupSpecs", "node-manager-port", 6380)],
    )
    def test_a_probe_asks_a_port_that_is_there_without_a_dashboard(
        self, group: str, parameter: str, port: int
    ) -> None:
        told = find("RayCluster", "ray")["spec"][group]
        told = told if isinstance(told, dict) else told[0]
        assert told["rayStartParams"].get(parameter, "6379") == str(port)
        [container] = told["template"]["spec"]["containers"]
        for probe in ("livenessProbe", "readinessProbe"):
            assert container[probe]["tcpSocket"] == {"port": port}
        assert [one["containerPort"] for one in container["ports"]] == [port]
