"""JobSet: groups of Jobs that start, restart and end as one; the ground of distributed training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.access import allow
from components.addon import Addon, Context
from components.pods import container_security, pod_security, resources
from components.probes import Probe, accepted, available, completes, established
from components.scrapes import Scrape
from components.team import WRITE, Share, Team

NAME = "jobset"
NAMESPACE = "jobset-system"
USER = 65532


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: the released image instead of the chart's moving one, small requests."""
    repository, tag = ctx.image(NAME).rsplit(":", 1)
    return {
        "fullnameOverride": NAME,
        "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        "controller": {
            "replicas": ctx.facts.replicas,
            # Its caches hold every Job and pod of the cluster, also those that are none of its own.
            "resources": resources("20m", "64Mi", "1Gi"),
        },
    }


def crds(ctx: Context) -> Sequence[Path]:
    """Return the kind JobSet."""
    return sorted((ctx.module(NAME) / "config" / "components" / "crd" / "bases").glob("*.yaml"))


def sample(ctx: Context) -> dict[str, Any]:
    """Return the smallest JobSet: one job, one pod, which ends at once."""
    container = {
        "name": "main",
        "image": ctx.image("curl"),
        "imagePullPolicy": "IfNotPresent",
        "command": ["true"],
        "securityContext": container_security(),
        "resources": resources("10m", "16Mi"),
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": pod_security(USER),
        "containers": [container],
    }
    job = {"spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "proof", "namespace": NAMESPACE},
        "spec": {"replicatedJobs": [{"name": "main", "replicas": 1, "template": job}]},
    }


def ready(ctx: Context) -> tuple[Probe, ...]:
    """Claim that the kind is served and that its webhooks answer."""
    return (
        established("jobsets.jobset.x-k8s.io"),
        available("Deployment", NAMESPACE, "jobset-controller"),
        accepted("the webhooks of JobSet answer", sample(ctx)),
    )


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that a JobSet runs to its end."""
    return (completes("a JobSet completes", sample(ctx), type_="Completed"),)


def per_team(_ctx: Context, _team: Team) -> Share:
    """Let members work with groups of Jobs."""
    return Share(rules=[allow("jobset.x-k8s.io", ["jobsets"], WRITE)])


ADDON = Addon(
    name=NAME,
    title="Groups of Jobs that start, restart and end as one",
    namespace=NAMESPACE,
    images=("jobset", "curl"),
    chart=NAME,
    crds=crds,
    values=values,
    ready=ready,
    per_team=per_team,
    proof=proof,
    scrapes=(
        Scrape(
            name=NAME,
            namespace=NAMESPACE,
            labels={"app.kubernetes.io/name": "jobset"},
            port=8443,
            secure=True,
        ),
    ),
)
