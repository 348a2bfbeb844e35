"""Keeps simulated pods out of the pod network while thousands of them come and go."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from components.api_server import PASSING, ApiServer

NAME, NAMESPACE, VERSION = "kube-router", "kube-system", "apps/v1"
PATH = f"/apis/{VERSION}/namespaces/{NAMESPACE}/daemonsets/{NAME}"
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
    said = network["metadata"]["generation"]
    there = [status.get(n) for n in ("updatedNumberScheduled", "numberAvailable")]
    return status.get("observedGeneration") == said and there == [wanted, wanted]


def without_policies(kubeconfig: str) -> None:
    """Stop writing network policies, and wait until all nodes have.

    kube-router writes all policies of all namespaces anew on every node whenever any pod starts or
    ends. Simulated pods send nothing, and with 50 teams that alone took 40 % of two cores.
    Raises TimeoutError.
    """
    server, end = ApiServer(kubeconfig), time.monotonic() + LIMIT
    server.patch(PATH, change(server.get(PATH)))
    while time.monotonic() < end:
        try:
            if settled(server.get(PATH)):
                return
        except PASSING:
            pass
        time.sleep(1)
    raise TimeoutError(f"{NAME} is not back after {LIMIT:.0f} s")
