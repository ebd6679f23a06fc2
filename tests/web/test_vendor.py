"""What the page uses of others: the bundles are what their sources make, and its types hold."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.web.node import ROOT, WEB, tool, unable

VENDOR = WEB / "vendor"
BUILT = ("lit.js", "d3.js", "licences.txt")
_UNREACHED = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|E40[134]\b|E5\d\d\b"
    r"|ERR_SOCKET_TIMEOUT|FETCH_ERROR|CERT|ENOTCACHED"
)


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((VENDOR / name).read_text(encoding="utf-8"))
    return read


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the page's folder with the packages that its lock file names."""
    copy = tmp_path_factory.mktemp("page") / "web"
    shutil.copytree(WEB, copy, ignore=shutil.ignore_patterns("node_modules"))
    npm = tool("npm")
    tool("node")
    # What can't be reached is to be told soon.
    waits = ["--fetch-retries=1", "--fetch-timeout=30000"]
    done = _run([npm, "ci", "--no-audit", "--no-fund", *waits], copy / "vendor")
    if done.returncode and _UNREACHED.search(done.stdout + done.stderr):
        unable(f"npm can't reach its registry: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


@pytest.mark.slow
def test_the_bundles_are_what_their_sources_make(installed: Path) -> None:
    for name in BUILT:
        (installed / "vendor" / name).unlink()
    done = _run([tool("node"), "build.mjs"], installed / "vendor")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in BUILT:
        made, committed = (installed / "vendor" / name).read_bytes(), (VENDOR / name).read_bytes()
        assert made == committed, f"{name} is old: npm ci && npm run build in rag/web/vendor"


@pytest.mark.slow
def test_the_types_of_the_page_hold(installed: Path) -> None:
    done = _run([tool("npm"), "run", "--silent", "check"], installed / "vendor")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_wrong_type_would_be_found(installed: Path, tmp_path: Path) -> None:
    wrong = installed / "wrong.js"
    wrong.write_text('import { length } from "./text.js";\nlength(1);\n', encoding="utf-8")
    try:
        done = _run([tool("npm"), "run", "--silent", "check"], installed / "vendor")
    finally:
        wrong.unlink()
    assert done.returncode != 0
    assert "wrong.js" in done.stdout


def test_versions_are_exact() -> None:
    package = _read("package.json")
    assert "dependencies" not in package  # nothing is installed where the service runs
    for name, number in package["devDependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", number), f"{name} {number}"


def test_the_lock_file_has_what_the_package_names() -> None:
    package, packages = _read("package.json"), _read("package-lock.json")["packages"]
    assert packages[""]["devDependencies"] == package["devDependencies"]
    for name, number in package["devDependencies"].items():
        assert packages[f"node_modules/{name}"]["version"] == number


def test_the_lock_file_has_hashes_and_no_addresses() -> None:
    """Each is from whichever registry npm is set to, and is what it was."""
    text = (VENDOR / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in text
    for name, package in _read("package-lock.json")["packages"].items():
        if name:
            assert package["integrity"].startswith("sha512-"), name


def test_every_package_of_the_bundles_has_its_licence_and_stands_in_the_notice() -> None:
    licences = (VENDOR / "licences.txt").read_text(encoding="utf-8")
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    packages = _read("package-lock.json")["packages"]
    bundled = {
        name.removeprefix("node_modules/"): package["version"]
        for name, package in packages.items()
        if name.startswith(("node_modules/d3-", "node_modules/lit-html"))
    }
    assert len(bundled) == 11
    for name, number in bundled.items():
        assert f"{name} {number}" in licences
        assert re.search(rf"\b{name}\b", notice), name
    for holder in ("Mike Bostock", "Robert Penner", "Google LLC"):
        assert holder in licences
        assert holder in notice
    for bundle in ("lit.js", "d3.js"):
        assert "licences.txt" in (VENDOR / bundle).read_text(encoding="utf-8")[:200]
