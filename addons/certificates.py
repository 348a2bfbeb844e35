"""Certificates that the cluster signs itself, by cert-manager's controllers in one process."""

from __future__ import annotations

from pathlib import Path

from components.access import account, allow, cluster_role, role
from components.addon import Addon, Context, Manifest
from components.certificates import KINDS, authority, proven, sample
from components.labels import selector
from components.pods import container_security, resources
from components.probes import Probe, accepted, available, established
from components.scrapes import Scrape
from components.workloads import Server, mounts

NAME = "certificates"
NAMESPACE = "cert-manager"
USER = 65532
METRICS = 9402
HEALTH = 9403
WATCH = ["get", "list", "watch"]
INJECTED = {
    "admissionregistration.k8s.io": [
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
    ],
    "apiregistration.k8s.io": ["apiservices"],
    "apiextensions.k8s.io": ["customresourcedefinitions"],
}


def access() -> list[Manifest]:
    """Return what the controllers may do, and where: keys lie where they are asked for."""
    change = ["update", "patch"]
    status = [f"{kind}/status" for kind in KINDS]
    rules = [
        allow("cert-manager.io", KINDS, [*WATCH, *change]),
        allow("cert-manager.io", ["certificaterequests"], ["create", "delete"]),
        allow("cert-manager.io", status, change),
        allow("", ["secrets"], [*WATCH, "create", *change, "delete"]),
        allow("", ["events"], ["create", "patch"]),
        allow("events.k8s.io", ["events"], ["create", "patch"]),
        # What an authority is put into, by the annotation cert-manager.io/inject-ca-from.
        *(allow(group, kinds, [*WATCH, *change]) for group, kinds in INJECTED.items()),
    ]
    lease = [allow("coordination.k8s.io", ["leases"], ["create", "get", *change])]
    return [
        account(NAME, NAMESPACE),
        *cluster_role(NAME, NAMESPACE, rules),
        *role(NAME, NAMESPACE, lease),
    ]


def crds(ctx: Context) -> list[Path]:
    """Return the kinds that are served: those of certificates, without those of ACME."""
    folder = ctx.module("cert-manager") / "deploy" / "crds"
    return [folder / f"cert-manager.io_{kind}.yaml" for kind in KINDS]


def server(ctx: Context) -> Server:
    """Return the process; what it knows is in the cluster."""
    check = {"httpGet": {"path": "/healthz", "port": HEALTH}}
    namespace = {
        "name": "POD_NAMESPACE",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}},
    }
    return Server(
        name=NAME,
        namespace=NAMESPACE,
        user=USER,
        account=NAME,
        container={
            "image": ctx.image(NAME),
            "env": [namespace],
            "ports": [{"name": "metrics", "containerPort": METRICS}],
            "readinessProbe": {**check, "periodSeconds": 3},
            "livenessProbe": {**check, "periodSeconds": 30, "timeoutSeconds": 5},
            "securityContext": container_security(),
            "resources": resources("10m", "48Mi", "256Mi"),
            "volumeMounts": mounts(),
        },
    )


def workloads(ctx: Context) -> list[Manifest]:
    """Return the process and what it may do."""
    return [*access(), server(ctx).deployment()]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the kinds are served and that the controllers run."""
    return (
        *(established(f"{kind}.cert-manager.io") for kind in KINDS),
        available("Deployment", NAMESPACE, NAME),
        accepted("a Certificate is accepted", sample(NAMESPACE)),
    )


ADDON = Addon(
    name=NAME,
    title="Certificates that the cluster signs itself",
    namespace=NAMESPACE,
    provides=("certificates",),
    images=(NAME, "curl"),
    crds=crds,
    workloads=workloads,
    ready=ready,
    resources=lambda _: authority(NAMESPACE),
    proof=lambda ctx: proven(NAME, NAMESPACE, image=ctx.image("curl"), user=USER),
    scrapes=(Scrape(name=NAME, namespace=NAMESPACE, labels=selector(NAME), port=METRICS),),
)
