"""A sandbox: a pod whose kernel is not that of its node."""

from __future__ import annotations

import pytest

from tests.conformance import pods
from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
SANDBOXES = ("runsc", "gvisor", "kata")
KERNEL = "cat /proc/version"


def test_a_pod_has_a_kernel_of_its_own(case: Case) -> None:
    case.kubectl("get", "runtimeclasses.node.k8s.io")
    found = {
        entry["metadata"]["name"]: entry["handler"]
        for entry in case.every("runtimeclasses.node.k8s.io")
        if any(word in entry["handler"] for word in SANDBOXES)
    }
    if not found:
        case.not_implemented(
            "no RuntimeClass names a sandbox (gVisor, Kata): the nodes have runc alone"
        )
    space, name = case.place(), min(found)
    at = f"--namespace={space}"
    kinds = {"plain": {}, "sandboxed": {"runtimeClassName": name}}
    made = [
        pods.pod(kind, space, pods.spec(pods.shell("main", KERNEL), **more))
        for kind, more in kinds.items()
    ]
    case.kubectl("apply", "--filename=-", given=made)
    phases = ("get", "pods", at, "--output=jsonpath={.items[*].status.phase}")
    case.until("both end well", phases, lambda said: said.split() == ["Succeeded"] * 2)
    plain, sandboxed = (case.kubectl("logs", kind, at).strip() for kind in kinds)
    assert plain != sandboxed, "the sandbox shows the kernel of the node"
    case.implemented(f"In RuntimeClass {name} a pod sees another kernel: {sandboxed}")
