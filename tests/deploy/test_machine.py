"""What deploy/ holds: it parses, is hardened, and fits the settings, the commands and itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from rag.settings import load_settings
from tests.deploy.facts import CONTAINERFILE, DEPLOY, PORT, ROOT, USER, is_setting, load_yaml, parse

SERVICE = DEPLOY / "nonmun.service"
BUILD = DEPLOY / "nonmun-build.service"
TIMER = DEPLOY / "nonmun-build.timer"
UNITS = [SERVICE, BUILD, TIMER]
SERVICES = [SERVICE, BUILD]
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())

Unit = dict[str, dict[str, list[str]]]


def _read_unit(path: Path) -> Unit:
    """The settings of a unit file by section; one that stands twice has both values."""
    unit: Unit = {}
    section: dict[str, list[str]] | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith(("#", ";")):
            continue
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = unit.setdefault(heading.group(1), {})
            continue
        name, equals, value = line.partition("=")
        assert equals, f"{path.name}: {line!r} is no setting"
        assert section is not None, f"{path.name}: {line!r} stands in no section"
        assert re.fullmatch(r"[A-Z]\w*", name), f"{path.name}: {name!r} is no name"
        section.setdefault(name, []).append(value)
    return unit


def _read_containerfile() -> list[tuple[str, str]]:
    """Its instructions, each with what it is given, the lines that belong together joined."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def _compose() -> dict[str, Any]:
    return load_yaml(DEPLOY / "compose.yaml")


def _last(instructions: list[tuple[str, str]], wanted: str) -> str:
    return [rest for word, rest in instructions if word == wanted][-1]


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)(s|h|)", text)
    assert found, text
    return int(found.group(1)) * (3600 if found.group(2) == "h" else 1)


def _variables() -> Iterator[tuple[str, str]]:
    for path in [*FILES, ROOT / ".dockerignore"]:
        for name in re.findall(r"\bNONMUN_\w+", path.read_text(encoding="utf-8")):
            yield str(path.relative_to(ROOT)), name


class TestSettings:
    @pytest.mark.parametrize(("file", "variable"), sorted(set(_variables())))
    def test_every_variable_is_a_setting(self, file: str, variable: str) -> None:
        assert variable == "NONMUN_PROFILE" or is_setting(variable), f"{file}: {variable}"

    @pytest.mark.parametrize(
        "misspelt",
        ["NONMUN_SERVER__ANONYMUS", "NONMUN_SEVER__HOST", "NONMUN_DATA__X", "NONMUN_SERVER_HOST"],
    )
    def test_a_misspelt_variable_is_none(self, misspelt: str) -> None:
        assert not is_setting(misspelt)

    def test_settings_that_comments_name_exist(self) -> None:
        for path in FILES:
            for group, name in re.findall(
                r"\b(server|build|cluster|batch)\.([a-z_]+)\b", path.read_text("utf-8")
            ):
                if name not in ("service", "yaml"):
                    assert is_setting(f"NONMUN_{group}__{name}"), f"{path.name}: {group}.{name}"

    def test_the_profile_loads_and_lets_nobody_in_by_itself(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NONMUN_PROFILE", "")
        server = load_settings(DEPLOY / "profile.yaml").server
        assert server.keys == ()
        assert server.anonymous is None
        assert server.admin_key is None

    def test_the_key_that_the_profile_shows_would_load(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("NONMUN_PROFILE", "")
        text = (DEPLOY / "profile.yaml").read_text(encoding="utf-8")
        shown = text.replace("keys: []", "keys:").replace("  # - name", "  - name")
        shown = shown.replace("  #   sha256", "    sha256").replace("  #   scopes", "    scopes")
        assert shown != text
        profile = tmp_path / "profile.yaml"
        profile.write_text(shown, encoding="utf-8")
        assert [key.name for key in load_settings(profile).server.keys] == ["website"]

    def test_a_stop_waits_longer_than_the_service_takes_to_finish(self) -> None:
        grace = load_settings(DEPLOY / "profile.yaml").server.grace_s
        waits = [
            _read_unit(SERVICE)["Service"]["TimeoutStopSec"][0],
            _compose()["services"]["serve"]["stop_grace_period"],
        ]
        assert [wait for wait in waits if _seconds(wait) <= grace] == []

    def test_no_file_holds_a_secret(self) -> None:
        for path in FILES:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(ADMIN_KEY|API_KEY|admin_key|api_key)['\"]?[=:] *\S", text), path
            assert set(re.findall(r"\b[0-9a-f]{40,}\b", text)) <= {"0" * 64}, path


class TestUnits:
    @pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
    def test_a_unit_file_parses(self, path: Path) -> None:
        unit = _read_unit(path)
        assert unit["Unit"]["Description"]
        kind = path.suffix.removeprefix(".").capitalize()
        assert set(unit) <= {"Unit", kind, "Install"}

    @pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
    def test_a_service_is_nobody_and_may_nothing(self, path: Path) -> None:
        service = _read_unit(path)["Service"]
        assert service["User"] == ["nonmun"]
        wanted = {
            "NoNewPrivileges": "yes",
            "ProtectSystem": "strict",
            "ProtectHome": "yes",
            "PrivateTmp": "yes",
            "PrivateDevices": "yes",
            "ProtectKernelModules": "yes",
            "ProtectKernelTunables": "yes",
            "RestrictNamespaces": "yes",
            "RestrictSUIDSGID": "yes",
            "CapabilityBoundingSet": "",
            "AmbientCapabilities": "",
            "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
        }
        assert {name: service.get(name) for name in wanted} == {
            name: [value] for name, value in wanted.items()
        }
        assert service["SystemCallFilter"] == ["@system-service", "~@privileged"]

    def test_only_builds_write_and_only_the_data(self) -> None:
        assert "ReadWritePaths" not in _read_unit(SERVICE)["Service"]
        assert _read_unit(BUILD)["Service"]["ReadWritePaths"] == [_unit_data(BUILD)]

    def test_what_is_built_is_served(self) -> None:
        assert _unit_data(SERVICE) == _unit_data(BUILD)

    @pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
    def test_the_profile_is_the_credential(self, path: Path) -> None:
        service = _read_unit(path)["Service"]
        name = service["LoadCredential"][0].split(":")[0]
        assert f"NONMUN_PROFILE=%d/{name}" in service["Environment"]

    @pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
    def test_the_command_is_one_of_nonmun(self, path: Path) -> None:
        program, *words = _read_unit(path)["Service"]["ExecStart"][0].split()
        assert Path(program).name == "nonmun"
        parse(words)

    def test_a_wrong_command_line_is_not_tried_again(self) -> None:
        service = _read_unit(SERVICE)["Service"]
        assert service["Restart"] == ["on-failure"]
        assert service["RestartPreventExitStatus"] == ["2"]  # a wrong setting, or command line

    def test_the_timer_starts_the_build(self) -> None:
        assert TIMER.stem == BUILD.stem
        assert _read_unit(TIMER)["Timer"]["Persistent"] == ["true"]

    @pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
    def test_systemd_understands_them_and_finds_them_hardened(self, tmp_path: Path) -> None:
        for path in UNITS:
            text = path.read_text(encoding="utf-8")
            # What is not installed on this machine would be the only complaint.
            text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
            (tmp_path / path.name).write_text(text, encoding="utf-8")
        units = [str(tmp_path / path.name) for path in UNITS]
        told = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *units],
            capture_output=True,
            text=True,
            check=False,
        )
        complaints = [line for line in told.stderr.splitlines() if "nonmun" in line]
        assert (told.returncode, complaints) == (0, [])
        for path in SERVICES:
            subprocess.run(
                ["systemd-analyze", "security", "--offline=true", "--threshold=20", path],
                capture_output=True,
                check=True,  # 20: an exposure of 2.0 of 10
            )


def _unit_data(path: Path) -> str:
    found = [
        one.removeprefix("NONMUN_DATA=")
        for one in _read_unit(path)["Service"]["Environment"]
        if one.startswith("NONMUN_DATA=")
    ]
    assert len(found) == 1
    return found[0]


class TestContainerfile:
    def test_hadolint_has_nothing_to_say(self) -> None:
        hadolint = Path(sys.executable).parent / "hadolint"
        told = subprocess.run(
            [hadolint, "--no-color", CONTAINERFILE], capture_output=True, text=True, check=False
        )
        assert (told.returncode, told.stdout) == (0, "")

    def test_no_rule_is_ignored(self) -> None:
        assert "hadolint ignore" not in CONTAINERFILE.read_text(encoding="utf-8")
        assert not list(ROOT.glob(".hadolint.y*ml"))

    def test_it_runs_as_a_fixed_user_that_is_not_root(self) -> None:
        instructions = _read_containerfile()
        assert _last(instructions, "USER") == f"{USER}:{USER}"
        assert f"--uid {USER}" in _last(instructions[_stage(instructions) :], "RUN")

    def test_the_image_is_made_from_a_tag(self) -> None:
        instructions = _read_containerfile()
        name, _, image = instructions[0][1].partition("=")
        assert instructions[0][0] == "ARG"
        assert re.fullmatch(r"python:3\.1[1-9]-slim-\w+", image)
        froms = [rest.split()[0] for word, rest in instructions if word == "FROM"]
        assert froms == [f"${{{name}}}"] * 2

    def test_what_is_installed_is_what_is_tested(self) -> None:
        built = [rest for word, rest in _read_containerfile() if word == "RUN"]
        assert any("-c constraints.txt" in one for one in built)
        torch = next(one for one in built if "TORCH_INDEX" in one)
        assert "grep '^torch==' constraints.txt" in torch
        pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        assert len([line for line in pinned if line.startswith("torch==")]) == 1

    def test_what_is_installed_beside_it_are_extras(self) -> None:
        known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        built = load_yaml(DEPLOY / "cluster" / "compose.yaml")["services"]["serve"]["build"]
        [default] = re.findall(r"^ARG EXTRAS=(.+)$", CONTAINERFILE.read_text("utf-8"), re.MULTILINE)
        for given in (default, built["args"]["EXTRAS"]):
            assert set(given.split(",")) <= set(known["optional-dependencies"])
        assert any("[${EXTRAS}]" in rest for word, rest in _read_containerfile() if word == "RUN")

    def test_all_that_is_copied_is_in_the_context(self) -> None:
        lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        allowed = {line[1:].rstrip("/") for line in lines if line.startswith("!")}
        copied = [
            word.removeprefix("./").rstrip("/")
            for kind, rest in _read_containerfile()
            if kind == "COPY" and not rest.startswith("--from")
            for word in rest.split()[:-1]
        ]
        assert lines[1] == "*", "all is left out but what is named"
        assert set(copied) == allowed
        assert [name for name in copied if not (ROOT / name).exists()] == []

    def test_the_command_serves_on_the_port_that_is_exposed_and_asked(self) -> None:
        instructions = _read_containerfile()
        assert yaml.safe_load(_last(instructions, "ENTRYPOINT")) == ["nonmun"]
        given = parse(yaml.safe_load(_last(instructions, "CMD")))
        assert (given["host"], given["port"]) == ("0.0.0.0", PORT)
        assert _last(instructions, "EXPOSE") == str(PORT)
        assert f"http://127.0.0.1:{PORT}/readyz" in _last(instructions, "HEALTHCHECK")
        assert _last(instructions, "STOPSIGNAL") == "SIGTERM"

    def test_data_is_a_volume_and_where_the_settings_say(self) -> None:
        instructions = _read_containerfile()
        assert yaml.safe_load(_last(instructions, "VOLUME")) == ["/data"]
        assert "NONMUN_DATA=/data" in _last(instructions, "ENV").split()

    @pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
    def test_the_check_of_health_tells_ready_from_not(
        self, monkeypatch: pytest.MonkeyPatch, status: int, healthy: bool
    ) -> None:
        asked: list[str] = []

        class Service(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # not to be asked
        check = _last(_read_containerfile(), "HEALTHCHECK").partition(" CMD ")[2]
        program, *words = yaml.safe_load(check)
        assert program == "python"
        with HTTPServer(("127.0.0.1", 0), Service) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            here = [word.replace(f":{PORT}/", f":{server.server_port}/") for word in words]
            told = subprocess.run([sys.executable, *here], capture_output=True, check=False)
            server.shutdown()
        assert asked == ["/readyz"]
        assert (told.returncode == 0) == healthy


def _stage(instructions: list[tuple[str, str]]) -> int:
    """Where the last stage begins."""
    return max(at for at, (word, _) in enumerate(instructions) if word == "FROM")


class TestCompose:
    @pytest.mark.parametrize("name", ["serve", "build"])
    def test_a_container_may_nothing_and_writes_nowhere_else(self, name: str) -> None:
        service = _compose()["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert len(service["tmpfs"]) == 1
        assert service["tmpfs"][0].startswith("/tmp:size=256m,")
        assert re.fullmatch(r"\dg", service["mem_limit"])
        assert "privileged" not in service
        assert "user" not in service, "the image says who"

    def test_the_service_reads_what_the_build_writes(self) -> None:
        services = _compose()["services"]
        assert services["serve"]["volumes"] == ["data:/data:ro"]
        volumes = services["build"]["volumes"]
        assert volumes[0] == "data:/data"
        assert volumes[1].endswith(":/digests:ro")
        assert "data" in _compose()["volumes"]

    def test_a_build_runs_once_when_it_is_asked_for(self) -> None:
        build = _compose()["services"]["build"]
        assert build["profiles"] == ["build"]
        assert "restart" not in build
        assert parse(build["command"])["sources"] == ["/digests"]

    def test_only_this_machine_reaches_the_port(self) -> None:
        assert _compose()["services"]["serve"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]

    def test_health_is_checked_as_the_image_does(self) -> None:
        image = _last(_read_containerfile(), "HEALTHCHECK").partition(" CMD ")[2]
        assert _compose()["services"]["serve"]["healthcheck"]["test"] == [
            "CMD",
            *yaml.safe_load(image),
        ]

    def test_the_profile_is_mounted_where_the_service_looks(self) -> None:
        compose = _compose()
        for service in compose["services"].values():
            for name in service["secrets"]:
                assert service["environment"] == {"NONMUN_PROFILE": f"/run/secrets/{name}"}
                default = re.search(r":-(.+)\}", compose["secrets"][name]["file"])
                assert default
                assert (DEPLOY / default.group(1)).is_file()

    def test_the_image_is_built_of_the_containerfile(self) -> None:
        for service in _compose()["services"].values():
            context = (DEPLOY / service["build"]["context"]).resolve()
            assert context == ROOT
            assert context / service["build"]["dockerfile"] == CONTAINERFILE
