"""More than one network: an interface that is found, claimed and attached to a pod."""

from __future__ import annotations

import pytest

from policies.conformance.requirements import Device
from tests.conformance import pods
from tests.conformance.accelerators import SLICES, template
from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
DRIVER = "dra.net"


def test_a_pod_has_a_second_interface(case: Case) -> None:
    case.kubectl("get", "deviceclasses.resource.k8s.io", check=False)
    told = [each["spec"] for each in case.every(SLICES) if each["spec"]["driver"] == DRIVER]
    classes = [
        each["metadata"]["name"]
        for each in case.every("deviceclasses.resource.k8s.io")
        if DRIVER in str(each["spec"])
    ]
    if not (told and classes):
        case.not_implemented(
            "no driver offers network interfaces to claims (as DRANET does) and no second network"
            " can be attached: pods have the pod network and nothing else"
        )
    attributes = str([device.get("attributes") for each in told for device in each["devices"]])
    case.device = Device.REAL if "'rdma': {'bool': True}" in attributes else Device.SIMULATED
    space = case.place()
    at = f"--namespace={space}"
    given = pods.spec(
        pods.shell("main", "ls /sys/class/net", claims=["net"]), claims={"net": "one"}
    )
    made = [template("one", space, classes[0]), pods.pod("attached", space, given)]
    case.kubectl("apply", "--filename=-", given=made)
    ended = ("get", "pod", "attached", at, "--output=jsonpath={.status.phase}")
    case.until("the pod ends well", ended, lambda said: said == "Succeeded")
    found = set(case.kubectl("logs", "attached", at).split()) - {"lo"}
    assert len(found) > 1, f"the pod has one interface: {found}"
    case.implemented(f"A pod that claimed an interface has {len(found)}: {sorted(found)}")
