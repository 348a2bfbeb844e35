"""KWOK: simulated nodes, shaped like real GPU instances, for queues, quotas and scheduling."""

from __future__ import annotations

from typing import Any

import yaml

from addons import script
from components.access import account, cluster_role
from components.addon import Addon, Context, Manifest
from components.clusters.shapes import SHAPES
from components.facts import Pool
from components.labels import DEVICE, FAKE_NODE, POOL, selector
from components.pods import container_security, resources, versioned
from components.probes import Probe, available, condition
from components.quantities import canonical
from components.scrapes import Scrape
from components.workloads import Server, mounts, variables

NAME = "kwok"
USER = 65532
PORT = 10247
LEASE = 120
"""Seconds of a node's lease, which is renewed four times as often: every 30 s, within the 50 s
after which a silent node counts as lost. A kubelet's 40 s are, for a thousand nodes, a hundred
writes a second."""
RULES: list[dict[str, Any]] = [
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch", "update"]},
    {
        "apiGroups": [""],
        "resources": ["pods"],
        "verbs": ["delete", "get", "list", "patch", "update", "watch"],
    },
    {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch", "update"]},
    {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["create", "get", "list", "patch", "update", "watch"],
    },
]


def configuration() -> Manifest:
    """Return KWOK's configuration: only nodes that carry the annotation are simulated."""
    return {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "options": {
            "manageAllNodes": False,
            "manageNodesWithAnnotationSelector": f"{FAKE_NODE}=fake",
            "nodePort": PORT,
            "cidr": "10.0.0.0/24",
            "nodeLeaseDurationSeconds": LEASE,
            "nodeLeaseParallelism": 4,
            "nodePlayStageParallelism": 4,
            "podPlayStageParallelism": 4,
        },
    }


def server(ctx: Context) -> Server:
    """Return the controller that plays the kubelet of the simulated nodes."""
    address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return Server(
        name=NAME,
        namespace=NAME,
        user=USER,
        account=NAME,
        annotations=versioned(_file()),
        volumes={"configuration": {"configMap": {"name": NAME}}},
        container={
            "image": ctx.image(NAME),
            "args": ["--config=/etc/kwok/kwok.yaml", "--node-ip=$(POD_IP)"],
            "env": [address, *variables({"HOME": "/tmp"})],
            "readinessProbe": {
                "httpGet": {"path": "/healthz", "port": PORT},
                "periodSeconds": 3,
            },
            "securityContext": container_security(),
            "resources": resources("20m", "64Mi", "512Mi"),
            "volumeMounts": mounts(configuration="/etc/kwok"),
        },
    )


def _file() -> str:
    return f"{yaml.safe_dump(configuration())}---\n{script(NAME, 'stages.yaml')}"


def workloads(ctx: Context) -> list[Manifest]:
    """Return the controller, what it may do, and what becomes of nodes and pods."""
    served = server(ctx)
    return [
        account(NAME, NAME),
        *cluster_role(NAME, NAME, RULES),
        served.config({"kwok.yaml": _file()}),
        served.deployment(),
    ]


def node(pool: Pool, number: int) -> Manifest:
    """Return one simulated node of a pool, with the labels that the real instance would have."""
    shape = SHAPES[pool.shape]
    amounts = {
        "cpu": str(shape.cpu),
        "memory": canonical(f"{shape.memory_gib}Gi"),
        "pods": "110",
        shape.resource: str(shape.count),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": f"{pool.name}-{number}",
            "annotations": {FAKE_NODE: "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {
                POOL: pool.name,
                DEVICE: "simulated",
                "kubernetes.io/hostname": f"{pool.name}-{number}",
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node.kubernetes.io/instance-type": pool.shape,
                "nvidia.com/gpu.product": f"{shape.product}-SIMULATED",
                "type": "kwok",
            },
        },
        "spec": {"taints": [dict(taint) for taint in pool.taints]},
        "status": {"allocatable": amounts, "capacity": amounts},
    }


def nodes(ctx: Context) -> list[Manifest]:
    """Return all simulated nodes."""
    return [node(pool, n) for pool in ctx.facts.simulated for n in range(pool.count)]


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that the last node of each simulated pool is ready."""
    return tuple(
        condition("v1", "Node", f"{pool.name}-{pool.count - 1}", "Ready")
        for pool in ctx.facts.simulated
    )


ADDON = Addon(
    name=NAME,
    title="Simulated nodes, shaped like real GPU instances",
    namespace=NAME,
    images=(NAME,),
    workloads=workloads,
    ready=lambda _: (available("Deployment", NAME, NAME),),
    resources=nodes,
    proof=proof,
    scrapes=(Scrape(name=NAME, namespace=NAME, labels=selector(NAME), port=PORT),),
)
