"""The tier ``kind`` as facts: what a local cluster offers to addons. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.clusters.shapes import SHAPES
from components.facts import ClusterFacts, Pool, Quota
from components.labels import FAKE_NODE
from tools import node_image

FIRST_NODE_PORT = 30500
"""Node ports of the endpoints count up from here, in alphabetical order of their names."""
WORKERS = "workers"
"""Name of the pool of the cluster's own nodes."""
SIMULATED_TAINT = {"key": FAKE_NODE, "value": "fake", "effect": "NoSchedule"}


def node_ports(endpoints: Sequence[str]) -> dict[str, int]:
    """Return the node port of each endpoint."""
    return {name: FIRST_NODE_PORT + n for n, name in enumerate(sorted(endpoints))}


def simulated_pool(name: str, shape: str, count: int) -> Pool:
    """Return a pool of simulated nodes; its quota is all that its nodes would have."""
    of = SHAPES[shape]
    return Pool(
        name=name,
        shape=shape,
        count=count,
        accelerator=of.resource,
        per_node=of.count,
        device="simulated",
        quota=Quota(cpu=str(of.cpu * count), memory=f"{of.memory_gib * count}Gi"),
        taints=(SIMULATED_TAINT,),
    )


def facts(
    cluster: str,
    *,
    workers: int,
    quota: Quota,
    pools: Sequence[Pool],
    ports: Mapping[str, int],
) -> ClusterFacts:
    """Return the facts of a kind cluster; ``ports`` are those of 127.0.0.1 by endpoint."""
    return ClusterFacts(
        name=cluster,
        kubernetes=node_image.VERSION.removeprefix("v"),
        storage_class="standard",
        pools=(Pool(name=WORKERS, count=workers, quota=quota), *pools),
        node_ports=node_ports(list(ports)),
        urls={name: f"http://localhost:{port}" for name, port in ports.items()},
    )
