"""NVIDIA's driver of dynamic resource allocation: real GPUs that pods claim by what they need.

Not tried where this repository is tested: there is no GPU there.
"""

from __future__ import annotations

from typing import Any, Literal

from components.addon import Addon, AddonSettings, Context, Manifest
from components.devices import API, Devices, claim_template, claiming, tolerating
from components.pods import job, resources
from components.probes import Probe, available, completes

NAME = "nvidia-dra-driver"
CHART = "dra-driver-nvidia-gpu"
CLASS = "gpu.nvidia.com"
RESOURCE = "nvidia.com/gpu"
OWNS = "nvidia-devices"
TEMPLATE = "one-gpu"
Sharing = Literal["exclusive", "time-slicing", "mps"]
GATES: dict[Sharing, dict[str, bool]] = {
    "exclusive": {},
    "time-slicing": {"TimeSlicingSettings": True},
    "mps": {"MPSSupport": True},
}
"""Feature gates of the driver by which a claim may say how its GPU is shared."""


class Settings(AddonSettings):
    """Where the driver lies on a node, whether GPUs of several nodes can be joined, and sharing.

    ``driver_root`` is ``/`` on node images that bring the driver, ``/run/nvidia/driver`` where an
    operator installs it. ``compute_domains`` lets pods of several nodes share memory over NVLink.
    ``sharing`` allows claims to ask for that way; what is shared is said by each claim.
    """

    driver_root: Literal["/", "/run/nvidia/driver"] = "/"
    compute_domains: bool = False
    sharing: Sharing = "exclusive"


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values; the override says that no device plugin runs beside the driver."""
    small = {"resources": resources("20m", "64Mi", "256Mi")}
    return {
        "fullnameOverride": CHART,
        "nvidiaDriverRoot": ctx.settings.driver_root,
        "gpuResourcesEnabledOverride": True,
        # Said, so that charts look the same before there is a cluster to ask.
        "resourceApiVersion": API,
        "resources": {
            "gpus": {"enabled": True},
            "computeDomains": {"enabled": ctx.settings.compute_domains},
        },
        "featureGates": GATES[ctx.settings.sharing],
        "controller": {"replicas": ctx.facts.replicas, "containers": {"computeDomain": small}},
        "kubeletPlugin": {
            "containers": {"gpus": {**small, "securityContext": {"privileged": True}}}
        },
    }


def devices(_facts: Any, _settings: Any) -> tuple[Devices, ...]:
    """Say that claims count as the GPUs of the pools, whose quota is theirs already."""
    return (Devices(resource=RESOURCE, claim=CLASS, device="real"),)


def sample(ctx: Context) -> Manifest:
    """Return a job that claims a GPU and ends when the driver shows it."""
    made = job(
        NAME,
        NAME,
        "proof",
        image=ctx.image("curl"),
        command=["bash", "-euc", 'nvidia-smi --list-gpus | grep "UUID:"'],
        user=65532,
    )
    return tolerating(claiming(made, TEMPLATE), RESOURCE)


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the driver runs on every node that has a GPU."""
    return (available("DaemonSet", NAME, f"{CHART}-kubelet-plugin"),)


ADDON = Addon(
    name=NAME,
    title="NVIDIA GPUs that pods claim (dynamic resource allocation)",
    namespace=NAME,
    requires=("node-features",),
    provides=("devices", OWNS),
    conflicts=(OWNS,),
    images=(NAME, "curl"),
    settings=Settings,
    chart=NAME,
    # It registers with the kubelet and reads the node's devices.
    privileged=True,
    values=values,
    ready=ready,
    resources=lambda _: [claim_template(NAME, TEMPLATE, CLASS)],
    proof=lambda ctx: (completes("a claimed GPU is seen by its pod", sample(ctx)),),
    devices=devices,
)
