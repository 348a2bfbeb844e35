"""Simulated devices: every worker offers accelerators that do not exist, and pods claim them.

All else is real: the kubelet's registration, ResourceSlices, the scheduler's allocation, and the
container that finds its device in its environment.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from components.addon import Addon, AddonSettings, Context, Manifest
from components.devices import Devices
from components.facts import ClusterFacts, Pool
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
API = "resource.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io"
TEMPLATE = "one-device"
METRICS = 8080
KUBELET = "/var/lib/kubelet"
PATHS = {
    "plugins": f"{KUBELET}/plugins",
    "registry": f"{KUBELET}/plugins_registry",
    "cdi": "/var/run/cdi",
}
RULES: list[dict[str, Any]] = [
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]},
    {
        "apiGroups": ["resource.k8s.io"],
        "resources": ["resourceclaims"],
        "verbs": ["get", "list", "watch"],
    },
    {
        "apiGroups": ["resource.k8s.io"],
        "resources": ["resourceslices"],
        "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
    },
]
GIVEN = 'env | grep "^GPU_DEVICE_[0-9]*=gpu-"'
"""Shell command that fails in a container without a device; what it prints came through CDI."""


class Settings(AddonSettings):
    """``per_node`` is the number of devices that each worker offers."""

    per_node: int = Field(default=2, ge=1, le=128)


def pools(facts: ClusterFacts) -> list[Pool]:
    """Return the pools of nodes that exist and have no accelerator of their own."""
    return [pool for pool in facts.pools if pool.device == "none"]


def devices(facts: ClusterFacts, settings: Any) -> tuple[Devices, ...]:
    """Say which devices there are, for the queues."""
    per_node = {pool.name: int(settings.per_node) for pool in pools(facts)}
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
    where = {"key": POOL, "operator": "In", "values": [pool.name for pool in pools(ctx.facts)]}
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
    cluster = {"name": f"cnai-{NAME}", "labels": managed(NAME)}
    here = {"name": NAME, "namespace": NAME, "labels": managed(NAME)}
    # The driver may write the status of its own devices in claims of its own node, no others.
    claims = {
        "apiGroups": ["resource.k8s.io"],
        "resources": ["resourceclaims/driver"],
        "verbs": ["associated-node:patch", "associated-node:update"],
        "resourceNames": [DRIVER],
    }
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": cluster["name"]}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": cluster,
            "rules": [*RULES, claims],
        },
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": cluster,
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAME}],
        },
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


def template() -> Manifest:
    """Return the template of a claim of one device."""
    request = {"name": "device", "exactly": {"deviceClassName": DRIVER, "count": 1}}
    return {
        "apiVersion": API,
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": TEMPLATE, "namespace": NAME, "labels": managed(NAME)},
        "spec": {"spec": {"devices": {"requests": [request]}}},
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
    pod = made["spec"]["template"]["spec"]
    pod["resourceClaims"] = [{"name": "device", "resourceClaimTemplateName": TEMPLATE}]
    pod["containers"][0]["resources"]["claims"] = [{"name": "device"}]
    return made


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
    resources=lambda _: [template()],
    proof=lambda ctx: (completes("a claimed device comes into its container", sample(ctx)),),
    devices=devices,
)
