"""One accelerator for several pods, which say how they share it."""

from __future__ import annotations

import pytest

from components.devices import API
from policies.conformance.requirements import Device
from tests.conformance import pods
from tests.conformance.accelerators import accelerators, devices, lines
from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
KINDS = {
    "gpu.example.com": "gpu.resource.example.com/v1alpha1",
    "gpu.nvidia.com": "resource.nvidia.com/v1beta1",
}
"""By driver: the version of the kind GpuConfig in which a claim says how a device is shared."""
SHARERS = ("first", "second")


def has_lines(said: str) -> bool:
    return bool(lines(said))


def test_two_pods_take_turns_on_one_device(case: Case) -> None:
    there = accelerators(case)
    turns: dict[str, object] = {"strategy": "TimeSlicing"}
    if there.device is Device.SIMULATED:
        turns["timeSlicingConfig"] = {"interval": "Long"}
    parameters = {"apiVersion": KINDS[there.driver], "kind": "GpuConfig", "sharing": turns}
    config = {
        "requests": ["device"],
        "opaque": {"driver": there.driver, "parameters": parameters},
    }
    space = case.place()
    at = f"--namespace={space}"
    claim = {
        "apiVersion": API,
        "kind": "ResourceClaim",
        "metadata": {"name": "shared", "namespace": space},
        "spec": devices(there.name, config=config),
    }
    both = pods.spec(
        pods.shell("main", f"{there.seen}; env | grep SHARING; {pods.HOLD}", claims=["device"]),
        resourceClaims=[{"name": "device", "resourceClaimName": "shared"}],
    )
    made = [claim, *(pods.pod(name, space, both) for name in SHARERS)]
    case.kubectl("apply", "--filename=-", given=made)
    phases = ("get", "pods", at, "--output=jsonpath={.items[*].status.phase}")
    case.until("both pods run at once", phases, lambda said: said.split() == ["Running"] * 2)
    case.kubectl("get", "resourceclaims.resource.k8s.io", "shared", at, "--output=yaml")
    seen = [
        lines(case.until(f"{name} sees a device", ("logs", name, at), has_lines))
        for name in SHARERS
    ]
    assert seen[0] == seen[1], "the pods see different devices"
    case.implemented(
        f"Two pods run at once on one device, by one claim that asks for turns: {seen[0]}"
    )
