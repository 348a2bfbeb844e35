"""Nodes by pool, their accelerators, and what is wrong with which of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from components.facts import Device, Pool
from components.labels import DEVICE, POOL
from components.status.observed import Observed
from components.status.pods import condition
from components.status.report import Accelerator, Degraded, PoolStatus

Object = Mapping[str, Any]
CONTROL_PLANE = "control-plane"
ROLE = "node-role.kubernetes.io/"
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def pool_of(node: Object) -> str:
    """Return the pool of a node; one without the label belongs to that of its role."""
    labels = node["metadata"].get("labels") or {}
    if POOL in labels:
        return str(labels[POOL])
    return CONTROL_PLANE if ROLE + CONTROL_PLANE in labels else "other"


def pool_statuses(pools: Sequence[Pool], seen: Observed) -> list[PoolStatus]:
    """Return the pools of the settings and those that are there besides."""
    nodes = seen.of("Node")
    asked = _asked(seen.of("Pod"))
    wanted = {pool.name: pool for pool in pools}
    names = dict.fromkeys([*wanted, *(pool_of(node) for node in nodes)])
    return [
        _pool(name, wanted.get(name), [n for n in nodes if pool_of(n) == name], asked)
        for name in names
    ]


def _pool(
    name: str, wanted: Pool | None, nodes: list[Any], asked: Mapping[str, Mapping[str, int]]
) -> PoolStatus:
    degraded = [
        Degraded(name=node["metadata"]["name"], reasons=reasons)
        for node in nodes
        if (reasons := node_troubles(node))
    ]
    if wanted and len(nodes) < wanted.count:
        lost = wanted.count - len(nodes)
        degraded.append(Degraded(name=name, reasons=[f"{lost} of {wanted.count} nodes not there"]))
    able = [node for node in nodes if is_ready(node)]
    names = sorted({resource for node in nodes for resource in accelerators(node)})
    return PoolStatus(
        name=name,
        device=device_of(nodes, wanted),
        want=wanted.count if wanted else None,
        nodes=len(nodes),
        ready=len(able),
        accelerators=[_accelerator(resource, nodes, able, asked) for resource in names],
        degraded=degraded,
    )


def _accelerator(
    resource: str, nodes: list[Any], able: list[Any], asked: Mapping[str, Mapping[str, int]]
) -> Accelerator:
    def free(node: Object) -> int:
        have = int(((node.get("status") or {}).get("allocatable") or {}).get(resource, 0))
        return max(0, have - asked.get(node["metadata"]["name"], {}).get(resource, 0))

    return Accelerator(
        resource=resource,
        total=sum(accelerators(node).get(resource, 0) for node in nodes),
        free=sum(free(node) for node in able if not node["spec"].get("unschedulable")),
    )


def device_of(nodes: Iterable[Object], wanted: Pool | None) -> Device:
    """Say what the devices of nodes are: as their labels have it, else as the settings do."""
    for node in nodes:
        told = (node["metadata"].get("labels") or {}).get(DEVICE)
        for known in get_args(Device):
            if told == known:
                return known  # type: ignore[no-any-return]
    return wanted.device if wanted else "none"


def is_ready(node: Object) -> bool:
    """Say whether a node is ready."""
    return condition(node, "Ready").get("status") == "True"


def accelerators(node: Object) -> dict[str, int]:
    """Return what a node has of each resource that a vendor names."""
    capacity = (node.get("status") or {}).get("capacity") or {}
    return {
        name: int(amount)
        for name, amount in capacity.items()
        if "/" in name and str(amount).isdigit()
    }


def node_troubles(node: Object) -> list[str]:
    """Say what is wrong with a node, each in a few words."""
    told: list[str] = []
    if not is_ready(node):
        ready = condition(node, "Ready")
        told.append(f"NotReady: {ready.get('message') or 'its kubelet has said nothing yet'}")
    told += [
        f"{name}: {found.get('message') or ''}".rstrip(": ")
        for name in PRESSURES
        if (found := condition(node, name)).get("status") == "True"
    ]
    if node["spec"].get("unschedulable"):
        told.append("unschedulable: it was cordoned")
    able = (node.get("status") or {}).get("allocatable") or {}
    for resource, count in accelerators(node).items():
        if (have := int(able.get(resource, 0))) < count:
            told.append(f"{have} of {count} {resource} usable")
    return told


def _asked(pods: Iterable[Object]) -> dict[str, dict[str, int]]:
    """Add up by node what pods that have not ended asked for of vendors' resources."""
    found: dict[str, dict[str, int]] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if not node or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            continue
        on = found.setdefault(node, {})
        for resource, amount in _requests(pod).items():
            on[resource] = on.get(resource, 0) + amount
    return found


def _requests(pod: Object) -> dict[str, int]:
    """Return what a pod asks for: all containers together, or the largest that comes before."""

    def of(container: Object) -> dict[str, int]:
        asked = (container.get("resources") or {}).get("requests") or {}
        return {name: int(amount) for name, amount in asked.items() if "/" in name}

    total: dict[str, int] = {}
    for container in pod["spec"]["containers"]:
        for name, amount in of(container).items():
            total[name] = total.get(name, 0) + amount
    for container in pod["spec"].get("initContainers") or []:
        for name, amount in of(container).items():
            total[name] = max(total.get(name, 0), amount)
    return total
