"""Devices of dynamic resource allocation: offered, allocated, tainted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.facts import Device
from components.status.nodes import device_of, pool_of
from components.status.observed import Observed
from components.status.report import Degraded, DeviceStatus

Object = Mapping[str, Any]
Key = tuple[str, str, str]
EXAMPLE = "example.com"
"""A domain that nobody may own (RFC 2606): the devices of such a driver are no hardware."""
ANYWHERE = "any"


def device_statuses(seen: Observed) -> list[DeviceStatus]:
    """Return, for each driver and pool of nodes, its devices and how many are allocated."""
    nodes = {node["metadata"]["name"]: node for node in seen.of("Node")}
    taken = _allocated(seen)
    rows: dict[tuple[str, str], list[tuple[Key, Object, Object | None]]] = {}
    for slice_ in _current(seen):
        spec = slice_["spec"]
        node = nodes.get(spec.get("nodeName", ""))
        place = pool_of(node) if node else ANYWHERE
        for device in spec.get("devices") or []:
            key = (spec["driver"], spec["pool"]["name"], device["name"])
            rows.setdefault((spec["driver"], place), []).append((key, device, node))
    return [
        DeviceStatus(
            driver=driver,
            pool=place,
            device=_device(driver, [node for _, _, node in found if node]),
            total=len(found),
            allocated=len({key for key, _, _ in found} & taken),
            degraded=[
                Degraded(name=f"{key[1]}/{key[2]}", reasons=reasons)
                for key, device, _ in found
                if (reasons := _taints(device))
            ],
        )
        for (driver, place), found in sorted(rows.items())
    ]


def _current(seen: Observed) -> list[Object]:
    """Leave out slices of an older generation of their pool, which are about to go."""
    newest: dict[tuple[str, str], int] = {}
    for found in seen.of("ResourceSlice"):
        newest[_pool(found)] = max(newest.get(_pool(found), 0), _generation(found))
    return [s for s in seen.of("ResourceSlice") if _generation(s) == newest[_pool(s)]]


def _pool(found: Object) -> tuple[str, str]:
    return found["spec"]["driver"], found["spec"]["pool"]["name"]


def _generation(found: Object) -> int:
    return int(found["spec"]["pool"].get("generation") or 0)


def _allocated(seen: Observed) -> set[Key]:
    return {
        (result["driver"], result["pool"], result["device"])
        for claim in seen.of("ResourceClaim")
        for result in (
            ((claim.get("status") or {}).get("allocation") or {}).get("devices") or {}
        ).get("results")
        or []
    }


def _device(driver: str, nodes: list[Object]) -> Device:
    told = device_of(nodes, None)
    if told != "none":
        return told
    return "simulated" if driver.endswith(EXAMPLE) else "real"


def _taints(device: Object) -> list[str]:
    return [
        f"tainted: {taint['key']}={taint.get('value', '')}:{taint['effect']}"
        for taint in device.get("taints") or []
        if taint.get("effect") != "None"
    ]
