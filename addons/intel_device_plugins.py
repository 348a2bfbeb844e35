"""Intel's device plugin: real Intel GPUs, without an operator between.

Pods ask for ``gpu.intel.com/xe`` or ``gpu.intel.com/i915``, after the kernel module. Not tried
where this repository is tested: there is no such GPU there.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.addon import Addon, AddonSettings, Context, Manifest
from components.devices import asking
from components.labels import managed, selector
from components.pods import container_security, job, resources
from components.probes import Probe, available, completes

NAME = "intel-device-plugins"
OWNS = "intel-devices"
LABEL = "intel.feature.node.kubernetes.io/gpu"
PCI_VENDOR = "8086"
PCI_CLASSES = ["0300", "0380"]
PATHS = {
    "devices": ("/dev/dri", "Directory", True),
    "cards": ("/sys/class/drm", "Directory", True),
    "plugins": ("/var/lib/kubelet/device-plugins", "Directory", False),
    "cdi": ("/var/run/cdi", "DirectoryOrCreate", False),
}
"""Paths of the node that the plugin sees: what has to be there, and whether it only reads it."""


class Settings(AddonSettings):
    """The kernel ``module`` of the GPUs, and how many pods may share one (by turns)."""

    module: Literal["xe", "i915"] = "xe"
    shared: int = Field(default=1, ge=1, le=64)


def rule() -> Manifest:
    """Return the rule that labels the nodes that have such a GPU."""
    pci = {
        "feature": "pci.device",
        "matchExpressions": {
            "vendor": {"op": "In", "value": [PCI_VENDOR]},
            "class": {"op": "In", "value": PCI_CLASSES},
        },
    }
    found = {"name": "intel gpu", "labels": {LABEL: "true"}, "matchFeatures": [pci]}
    return {
        "apiVersion": "nfd.k8s-sigs.io/v1alpha1",
        "kind": "NodeFeatureRule",
        "metadata": {"name": NAME, "labels": managed(NAME)},
        "spec": {"rules": [found]},
    }


def plugin(ctx: Context) -> Manifest:
    """Return the plugin: one pod on each node that has a GPU."""
    own = {"fieldRef": {"fieldPath": "spec.nodeName"}}
    container = {
        "name": "plugin",
        "image": ctx.image(NAME),
        "imagePullPolicy": "IfNotPresent",
        "args": [f"-shared-dev-num={ctx.settings.shared}"],
        "env": [{"name": "NODE_NAME", "valueFrom": own}],
        "securityContext": container_security(),
        "resources": resources("20m", "48Mi", "128Mi"),
        "volumeMounts": [
            {"name": name, "mountPath": path, "readOnly": reads}
            for name, (path, _, reads) in PATHS.items()
        ],
    }
    pod = {
        "automountServiceAccountToken": False,
        "nodeSelector": {LABEL: "true"},
        # Root owns the kubelet's directory; it has no capability and is not privileged.
        "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": name, "hostPath": {"path": path, "type": kind}}
            for name, (path, kind, _) in PATHS.items()
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAME, "labels": managed(NAME)},
        "spec": {
            "selector": {"matchLabels": selector(NAME)},
            "template": {"metadata": {"labels": managed(NAME)}, "spec": pod},
        },
    }


def sample(ctx: Context) -> Manifest:
    """Return a job that asks for a GPU and ends when it finds the device file."""
    look = "ls /dev/dri | grep render"
    made = job(
        NAME, NAME, "proof", image=ctx.image("curl"), command=["bash", "-euc", look], user=65532
    )
    return asking(made, f"gpu.intel.com/{ctx.settings.module}")


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the plugin runs on every node that has a GPU."""
    return (available("DaemonSet", NAME, NAME),)


ADDON = Addon(
    name=NAME,
    title="Intel GPUs for pods",
    namespace=NAME,
    requires=("node-features",),
    provides=("devices", OWNS),
    conflicts=(OWNS,),
    images=(NAME, "curl"),
    settings=Settings,
    # It registers with the kubelet and gives the node's device files to pods.
    privileged=True,
    workloads=lambda ctx: [rule(), plugin(ctx)],
    ready=ready,
    proof=lambda ctx: (completes("a pod sees a GPU", sample(ctx)),),
)
