"""fake-gpu-operator: nodes that say they have NVIDIA GPUs, with the metrics of such.

Everything that asks for ``nvidia.com/gpu`` runs, and nothing computes on a GPU.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from components.addon import Addon, AddonSettings, Context, Manifest
from components.devices import Devices, asking
from components.facts import ClusterFacts
from components.labels import POOL
from components.pods import job, resources
from components.probes import Probe, available, completes

NAME = "fake-gpu-operator"
OWNS = "nvidia-devices"
RESOURCE = "nvidia.com/gpu"


class Settings(AddonSettings):
    """What each worker says that it has; ``memory`` is of one GPU, in MiB."""

    per_node: int = Field(default=2, ge=1, le=16)
    memory: int = Field(default=81559, ge=1)
    product: str = Field(default="NVIDIA-H100-80GB-HBM3-SIMULATED", pattern=r"-SIMULATED$")


def devices(facts: ClusterFacts, settings: Any) -> tuple[Devices, ...]:
    """Say how many devices there seem to be, for the queues."""
    per_node = {pool.name: int(settings.per_node) for pool in facts.without_devices}
    return (Devices(resource=RESOURCE, device="simulated", per_node=per_node),)


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: the platform's own pools are the ones that are simulated."""
    said = ctx.settings
    pool = {"gpuProduct": said.product, "gpuCount": said.per_node, "gpuMemory": said.memory}
    small = {"resources": resources("10m", "32Mi", "128Mi")}
    return {
        "topology": {
            "nodePoolLabelKey": POOL,
            "nodePools": {found.name: pool for found in ctx.facts.without_devices},
        },
        "devicePlugin": small,
        "statusUpdater": small,
        "statusExporter": small,
        "topologyServer": small,
        # Simulated nodes have their devices from the addon that makes them.
        "kwokGpuDevicePlugin": {"enabled": False},
        "migFaker": {"enabled": False},
    }


def sample(ctx: Context) -> Manifest:
    """Return a job that runs where a device is left."""
    made = job(NAME, NAME, "proof", image=ctx.image("curl"), command=["true"], user=65532)
    return asking(made, RESOURCE)


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that what deals out the devices runs."""
    return (available("Deployment", NAME, "status-updater"),)


ADDON = Addon(
    name=NAME,
    title="Nodes that say they have NVIDIA GPUs",
    namespace=NAME,
    provides=("devices", OWNS),
    conflicts=(OWNS,),
    images=(NAME, "curl"),
    settings=Settings,
    chart=NAME,
    # It registers with the kubelet as a device plugin.
    privileged=True,
    values=values,
    ready=ready,
    proof=lambda ctx: (completes("a pod is given a device", sample(ctx)),),
    devices=devices,
)
