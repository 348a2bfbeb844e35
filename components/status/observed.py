"""What is asked of an API server for a report: one list for each kind, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from components.api_server import CONNECTIONS, ApiServer

Listed = list[dict[str, Any]]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
QUEUES = "kueue.x-k8s.io"
DEVICES = "resource.k8s.io"


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Objects of a cluster as its API server lists them, by kind."""

    by_kind: Mapping[str, Listed]

    def of(self, kind: str) -> Listed:
        """Return the objects of a kind."""
        return self.by_kind.get(kind, [])

    @property
    def workloads(self) -> Listed:
        """All that keeps pods running; lists do not name the kind of their items."""
        return [{**found, "kind": kind} for kind in WORKLOADS for found in self.of(kind)]


def observe(server: ApiServer) -> Observed:
    """List what a report is made of. Raises what the API server answers instead."""
    wanted = dict.fromkeys(("Namespace", "Node", "Pod"), "v1")
    wanted |= dict.fromkeys(WORKLOADS, "apps/v1")
    for group, kinds in (
        (QUEUES, ("ClusterQueue", "LocalQueue")),
        (DEVICES, ("ResourceSlice", "ResourceClaim")),
    ):
        served = {kind: server.version_of(group, kind) for kind in kinds}
        wanted |= {kind: version for kind, version in served.items() if version}
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        lists = pool.map(lambda kind: server.every(wanted[kind], kind), wanted)
        return Observed(by_kind=dict(zip(wanted, lists, strict=True)))
