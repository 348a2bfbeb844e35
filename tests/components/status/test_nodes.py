from __future__ import annotations

from typing import Any

import pytest

from components.facts import Pool, Quota
from components.status.devices import device_statuses
from components.status.nodes import node_troubles, pool_statuses
from tests.components.status.objects import node, observed, pod

GPU = "nvidia.com/gpu"
EIGHT = {"cpu": "192", GPU: "8", "hugepages-2Mi": "0"}
H100 = {"cnai.dev/pool": "h100", "cnai.dev/device": "simulated"}
WANTED = Pool(name="h100", count=2, quota=Quota(cpu="1", memory="1Gi"), device="simulated")


def asking(name: str, on: str, count: int, phase: str = "Running") -> dict[str, Any]:
    found = pod(name, "a", ready=True, phase=phase)
    found["spec"]["nodeName"] = on
    found["spec"]["containers"][0]["resources"] = {"requests": {GPU: str(count), "cpu": "1"}}
    return found


def test_accelerators_that_no_pod_asked_for_are_free() -> None:
    seen = observed(
        Node=[node("h100-0", labels=H100, capacity=EIGHT), node("h100-1", labels=H100)],
        Pod=[asking("a", "h100-0", 3), asking("ended", "h100-0", 4, "Succeeded")],
    )
    [pool] = pool_statuses([WANTED], seen)
    assert (pool.nodes, pool.ready, pool.want, pool.device) == (2, 2, 2, "simulated")
    [gpus] = pool.accelerators
    assert (gpus.resource, gpus.total, gpus.free) == (GPU, 8, 5)
    assert not pool.degraded


def test_what_runs_before_the_containers_counts_once() -> None:
    found = asking("a", "h100-0", 1)
    found["spec"]["initContainers"] = [{"resources": {"requests": {GPU: "2"}}}]
    seen = observed(Node=[node("h100-0", labels=H100, capacity=EIGHT)], Pod=[found])
    assert pool_statuses([], seen)[0].accelerators[0].free == 6


def test_nodes_that_are_lost_are_missed() -> None:
    [pool] = pool_statuses([WANTED], observed(Node=[node("h100-0", labels=H100)]))
    assert [part.reasons for part in pool.degraded] == [["1 of 2 nodes not there"]]


def test_nodes_outside_of_the_settings_are_shown_too() -> None:
    control = node("cp", labels={"node-role.kubernetes.io/control-plane": ""})
    seen = observed(Node=[control, node("stray")])
    assert [(p.name, p.want) for p in pool_statuses([], seen)] == [
        ("control-plane", None),
        ("other", None),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Ready": ("Unknown", "Kubelet stopped")}, "NotReady: Kubelet stopped"),
        ({"MemoryPressure": ("True", "low")}, "MemoryPressure: low"),
        ({"DiskPressure": ("False", "fine")}, None),
    ],
)
def test_conditions_of_a_node_are_told(
    change: dict[str, tuple[str, str]], said: str | None
) -> None:
    found = node("n")
    [(type_, (status, message))] = change.items()
    told = {"type": type_, "status": status, "message": message}
    found["status"]["conditions"] = [
        told,
        *(c for c in found["status"]["conditions"] if c["type"] != type_),
    ]
    assert node_troubles(found) == ([said] if said else [])


def test_a_node_with_7_of_8_accelerators_is_degraded() -> None:
    found = node("n", capacity=EIGHT, allocatable={**EIGHT, GPU: "7"})
    assert node_troubles(found) == [f"7 of 8 {GPU} usable"]


def test_a_cordoned_node_has_nothing_free() -> None:
    found = node("h100-0", labels=H100, capacity=EIGHT)
    found["spec"]["unschedulable"] = True
    [pool] = pool_statuses([], observed(Node=[found]))
    assert pool.accelerators[0].free == 0
    assert pool.degraded[0].reasons == ["unschedulable: it was cordoned"]


def offered(driver: str, on: str, generation: int, *devices: dict[str, Any]) -> dict[str, Any]:
    pool = {"name": on, "generation": generation}
    spec = {"driver": driver, "pool": pool, "nodeName": on, "devices": list(devices)}
    return {"spec": spec}


def taken(driver: str, on: str, device: str) -> dict[str, Any]:
    result = {"driver": driver, "pool": on, "device": device}
    return {"status": {"allocation": {"devices": {"results": [result]}}}}


def test_devices_are_counted_by_driver_and_pool() -> None:
    tainted = {"name": "gpu-1", "taints": [{"key": "ecc", "effect": "NoSchedule"}]}
    seen = observed(
        Node=[node("w0", labels={"cnai.dev/pool": "workers"})],
        ResourceSlice=[
            offered("gpu.example.com", "w0", 2, {"name": "gpu-0"}, tainted),
            offered("gpu.example.com", "w0", 1, {"name": "gpu-9"}),
            offered("gpu.nvidia.com", "elsewhere", 1, {"name": "gpu-0"}),
        ],
        ResourceClaim=[taken("gpu.example.com", "w0", "gpu-0"), {"status": {}}],
    )
    here, afar = device_statuses(seen)
    assert (here.driver, here.pool, here.device) == ("gpu.example.com", "workers", "simulated")
    assert (here.allocated, here.total) == (1, 2)
    assert [(part.name, part.reasons) for part in here.degraded] == [
        ("w0/gpu-1", ["tainted: ecc=:NoSchedule"])
    ]
    assert (afar.pool, afar.device, afar.allocated) == ("any", "real", 0)
