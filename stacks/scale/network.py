"""Keeps simulated pods out of the pod network while thousands of them come and go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.api_server import PASSING, ApiServer
from components.looks import Outcome, current, short
from components.probe_runner import until

NAME = "kube-router"
PATH = f"/apis/apps/v1/namespaces/kube-system/daemonsets/{NAME}"
WITH, WITHOUT = "--run-firewall=true", "--run-firewall=false"
LIMIT = 300.0
"""Seconds until the network's servers run again."""


def change(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return the change of a DaemonSet of kube-router that writes no policies any more. Pure."""
    containers = [
        {**each, "args": [WITHOUT if arg == WITH else arg for arg in each.get("args") or []]}
        for each in network["spec"]["template"]["spec"]["containers"]
    ]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


def settled(network: Mapping[str, Any]) -> bool:
    """Say whether all pods of a DaemonSet are as it says. Pure."""
    status = network.get("status") or {}
    wanted = status.get("desiredNumberScheduled", 0)
    there = [status.get(n) for n in ("updatedNumberScheduled", "numberAvailable")]
    return current(network) and there == [wanted, wanted]


def without_policies(kubeconfig: str) -> None:
    """Stop writing network policies, and wait until all nodes have.

    kube-router writes all policies of all namespaces anew on every node whenever any pod starts or
    ends. Simulated pods send nothing, and with 50 teams that alone took 40 % of two cores.
    Raises TimeoutError.
    """
    server = ApiServer(kubeconfig)
    server.patch(PATH, change(server.get(PATH)))

    def seen() -> Outcome:
        try:
            return Outcome(settled(server.get(PATH)), "its pods are not all as was said last")
        except PASSING as error:
            return Outcome(False, short(error))

    last = until(seen, LIMIT)
    if not last.held:
        raise TimeoutError(f"{NAME} is not back after {LIMIT:.0f} s: {last.evidence}")
