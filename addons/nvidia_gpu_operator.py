"""NVIDIA GPU Operator: driver, container toolkit, device plugin and metrics of real NVIDIA GPUs.

Pods ask for ``nvidia.com/gpu``. Not tried where this repository is tested: there is no GPU there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from components.addon import Addon, AddonSettings, Context, Manifest
from components.devices import asking, tolerating
from components.pods import job, resources
from components.probes import Probe, available, completes, condition

NAME = "nvidia-gpu-operator"
NAMESPACE = "gpu-operator"
OWNS = "nvidia-devices"
"""Capability of whatever gives out a node's NVIDIA GPUs: there can be one such owner."""
WHOLE = "nvidia.com/gpu"
PROFILE = r"^[1-7]g\.[0-9]{1,3}gb$"
CONFIG = "shared"
DRIVER_SECONDS = 1800
"""A driver is compiled for the node's kernel before the first device can be given out."""

By = Literal["operator", "preinstalled"]


class Settings(AddonSettings):
    """Who installs driver and toolkit, and the one way, if any, in which GPUs are shared.

    ``driver`` and ``toolkit`` are ``preinstalled`` on node images that bring them (GKE's, EKS's
    accelerated ones). ``mig_strategy`` cuts GPUs into ``mig_profile`` parts with memory of their
    own; ``time_slicing`` and ``mps`` give one GPU to that many pods at a time, by turns or at once.
    """

    driver: By = "operator"
    toolkit: By = "operator"
    mig_strategy: Literal["none", "single", "mixed"] = "none"
    mig_profile: str | None = Field(default=None, pattern=PROFILE)
    time_slicing: int | None = Field(default=None, ge=2, le=64)
    mps: int | None = Field(default=None, ge=2, le=48)

    @model_validator(mode="after")
    def _one_way(self) -> Settings:
        ways = {
            "mig_strategy": self.mig_strategy != "none",
            "time_slicing": self.time_slicing is not None,
            "mps": self.mps is not None,
        }
        if sum(ways.values()) > 1:
            named = ", ".join(way for way, said in ways.items() if said)
            raise ValueError(f"GPUs are shared in one way, and these are several: {named}")
        if ways["mig_strategy"] != (self.mig_profile is not None):
            raise ValueError("mig_strategy and mig_profile are said together, or neither is")
        return self


def shared(settings: Settings) -> Manifest | None:
    """Return the device plugin's configuration, where GPUs are shared without being cut. Pure."""
    ways = {"timeSlicing": settings.time_slicing, "mps": settings.mps}
    chosen = {
        way: {"resources": [{"name": WHOLE, "replicas": replicas}]}
        for way, replicas in ways.items()
        if replicas
    }
    return {"version": "v1", "sharing": chosen} if chosen else None


def resource(settings: Settings) -> str:
    """Return the resource by which a pod asks for the smallest device there is. Pure."""
    if settings.mig_strategy == "mixed":
        return f"nvidia.com/mig-{settings.mig_profile}"
    return WHOLE


def plugin(settings: Settings) -> Manifest:
    """Return the device plugin's values. Pure."""
    config = shared(settings)
    if config is None:
        return {"enabled": True}
    data = {CONFIG: yaml.safe_dump(config, sort_keys=False)}
    named = {"create": True, "name": "device-plugin", "default": CONFIG, "data": data}
    return {"enabled": True, "config": named}


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: the device plugin's model, nothing that another addon brings."""
    settings = ctx.settings
    found: dict[str, Any] = {
        # Two Node Feature Discoveries in one cluster undo each other's labels.
        "nfd": {"enabled": False},
        "operator": {"resources": resources("100m", "128Mi", "512Mi")},
        # CRDs come with the chart and are upgraded like all else; the hook never runs.
        "driver": {"enabled": settings.driver == "operator"},
        "toolkit": {"enabled": settings.toolkit == "operator"},
        "devicePlugin": plugin(settings),
        "mig": {"strategy": settings.mig_strategy},
        "cdi": {"enabled": True},
        # The metrics are found by the platform's own collector, without a ServiceMonitor.
        "dcgmExporter": {"enabled": True, "serviceMonitor": {"enabled": False}},
    }
    if settings.mig_profile:
        found["migManager"] = {"config": {"default": f"all-{settings.mig_profile}"}}
    return found


def sample(ctx: Context) -> Manifest:
    """Return a job that asks for a device and ends when the driver shows it."""
    look = 'nvidia-smi --list-gpus | grep "UUID:"'
    made = job(
        NAME,
        NAMESPACE,
        "proof",
        image=ctx.image("curl"),
        command=["bash", "-euc", look],
        user=65532,
    )
    return tolerating(asking(made, resource(ctx.settings)), WHOLE)


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that all that it manages on the nodes is up, and that a pod is given a GPU."""
    managed = condition("nvidia.com/v1", "ClusterPolicy", "cluster-policy", "Ready")
    return (
        replace(managed, timeout=DRIVER_SECONDS),
        completes("a pod sees a GPU", sample(ctx)),
    )


ADDON = Addon(
    name=NAME,
    title="Driver, device plugin and metrics of NVIDIA GPUs",
    namespace=NAMESPACE,
    requires=("node-features",),
    provides=("devices", OWNS),
    conflicts=(OWNS,),
    images=(NAME, "curl"),
    settings=Settings,
    chart=NAME,
    # It installs kernel modules and configures the container runtime of the nodes.
    privileged=True,
    values=values,
    ready=lambda _: (available("Deployment", NAMESPACE, "gpu-operator"),),
    proof=proof,
)
