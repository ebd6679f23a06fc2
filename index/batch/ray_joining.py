"""Whether a Ray cluster can be joined, and whether its nodes do what this machine would."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from index.batch.same import package_state
from index.errors import BatchError

QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
REACH_S = 5.0
JOIN_S = 60.0
ANSWER_S = 60.0
PACKAGE = "index"

# Ray tries for minutes, and then ends the process.
_HURRIED = {
    "RAY_gcs_rpc_server_connect_timeout_s": "5",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
}
_JOIN = ("-m", "index.batch.ray_joining")
_REFUSED = "Authentication token is missing or incorrect"


def try_to_join(address: str) -> None:
    """Join a cluster in a process of its own, which Ray may end.

    Raises:
        BatchError: It can't be joined.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise BatchError(f"batch.address is to be HOST:PORT of a Ray cluster, not {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_S).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BatchError(f"no Ray cluster answers at {address}: {reason.lower()}") from None
    command = [sys.executable, *_JOIN, address]
    try:
        tried = subprocess.run(  # noqa: S603 - this program
            command, capture_output=True, text=True, timeout=JOIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        said, joined = f"it took more than {JOIN_S:.0f} seconds", False
        refused = _REFUSED.encode() in (error.stderr or b"")  # bytes, whatever was asked for
    else:
        said, refused = tried.stdout.strip(), _REFUSED in tried.stderr
        joined = not tried.returncode
    if joined:
        return
    if refused:
        said = f"{_REFUSED} (RAY_AUTH_MODE and RAY_AUTH_TOKEN, as for the cluster)"
    raise BatchError(
        f"the Ray cluster at {address} can't be joined: {said or 'it does not answer as Ray does'}"
    )


def check_nodes() -> None:
    """Ask each node that is to work whether it has the same nonmun as this machine.

    Raises:
        BatchError: One has another or none, or does not answer.
    """
    package = PACKAGE

    # Sent as it is, not by its name: a node may have nothing that is called by it.
    @ray.remote(num_cpus=0, max_retries=0)  # type: ignore[untyped-decorator]
    def look() -> tuple[str, str]:
        from importlib import import_module

        try:
            module = import_module(f"{package}.batch.same")
        except ImportError as error:
            return "", str(error)
        return module.package_state(), ""

    nodes = [one for one in ray.nodes() if one["Alive"] and one["Resources"].get("CPU")]
    asked = {
        look.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(one["NodeID"], soft=False)
        ).remote(): one["NodeManagerAddress"]
        for one in nodes
    }
    ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_S)
    own = package_state()
    for answer, node in asked.items():
        try:
            state, missing = ray.get(answer, timeout=0)
        except ray.exceptions.GetTimeoutError:
            raise BatchError(
                f"the node {node} of the Ray cluster did not begin to work within"
                f" {ANSWER_S:.0f} seconds"
            ) from None
        except ray.exceptions.RayError as error:
            raise BatchError(
                f"the node {node} of the Ray cluster can't work: {first_line(error)}"
            ) from error
        if missing:
            raise BatchError(
                f"the node {node} of the Ray cluster has no nonmun ({missing}): install the same"
                " nonmun[cluster] on all nodes"
            )
        if state != own:
            raise BatchError(
                f"the node {node} of the Ray cluster has another nonmun ({state}) than this machine"
                f" ({own}): install the same on all nodes"
            )


def first_line(error: BaseException) -> str:
    """What kind of error it is, and the first line of what it says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def main() -> None:
    """Join the cluster that is named, and say what is wrong."""
    try:
        ray.init(address=sys.argv[1], **QUIET)
    except Exception as error:
        sys.stdout.write(" ".join(str(error).split()))
        sys.exit(1)
    ray.shutdown()


if __name__ == "__main__":
    import os

    os.environ |= _HURRIED
    main()
