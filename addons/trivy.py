"""Trivy: what is wrong with what runs: settings, exposed secrets, parts with known holes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import managed
from components.pods import container_security, job, pod_security, resources
from components.probes import Probe, completes, established
from components.workloads import variables

NAME = "trivy"
USER = 65532
SOCKET = "/run/containerd/containerd.sock"
FILES = ("cluster.py", "findings.py", "scan.py")
GROUP = "openreports.io"
RULES: list[Manifest] = [
    {"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": ["list"]},
    {
        "apiGroups": ["apps"],
        "resources": ["daemonsets", "deployments", "statefulsets"],
        "verbs": ["list"],
    },
    {"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["list"]},
    {
        "apiGroups": [GROUP],
        "resources": ["clusterreports", "reports"],
        "verbs": ["create", "delete", "get", "list", "patch"],
    },
]


class TrivySettings(AddonSettings):
    """When and what to scan.

    ``schedule`` is cron's; ``severities`` are those that are reported; ``seconds`` is how long a
    run goes on to new images; ``database`` is where known vulnerabilities are pulled from, a mirror
    perhaps, or empty: then none are looked for.
    """

    schedule: str = "17 */6 * * *"
    severities: tuple[str, ...] = ("MEDIUM", "HIGH", "CRITICAL")
    seconds: int = 150
    database: str = "ghcr.io/aquasecurity/trivy-db:2"


def kinds(ctx: Context) -> Sequence[Path]:
    """Return the kinds of reports: those of the OpenReports project, which no scanner owns."""
    crds = ctx.module("openreports") / "config" / "crd"
    return [crds / f"{GROUP}_{name}.yaml" for name in ("clusterreports", "reports")]


def scanner(ctx: Context, name: str, program: str) -> Manifest:
    """Return a Job that runs one of our scripts beside the images of its node.

    Only the group of containerd's socket reads it, so the user is nobody, its group root's.
    """
    made = job(
        NAME,
        NAME,
        name,
        image=ctx.image(NAME),
        command=["python3", f"/etc/cnai/{program}"],
        user=USER,
        env=variables(
            {
                "HOME": "/tmp",
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "CONTAINERD_ADDRESS": SOCKET,
                "CONTAINERD_NAMESPACE": "k8s.io",
                "DATABASE": ctx.settings.database,
                "GOMAXPROCS": "2",
                "GOMEMLIMIT": "384MiB",
                "IMAGE": ctx.image(NAME),
                "SECONDS_FOR_IMAGES": str(ctx.settings.seconds),
                "SEVERITIES": ",".join(ctx.settings.severities),
            }
        ),
        env_from=[{"secretRef": {"name": "bucket"}}],
        cpu="50m",
        memory="128Mi",
    )
    made["spec"]["backoffLimit"] = 2
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    container["resources"] = resources("50m", "128Mi", "512Mi")
    container["securityContext"] = container_security()
    container["volumeMounts"] += [
        {"name": "program", "mountPath": "/etc/cnai", "readOnly": True},
        {"name": "containerd", "mountPath": SOCKET, "readOnly": True},
    ]
    pod["volumes"] += [
        {"name": "program", "configMap": {"name": NAME}},
        {"name": "containerd", "hostPath": {"path": SOCKET, "type": "Socket"}},
    ]
    pod["securityContext"] = {**pod_security(USER), "runAsGroup": 0}
    pod["serviceAccountName"] = NAME
    pod["automountServiceAccountToken"] = True
    return made


def schedule(ctx: Context) -> Manifest:
    """Return the scan that comes again and again; never two at a time."""
    one = scanner(ctx, NAME, "scan.py")
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": one["metadata"],
        "spec": {
            "schedule": ctx.settings.schedule,
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {
                "spec": {**one["spec"], "backoffLimit": 0, "activeDeadlineSeconds": 1800}
            },
        },
    }


def workloads(ctx: Context) -> list[Manifest]:
    """Return the scanner, its scripts, its rights and its connection."""
    metadata: dict[str, Any] = {"name": NAME, "namespace": NAME, "labels": managed(NAME)}
    whole = {"name": NAME, "labels": managed(NAME)}
    authorization = "rbac.authorization.k8s.io"
    return [
        ctx.bucket(NAME).secret(NAME),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": f"{authorization}/v1",
            "kind": "ClusterRole",
            "metadata": whole,
            "rules": RULES,
        },
        {
            "apiVersion": f"{authorization}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": whole,
            "roleRef": {"apiGroup": authorization, "kind": "ClusterRole", "name": NAME},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAME}],
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {name: script(NAME, name) for name in (*FILES, "proof.py")},
        },
        schedule(ctx),
    ]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that its reports can be written."""
    return tuple(established(f"{name}.{GROUP}") for name in ("clusterreports", "reports"))


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that what was planted is found, and nothing else."""
    return (
        completes(
            "Trivy finds a planted key and a privileged pod, and lists the parts of an image",
            scanner(ctx, "trivy-proof", "proof.py"),
            timeout=600,
        ),
    )


ADDON = Addon(
    name=NAME,
    title="Reports on what runs: settings, exposed secrets, parts with known holes",
    namespace=NAME,
    # A pod with the socket of containerd can do what the node can: the price of images that no
    # registry has.
    privileged=True,
    provides=("scanning",),
    buckets=(NAME,),
    images=(NAME,),
    settings=TrivySettings,
    crds=kinds,
    workloads=workloads,
    ready=ready,
    proof=proof,
)
