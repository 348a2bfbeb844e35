"""The accelerators of a platform, as its API tells them: what they are, and how a pod sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.devices import API
from components.labels import DEVICE
from policies.conformance.requirements import Device
from tests.conformance.case import Case

SEEN = {
    # The simulated device is what the runtime puts into the environment.
    "gpu.example.com": "env | grep '^GPU_DEVICE_[0-9]*=' || true",
    "gpu.nvidia.com": "nvidia-smi -L 2>/dev/null || true",
}
"""By DeviceClass: a shell command that prints a line for each device that its container sees."""
CLASSES = "deviceclasses.resource.k8s.io"
SLICES = "resourceslices.resource.k8s.io"


@dataclass(frozen=True)
class Accelerators:
    """Devices of one class. ``per_node`` maps the name of a node to its devices."""

    name: str
    driver: str
    device: Device
    seen: str
    per_node: dict[str, list[dict[str, Any]]]

    @property
    def node(self) -> str:
        """The node with the most of them."""
        return max(self.per_node, key=lambda name: len(self.per_node[name]))


def accelerators(case: Case) -> Accelerators:
    """Return the devices that can be claimed, real ones first; the case ends when there are none.

    The device of the case is theirs from then on.
    """
    found: list[Accelerators] = []
    slices = [each["spec"] for each in case.every(SLICES)]
    for entry in case.every(CLASSES):
        name = entry["metadata"]["name"]
        if name not in SEEN:
            continue
        marked = (entry["metadata"].get("labels") or {}).get(DEVICE)
        per_node: dict[str, list[dict[str, Any]]] = {}
        for told in slices:
            if told["driver"] == name and told.get("nodeName"):
                per_node.setdefault(told["nodeName"], []).extend(told.get("devices") or [])
        if any(per_node.values()):
            device = Device.SIMULATED if marked == Device.SIMULATED else Device.REAL
            found.append(Accelerators(name, name, device, SEEN[name], per_node))
    if not found:
        case.not_implemented(
            "no driver of dynamic resource allocation tells any device; the addon"
            " simulated-devices has some without hardware, nvidia-dra-driver has real ones"
        )
    best = max(found, key=lambda each: each.device is Device.REAL)
    case.device = best.device
    return best


def template(
    name: str, namespace: str, class_: str, count: int = 1, config: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a template of claims of so many devices of a class."""
    return {
        "apiVersion": API,
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"spec": devices(class_, count, config)},
    }


def devices(class_: str, count: int = 1, config: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what a claim asks for."""
    request = {"name": "device", "exactly": {"deviceClassName": class_, "count": count}}
    return {"devices": {"requests": [request], **({"config": [config]} if config else {})}}


def lines(said: str) -> list[str]:
    """Return the devices that a container has told."""
    return [line for line in said.splitlines() if line.strip()]
