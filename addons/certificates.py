"""Certificates that the cluster signs itself, by cert-manager's controllers in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.addon import Addon, Context, Manifest
from components.certificates import KINDS, authority, proven, sample
from components.labels import managed, selector
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

RULES: list[dict[str, Any]] = [
    {
        "apiGroups": ["cert-manager.io"],
        "resources": list(KINDS),
        "verbs": [*WATCH, "update", "patch"],
    },
    {
        "apiGroups": ["cert-manager.io"],
        "resources": ["certificaterequests"],
        "verbs": ["create", "delete"],
    },
    {
        "apiGroups": ["cert-manager.io"],
        "resources": [f"{kind}/status" for kind in KINDS],
        "verbs": ["update", "patch"],
    },
    # Keys and certificates are kept in the namespace of whoever asks for them.
    {
        "apiGroups": [""],
        "resources": ["secrets"],
        "verbs": [*WATCH, "create", "update", "patch", "delete"],
    },
    {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
    # Where an authority is put in, by the annotation cert-manager.io/inject-ca-from.
    {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
        "verbs": [*WATCH, "update", "patch"],
    },
    {
        "apiGroups": ["apiregistration.k8s.io"],
        "resources": ["apiservices"],
        "verbs": [*WATCH, "update", "patch"],
    },
    {
        "apiGroups": ["apiextensions.k8s.io"],
        "resources": ["customresourcedefinitions"],
        "verbs": [*WATCH, "update", "patch"],
    },
]
LEASES = [
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["create", "get", "update", "patch"],
    }
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
    served = server(ctx)
    subjects = [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}]
    bound: list[Manifest] = []
    for kind, rules, metadata in (
        ("ClusterRole", RULES, {"name": f"cnai-{NAME}", "labels": managed(NAME)}),
        ("Role", LEASES, served.metadata),
    ):
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": metadata["name"]}
        api = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata}
        bound += [
            {**api, "kind": kind, "rules": rules},
            {**api, "kind": f"{kind}Binding", "roleRef": role, "subjects": subjects},
        ]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": served.metadata}
    return [account, *bound, served.deployment()]


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
