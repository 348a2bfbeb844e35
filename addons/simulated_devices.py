"""Simulated devices: every worker offers accelerators that do not exist, and pods claim them.

All else is real: the kubelet's registration, ResourceSlices, the scheduler's allocation, and the
container that finds its device in its environment.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from components.access import account, allow, cluster_role
from components.addon import Addon, AddonSettings, Context, Manifest
from components.devices import API, Devices, claim_template, claiming
from components.facts import ClusterFacts
from components.labels import DEVICE, POOL, managed, selector
from components.pods import container_security, job, resources
from components.probes import available, completes
from components.scrapes import Scrape

NAME = "simulated-devices"
IMAGE = "dra-example-driver"
DRIVER = "gpu.example.com"
"""Name of driver and DeviceClass: upstream's, of a domain that can belong to nobody."""
RESOURCE = "cnai.dev/gpu"
"""What queues count, and what a container may ask for by name instead of by a claim."""
TEMPLATE = "one-device"
METRICS = 8080
KUBELET = "/var/lib/kubelet"
PATHS = {
    "plugins": f"{KUBELET}/plugins",
    "registry": f"{KUBELET}/plugins_registry",
    "cdi": "/var/run/cdi",
}
RULES = (
    allow("", ["nodes"], ["get"]),
    allow("resource.k8s.io", ["resourceclaims"], ["get", "list", "watch"]),
    allow(
        "resource.k8s.io",
        ["resourceslices"],
        ["create", "delete", "get", "list", "patch", "update", "watch"],
    ),
)
GIVEN = 'env | grep "^GPU_DEVICE_[0-9]*=gpu-"'
"""Shell command that fails in a container without a device; what it prints came through CDI."""


class Settings(AddonSettings):
    """``per_node`` is the number of devices that each worker offers."""

    per_node: int = Field(default=2, ge=1, le=128)


def devices(facts: ClusterFacts, settings: Any) -> tuple[Devices, ...]:
    """Say which devices there are, for the queues."""
    per_node = {pool.name: int(settings.per_node) for pool in facts.without_devices}
    return (Devices(resource=RESOURCE, claim=DRIVER, device="simulated", per_node=per_node),)


def driver(ctx: Context) -> Manifest:
    """Return the driver: one pod on each worker, known to its kubelet as a plugin."""
    own = {"fieldRef": {"fieldPath": "spec.nodeName"}}
    uid = {"fieldRef": {"fieldPath": "metadata.uid"}}
    container = {
        "name": "driver",
        "image": ctx.image(IMAGE),
        "imagePullPolicy": "IfNotPresent",
        "command": ["dra-example-kubeletplugin"],
        "env": [
            {"name": "NODE_NAME", "valueFrom": own},
            {"name": "POD_UID", "valueFrom": uid},
            {"name": "DRIVER_NAME", "value": DRIVER},
            {"name": "NUM_DEVICES", "value": str(ctx.settings.per_node)},
            {"name": "CDI_ROOT", "value": PATHS["cdi"]},
            {"name": "METRICS_PORT", "value": str(METRICS)},
        ],
        "securityContext": container_security(),
        "resources": resources("10m", "32Mi", "128Mi"),
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in PATHS.items()],
    }
    where = {
        "key": POOL,
        "operator": "In",
        "values": [pool.name for pool in ctx.facts.without_devices],
    }
    terms = {"nodeSelectorTerms": [{"matchExpressions": [where]}]}
    pod = {
        "serviceAccountName": NAME,
        "priorityClassName": "system-node-critical",
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms},
        },
        # Root owns the kubelet's directories; it has no capability and is not privileged.
        "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": name, "hostPath": {"path": path, "type": "DirectoryOrCreate"}}
            for name, path in PATHS.items()
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAME, "labels": marked()},
        "spec": {
            "selector": {"matchLabels": selector(NAME)},
            "template": {"metadata": {"labels": marked()}, "spec": pod},
        },
    }


def marked() -> dict[str, str]:
    """Return the labels of what must not be taken for a real device."""
    return {**managed(NAME), DEVICE: "simulated"}


def workloads(ctx: Context) -> list[Manifest]:
    """Return the driver, what it may do, and the class by which its devices are claimed."""
    # The driver may write the status of its own devices in claims of its own node, no others.
    claims = {
        "apiGroups": ["resource.k8s.io"],
        "resources": ["resourceclaims/driver"],
        "verbs": ["associated-node:patch", "associated-node:update"],
        "resourceNames": [DRIVER],
    }
    return [
        account(NAME, NAME),
        *cluster_role(NAME, NAME, [*RULES, claims]),
        device_class(),
        driver(ctx),
    ]


def device_class() -> Manifest:
    """Return the class; a container may also ask for one device by the name of a resource."""
    return {
        "apiVersion": API,
        "kind": "DeviceClass",
        "metadata": {"name": DRIVER, "labels": marked()},
        "spec": {
            "selectors": [{"cel": {"expression": f"device.driver == '{DRIVER}'"}}],
            "extendedResourceName": RESOURCE,
        },
    }


def sample(ctx: Context) -> Manifest:
    """Return a job that claims a device and fails when its container was not given one."""
    made = job(
        NAME,
        NAME,
        "proof",
        image=ctx.image("curl"),
        command=["bash", "-euc", GIVEN],
        user=65532,
    )
    return claiming(made, TEMPLATE)


ADDON = Addon(
    name=NAME,
    title="Simulated accelerators on real nodes, given to pods by claims",
    namespace=NAME,
    provides=("devices",),
    images=(IMAGE, "curl"),
    settings=Settings,
    # The driver registers with the kubelet and describes devices to the runtime, by host paths.
    privileged=True,
    scrapes=(Scrape(name=NAME, namespace=NAME, labels=selector(NAME), port=METRICS),),
    workloads=workloads,
    ready=lambda _: (available("DaemonSet", NAME, NAME),),
    resources=lambda _: [claim_template(NAME, TEMPLATE, DRIVER)],
    proof=lambda ctx: (completes("a claimed device comes into its container", sample(ctx)),),
    devices=devices,
)
