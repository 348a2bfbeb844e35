"""Node Feature Discovery: what a node's hardware and kernel can do, as labels of the node.

Drivers of accelerators are sent by these labels to the nodes that have the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.addon import Addon, Context, Manifest
from components.labels import DOMAIN, managed
from components.pods import job, resources
from components.probes import Probe, available, completes, established
from components.scrapes import Scrape

NAME = "node-feature-discovery"
DISCOVERED = f"{DOMAIN}/features"
"""Label that the platform's own rule gives to every node whose features are known."""
PCI_CLASSES = ["02", "0200", "0207", "0300", "0302", "12"]
"""Network cards, display and 3D controllers, accelerators: what the vendors' operators ask for."""
TAINTS = ["nvidia.com/gpu", "amd.com/gpu"]
"""What clouds keep other pods from accelerators with."""
USER = 65534


def crds(ctx: Context) -> Sequence[Path]:
    """Return the files that define its kinds."""
    folder = ctx.module(NAME) / "deployment" / "helm" / NAME / "crds"
    return (folder / "nfd-api-crds.yaml",)


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: PCI devices labelled by vendor, which the operators rely on."""
    repository, tag = ctx.image(NAME).rsplit(":", 1)
    security = {"runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"}}
    pci = {"deviceClassWhitelist": PCI_CLASSES, "deviceLabelFields": ["vendor"]}
    return {
        "fullnameOverride": NAME,
        "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        # A hook, which is never run here.
        "postDeleteCleanup": False,
        "master": {
            "replicaCount": ctx.facts.replicas,
            "podSecurityContext": security,
            "resources": resources("10m", "48Mi", "256Mi"),
            # Not on the control plane, which has the images of its own pods only.
            "tolerations": [],
        },
        "worker": {
            "podSecurityContext": security,
            "resources": resources("5m", "32Mi", "128Mi"),
            "config": {"core": {"sleepInterval": "60s"}, "sources": {"pci": pci}},
            "tolerations": [{"operator": "Exists", "key": key} for key in TAINTS],
        },
        "gc": {
            "podSecurityContext": security,
            "resources": resources("5m", "32Mi", "128Mi"),
        },
        "topologyUpdater": {"enable": False},
    }


def rule() -> Manifest:
    """Return the rule that labels a node as soon as its kernel is known."""
    known = {"feature": "kernel.version", "matchExpressions": {"major": {"op": "Exists"}}}
    discovered = {
        "name": "discovered",
        "labels": {DISCOVERED: "discovered"},
        "matchFeatures": [known],
    }
    return {
        "apiVersion": "nfd.k8s-sigs.io/v1alpha1",
        "kind": "NodeFeatureRule",
        "metadata": {"name": "cnai", "labels": managed(NAME)},
        "spec": {"rules": [discovered]},
    }


def sample(ctx: Context) -> Manifest:
    """Return a job that only a node with the label of the rule can run."""
    made = job(NAME, NAME, "proof", image=ctx.image("curl"), command=["true"], user=65532)
    made["spec"]["template"]["spec"]["nodeSelector"] = {DISCOVERED: "discovered"}
    return made


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that its kinds are served and its master and workers run."""
    return (
        established("nodefeatures.nfd.k8s-sigs.io"),
        established("nodefeaturerules.nfd.k8s-sigs.io"),
        available("Deployment", NAME, f"{NAME}-master"),
        available("DaemonSet", NAME, f"{NAME}-worker"),
    )


ADDON = Addon(
    name=NAME,
    title="What the nodes' hardware and kernel can do, as labels",
    namespace=NAME,
    provides=("node-features",),
    images=(NAME, "curl"),
    chart=NAME,
    # Its workers look at the node's /sys, /boot and /lib through host paths, read-only.
    privileged=True,
    scrapes=(Scrape(name=NAME, namespace=NAME, labels={"role": "master"}, port=8080),),
    crds=crds,
    values=values,
    ready=ready,
    resources=lambda _: [rule()],
    proof=lambda ctx: (completes("a node got the label of a rule", sample(ctx)),),
)
