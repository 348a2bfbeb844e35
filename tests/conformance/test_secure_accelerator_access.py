"""No accelerator without a claim: containers see what they were given, whatever they ask for."""

from __future__ import annotations

import pytest

from policies.conformance.requirements import Device
from tests.conformance import pods
from tests.conformance.accelerators import accelerators, lines, template
from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
NODES = "; ls /dev | grep -E '^(nvidia|dri|kfd|accel|davinci)' || true"
"""Device files as makers name them; a container that was given nothing has none."""
EVERYTHING = {
    "NVIDIA_VISIBLE_DEVICES": "all",
    "NVIDIA_DRIVER_CAPABILITIES": "all",
    "CUDA_VISIBLE_DEVICES": "0,1",
    "AMD_VISIBLE_DEVICES": "all",
}


def test_a_container_sees_what_it_was_given(case: Case) -> None:
    there = accelerators(case)
    if len(there.per_node[there.node]) < 2:
        case.partial("no node has two devices, so that one could be held back from a claim for one")
    look = there.seen + NODES
    space = case.place()
    at = f"--namespace={space}"
    on = {"nodeSelector": {"kubernetes.io/hostname": there.node}}
    cases = {
        "one": pods.spec(
            pods.shell("claims", look, claims=["device"]),
            pods.shell("beside", look),
            claims={"device": "one"},
            **on,
        ),
        "none": pods.spec(pods.shell("main", look), **on),
        "forged": pods.spec(pods.shell("main", look, env=EVERYTHING), **on),
    }
    made = [
        template("one", space, there.name),
        *(pods.pod(name, space, spec) for name, spec in cases.items()),
    ]
    case.kubectl("apply", "--filename=-", given=made)
    phases = ("get", "pods", at, "--output=jsonpath={.items[*].status.phase}")
    case.until("all end well", phases, lambda said: said.split() == ["Succeeded"] * len(cases))
    case.kubectl("get", "pods", at, "--output=wide")

    def seen(pod: str, container: str) -> list[str]:
        return lines(case.kubectl("logs", pod, at, f"--container={container}"))

    given = seen("one", "claims")
    if case.device is Device.SIMULATED:
        assert len(given) == 1, f"one of two devices was claimed, {len(given)} are seen"
    else:
        # The list of the driver is followed by the device files that belong to it.
        assert len([line for line in given if line.startswith("GPU ")]) == 1
    for pod, container in (("one", "beside"), ("none", "main"), ("forged", "main")):
        assert not seen(pod, container), f"{pod}/{container} has no claim and sees a device"
    _past_the_claim(case, there.node)
    case.implemented(
        "With a claim for one of two devices a container sees one; beside it, without a claim, and"
        " with an environment that asks for all, none. A team's pod cannot mount the node's devices"
    )


def _past_the_claim(case: Case, node: str) -> None:
    """In the namespace of a team no pod is taken that reaches for the node itself."""
    case.note("Ways past the claim, tried in the namespace of a team (nothing is kept):")
    at = f"--namespace={case.platform.namespace}"
    mounted = pods.spec(pods.shell("main", "ls /host"), nodeName=node)
    mounted["volumes"].append({"name": "host", "hostPath": {"path": "/dev"}})
    privileged = pods.spec(pods.shell("main", "ls /dev"), nodeName=node)
    privileged["containers"][0]["securityContext"] = {"privileged": True}
    for name, spec in (("mounts-dev", mounted), ("privileged", privileged)):
        pod = pods.pod(name, case.platform.namespace, spec)
        said = case.refused("create", "--dry-run=server", at, "--filename=-", given=pod)
        assert "forbidden" in said.lower() or "denied" in said.lower(), said
