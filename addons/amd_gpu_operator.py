"""AMD GPU Operator: driver, device plugin and metrics of real AMD Instinct GPUs.

Pods ask for ``amd.com/gpu``. Not tried where this repository is tested: there is no GPU there.
"""

from __future__ import annotations

from typing import Any, Literal

from components.addon import Addon, AddonSettings, Context, Manifest
from components.devices import asking, tolerating
from components.pods import job, resources
from components.probes import Probe, available, completes

NAME = "amd-gpu-operator"
NAMESPACE = "kube-amd-gpu"
OWNS = "amd-devices"
RESOURCE = "amd.com/gpu"
DRIVER_SECONDS = 1800


class Settings(AddonSettings):
    """Who installs the driver, and whether a GPU's partitions are named apart.

    ``driver`` is ``preinstalled`` where the kernel's own module or the node image's is used.
    ``partitions`` is ``mixed`` where GPUs of one node are cut in different ways.
    """

    driver: Literal["operator", "preinstalled"] = "preinstalled"
    partitions: Literal["single", "mixed"] = "single"


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: no second Node Feature Discovery, no workflows of its own."""
    managed = ctx.settings.driver == "operator"
    repository, tag = ctx.image(NAME).rsplit(":", 1)
    return {
        "node-feature-discovery": {"enabled": False},
        "installdefaultNFDRule": True,
        "kmm": {"enabled": managed},
        "remediation": {"enabled": False},
        "deviceConfig": {
            "spec": {
                "driver": {"enable": managed},
                "devicePlugin": {
                    "devicePluginArguments": {"resource_naming_strategy": ctx.settings.partitions},
                    "enableNodeLabeller": True,
                },
                "metricsExporter": {"enable": True},
            }
        },
        "controllerManager": {
            "replicas": ctx.facts.replicas,
            "manager": {
                "image": {"repository": repository, "tag": tag},
                "imagePullPolicy": "IfNotPresent",
                "resources": resources("50m", "128Mi", "512Mi"),
            },
        },
    }


def sample(ctx: Context) -> Manifest:
    """Return a job that asks for a GPU and ends when it finds the device files."""
    look = "test -c /dev/kfd && ls /dev/dri | grep render"
    made = job(
        NAME,
        NAMESPACE,
        "proof",
        image=ctx.image("curl"),
        command=["bash", "-euc", look],
        user=65532,
    )
    return tolerating(asking(made, RESOURCE), RESOURCE)


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the operator runs."""
    return (available("Deployment", NAMESPACE, f"{NAME}-gpu-operator-charts-controller-manager"),)


ADDON = Addon(
    name=NAME,
    title="Driver, device plugin and metrics of AMD GPUs",
    namespace=NAMESPACE,
    requires=("node-features", "certificates"),
    provides=("devices", OWNS),
    conflicts=(OWNS,),
    images=(NAME, "curl"),
    settings=Settings,
    chart=NAME,
    # It loads kernel modules and registers with the kubelet.
    privileged=True,
    values=values,
    ready=ready,
    proof=lambda ctx: (completes("a pod sees a GPU", sample(ctx), timeout=DRIVER_SECONDS),),
)
